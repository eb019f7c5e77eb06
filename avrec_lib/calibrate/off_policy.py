"""Do the intervals of off-policy estimates hold the truth? Asked of simulated logs whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import polars as pl

from avrec_lib.calibrate.bandit_worlds import drawn_options
from avrec_lib.calibrate.many import Row, over_seeds
from avrec_lib.calibrate.shares import exact_share
from avrec_lib.evaluate.off_policy.estimators import (
    DoublyRobust,
    Estimator,
    InversePropensity,
    SelfNormalised,
    SelfNormalisedDoublyRobust,
    evidence_of,
)
from avrec_lib.evaluate.off_policy.intervals import estimates_table
from avrec_lib.evaluate.off_policy.reward_models import RewardModel, predicted_rewards
from avrec_lib.evaluate.off_policy.support import kish
from avrec_lib.simulate.bandits import bandit

ESTIMATORS: tuple[Estimator, ...] = (
    InversePropensity(),
    SelfNormalised(),
    DoublyRobust(),
    SelfNormalisedDoublyRobust(),
)
"""Those whose intervals promise the truth 95 times of 100."""


def coverage(
    worlds: int = 1000, *, seed: int = 0, model: RewardModel = "ridge", resamples: int = 400, workers: int = 1
) -> pl.DataFrame:  # fmt: skip
    """How many 95 % intervals hold the truth in worlds with support, by estimator (`coverage_of` of all worlds)."""
    return coverage_of(coverage_worlds(worlds, seed=seed, model=model, resamples=resamples, workers=workers))


def coverage_worlds(
    worlds: int = 1000, *, seed: int = 0, model: RewardModel = "ridge", resamples: int = 400, workers: int = 1
) -> pl.DataFrame:  # fmt: skip
    """One row a world and estimator: what `estimates_table` says, and the truth.

    Worlds are `drawn_options` of the seeds from `seed` on, a log each, rewards cross-fitted by `model`. Columns
    world, estimator, value, low, high, standard_error, users, fewest, truth, held (the truth lies in the interval; an
    undefined interval holds nothing), effective_share (effective sample size of the weights over rounds),
    largest_weight, and the knobs of the world.
    """
    task = partial(_estimated, model=model, resamples=resamples)
    rows = over_seeds(task, range(seed, seed + worlds), workers, "Coverage of intervals")
    inside = pl.col("truth").is_between("low", "high").fill_null(False)
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(held=inside)


def coverage_of(table: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Rows of `coverage_worlds` counted by estimator and the columns `by`.

    Columns worlds, undefined (without interval), held, share with its exact 95 % interval low and high, too_high and
    too_low (the interval lies above or below the truth), few (worlds in which too few users carry the value).
    """
    counted = table.group_by(*by, "estimator", maintain_order=True).agg(
        worlds=pl.len(),
        undefined=pl.col("low").is_null().sum(),
        held=pl.col("held").sum(),
        too_high=(pl.col("low") > pl.col("truth")).sum(),
        too_low=(pl.col("high") < pl.col("truth")).sum(),
        few=(pl.col("users") < pl.col("fewest")).sum(),
    )
    columns = ("worlds", "undefined", "held", "share", "low", "high", "too_high", "too_low", "few")
    return exact_share(counted, count="held", of="worlds").select(*by, "estimator", *columns)


def _estimated(seed: int, model: RewardModel, resamples: int) -> list[Row]:
    options = drawn_options(seed)
    known = bandit(options, seed)
    evidence = evidence_of(known.log, known.target, predicted_rewards(known.log, model, seed=seed))
    weights = evidence.weights
    of_world = asdict(options) | {
        "world": seed,
        "truth": known.value,
        "effective_share": kish(weights) / len(weights),
        "largest_weight": float(weights.max()),
    }
    table = estimates_table(ESTIMATORS, evidence, resamples=resamples, seed=seed)
    return [row | of_world for row in table.drop("says").to_dicts()]
