"""Does off-policy evaluation refuse where it must, and only there? A dial takes the support away step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import polars as pl

from avrec_lib.calibrate.bandit_worlds import Spread, drawn_options
from avrec_lib.calibrate.many import Row, over_seeds
from avrec_lib.calibrate.shares import exact_share
from avrec_lib.evaluate.off_policy.assessment import assess
from avrec_lib.evaluate.off_policy.reward_models import RewardModel, predicted_rewards
from avrec_lib.simulate.bandit_options import BanditOptions
from avrec_lib.simulate.bandits import bandit_world

STEPS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Expected mass of the target policy on actions that logging never takes."""


def refusals(
    worlds: int = 500, *, steps: Sequence[float] = STEPS, spread: Spread = "healthy", seed: int = 0,
    model: RewardModel | None = "ridge", resamples: int = 400, workers: int = 1,
) -> pl.DataFrame:  # fmt: skip
    """How often a log is refused and how often an answer is right, by missing support (`refusals_of` of all worlds)."""
    table = refusal_worlds(
        worlds, steps=steps, spread=spread, seed=seed, model=model, resamples=resamples, workers=workers
    )
    return refusals_of(table)


def refusal_worlds(
    worlds: int = 500, *, steps: Sequence[float] = STEPS, spread: Spread = "healthy", seed: int = 0,
    model: RewardModel | None = "ridge", resamples: int = 400, workers: int = 1,
) -> pl.DataFrame:  # fmt: skip
    """One row a world, step, and knowledge: what `assess` says of a log, and the truth.

    The same worlds (`drawn_options` of the seeds from `seed` on, by `spread`) at each step, half of them without what
    logging likes least and half without the same actions everywhere; each once with the whole logging distribution in
    the log and once with the propensities of the taken actions alone. Columns world, missing, known ("all
    propensities" or "of the taken alone"), level, refused, truth, value, low, high, held, difference_held (the interval
    of the difference from logging holds the true one), widened, red and amber (names of those lights), mean_weight, z,
    effective_share, and the knobs.
    """
    task = partial(_assessed, steps=tuple(steps), spread=spread, model=model, resamples=resamples)
    rows = over_seeds(task, range(seed, seed + worlds), workers, "Refusals as support goes")
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(
        held=pl.col("truth").is_between("low", "high"),
        difference_held=pl.col("true_difference").is_between("difference_low", "difference_high"),
    )


def refusals_of(table: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Rows of `refusal_worlds` counted by knowledge, missing mass, and the columns `by`.

    Columns worlds, refused and amber (shares of the worlds), answered (worlds), held (of these answers), share with its
    exact 95 % interval low and high, difference_share (of answers whose interval holds the true difference from
    logging), half_width (median over answers, in mean rewards of the log).
    """
    answered = ~pl.col("refused")
    counted = table.group_by(*by, "known", "missing", maintain_order=True).agg(
        worlds=pl.len(),
        refused=pl.col("refused").mean(),
        amber=(pl.col("level") == "amber").mean(),
        answered=answered.sum(),
        held=(answered & pl.col("held")).sum(),
        difference_share=pl.col("difference_held").filter(answered).mean(),
        half_width=((pl.col("high") - pl.col("low")) / 2 / pl.col("logged")).median(),
    )
    columns = ("worlds", "refused", "amber", "answered", "held", "share", "low", "high", "difference_share",
               "half_width")  # fmt: skip
    shares = exact_share(counted, count="held", of="answered")
    return shares.select(*by, "known", "missing", *columns).sort(*by, "known", "missing")


def lights_of(table: pl.DataFrame) -> pl.DataFrame:
    """Which lights of `refusal_worlds` went red or amber: columns known, missing, light, red, amber (shares)."""
    places = table.select("known", "missing", "world", "red", "amber")
    worlds = table.group_by("known", "missing").agg(worlds=pl.len())
    parts = [places.select("known", "missing", light=level, level=pl.lit(level)).explode("light").drop_nulls()
             for level in ("red", "amber")]  # fmt: skip
    counted = (
        pl.concat(parts)
        .group_by("known", "missing", "light")
        .agg((pl.col("level") == level).sum().alias(level) for level in ("red", "amber"))
    )
    shares = [pl.col(level) / pl.col("worlds") for level in ("red", "amber")]
    return counted.join(worlds, on=["known", "missing"]).with_columns(shares).drop("worlds").sort(
        "known", "missing", "light"
    )  # fmt: skip


def _assessed(
    seed: int, steps: tuple[float, ...], spread: Spread, model: RewardModel | None, resamples: int
) -> list[Row]:  # fmt: skip
    rows = []
    for missing in steps:
        for whole in (True, False):
            options = drawn_options(seed, spread, missing=missing, missing_by=("preference", "action")[seed % 2],
                                    whole_distribution=whole)  # fmt: skip
            rows.append(_row(seed, options, model, resamples))
    return rows


def _row(seed: int, options: BanditOptions, model: RewardModel | None, resamples: int) -> Row:
    world = bandit_world(options, seed)
    known = world.draw(seed)
    predicted = None if model is None else predicted_rewards(known.log, model, seed=seed)
    said = assess(known.log, known.target, predicted, resamples=resamples, seed=seed)
    answer, support = said.answer, said.support
    ends = ("value", "low", "high", "difference_low", "difference_high", "widened")
    return asdict(options) | {
        "world": seed,
        "known": "all propensities" if options.whole_distribution else "of the taken alone",
        "level": said.level,
        "refused": answer is None,
        "truth": known.value,
        "true_difference": known.value - world.value_of(world.logging),
        "logged": said.logged,
        **{end: None if answer is None else getattr(answer, end) for end in ends},
        **{level: [fact.name for fact in said.facts if fact.level == level] for level in ("red", "amber")},
        "mean_weight": support.mean_weight,
        "z": support.z,
        "effective_share": support.effective / support.users,
    }
