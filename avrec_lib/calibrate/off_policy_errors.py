"""How far off are the estimators? Relative errors over many logs whose truth is known."""

from __future__ import annotations

from functools import partial
from typing import Literal, get_args

import polars as pl

from avrec_lib.calibrate.many import Row, over_seeds
from avrec_lib.errors import unknown_name
from avrec_lib.evaluate.off_policy.estimators import (
    DirectMethod,
    DoublyRobust,
    Estimator,
    InversePropensity,
    SelfNormalised,
    SelfNormalisedDoublyRobust,
    estimate,
    evidence_of,
)
from avrec_lib.evaluate.off_policy.reward_models import RewardModel, predicted_rewards
from avrec_lib.evaluate.off_policy.slope import FAMILIES, tuned
from avrec_lib.simulate.bandit_options import BanditOptions
from avrec_lib.simulate.bandits import bandit
from avrec_lib.simulate.classification_bandit import classification_bandit

Data = Literal["digits", "synthetic"]

SYNTHETIC = BanditOptions(
    rounds=10_000, actions=30, context_dimensions=10, mean_reward=0.5, logging_sharpness=0.5, target_sharpness=1.0,
)  # fmt: skip
"""As many rounds, actions and contexts as the published synthetic table; its rewards and policies are not the same."""
FIXED: tuple[Estimator, ...] = (
    DirectMethod(),
    InversePropensity(),
    SelfNormalised(),
    DoublyRobust(),
    SelfNormalisedDoublyRobust(),
)
PUBLISHED: dict[Data, dict[str, float]] = {
    "digits": {"DM": 0.437, "IPS": 0.030, "SNIPS": 0.0228, "DR": 0.0162, "SNDR": 0.0221, "Switch-DR": 0.0347,
               "DRos": 0.0159},
    "synthetic": {"DM": 0.074, "IPS": 0.0095, "SNIPS": 0.0067, "DR": 0.0062, "SNDR": 0.0061, "Switch-DR": 0.0062,
                  "DRos": 0.022},
}  # fmt: skip
"""Mean relative errors that the Open Bandit Pipeline prints for its own examples (30 runs), by our names."""


def errors(
    seeds: int = 100, data: Data = "digits", *, seed: int = 0, model: RewardModel = "LightGBM", workers: int = 1
) -> pl.DataFrame:  # fmt: skip
    """Mean relative error |estimate − truth| / truth of each estimator (`errors_of` of all logs)."""
    return errors_of(error_runs(seeds, data, seed=seed, model=model, workers=workers), data)


def error_runs(
    seeds: int = 100, data: Data = "digits", *, seed: int = 0, model: RewardModel = "LightGBM", workers: int = 1
) -> pl.DataFrame:  # fmt: skip
    """One row a log and estimator: columns seed, estimator, value, truth, relative_error.

    Logs are `classification_bandit` of digits, or a new world of `SYNTHETIC`, one for each of the seeds from `seed` on.
    Rewards are cross-fitted by `model`; clip, switch and shrinkage are chosen by SLOPE. Raises UsageError for unknown
    data.
    """
    if data not in get_args(Data):
        raise unknown_name("data set", data, get_args(Data))
    if model == "LightGBM":
        import lightgbm  # noqa: F401  # loaded before threads are limited, so that its own are too
    rows = over_seeds(partial(_errors, data=data, model=model), range(seed, seed + seeds), workers, "Errors")
    off = (pl.col("value") - pl.col("truth")).abs() / pl.col("truth")
    return pl.DataFrame(rows).with_columns(relative_error=off)


def errors_of(runs: pl.DataFrame, data: Data) -> pl.DataFrame:
    """Rows of `error_runs` by estimator: columns estimator, relative_error (mean), low and high (± 1.96 standard
    errors of that mean), standard_deviation (of one log's error), bias (mean of (value − truth) / truth), seeds, and
    published (null where nobody printed one).
    """
    off, count = pl.col("relative_error"), pl.len()
    reach = 1.96 * off.std() / count.sqrt()
    table = runs.group_by("estimator", maintain_order=True).agg(
        off.mean().alias("relative_error"), low=off.mean() - reach, high=off.mean() + reach,
        standard_deviation=off.std(), bias=((pl.col("value") - pl.col("truth")) / pl.col("truth")).mean(), seeds=count,
    )  # fmt: skip
    published = pl.DataFrame(
        list(PUBLISHED[data].items()), {"estimator": pl.String, "published": pl.Float64}, orient="row"
    )
    return table.join(published, on="estimator", how="left", maintain_order="left")


def _errors(seed: int, data: Data, model: RewardModel) -> list[Row]:
    known = classification_bandit("digits", seed) if data == "digits" else bandit(SYNTHETIC, seed)
    evidence = evidence_of(known.log, known.target, predicted_rewards(known.log, model, seed=seed))
    asked = {one.name: one for one in FIXED} | {family: tuned(family, evidence).estimator for family in FAMILIES}
    return [
        {"seed": seed, "estimator": name, "value": estimate(one, evidence), "truth": known.value}
        for name, one in asked.items()
    ]
