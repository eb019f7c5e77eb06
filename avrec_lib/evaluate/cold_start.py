"""From how much on is it enough? Every model against one bar, at each of several amounts of what is known."""

from __future__ import annotations

import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.compare import pairwise_differences, with_verdicts
from avrec_lib.evaluate.significance import Correction


def against_bar(
    values: pl.DataFrame, bar: str, *, correction: Correction = "holm", equivalence_zone: float = 0.01,
    resamples: int = 2000, seed: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """Each model of `values` (`schema.Values`) minus the model `bar`, window by window, all judged as one family.

    A window stands for an amount: `data.first_choices` asks the same users the same after none, one, or ten choices.
    Columns window, model, baseline, and those of `compare.pairwise_differences`. Windows in which `bar` has no partner
    are left out. Raises UsageError when that leaves none.
    """
    parts = []
    for (window,), own in values.group_by("window", maintain_order=True):
        others = own.filter(pl.col("model") != bar)
        at_bar = own.filter(model=bar)
        if others.is_empty() or at_bar.is_empty():
            continue
        table = pairwise_differences(
            pl.concat([at_bar, others]), of=[bar], equivalence_zone=equivalence_zone, resamples=resamples, seed=seed
        )
        parts.append(table.select(pl.lit(window, dtype=pl.Int32).alias("window"), pl.all()))
    if not parts:
        raise UsageError("No model can be compared with {bar}: it stands alone everywhere.", bar=bar)
    return with_verdicts(pl.concat(parts), correction=correction)


def better_from(differences: pl.DataFrame) -> pl.DataFrame:
    """From which window on each model is better than its bar, there and in every later one.

    Columns model, window and difference (there), of the models that ever are: the smallest window first, and the
    largest difference of several. `differences` is what `against_bar` says of one metric.
    """
    stays = (pl.col("verdict") == "better").cast(pl.Int8).cum_min().over("model") == 1
    lasting = differences.sort("window", descending=True, maintain_order=True).filter(stays)
    first = lasting.sort("window").group_by("model", maintain_order=True).first()
    return first.select("model", "window", "difference").sort("window", -pl.col("difference"))
