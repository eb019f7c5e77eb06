"""Whose interests move? By the truth of a simulated platform, or estimated from the order of a user's choices."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.split import Split
from avrec_lib.errors import DataError
from avrec_lib.features.drift import choices_in_order, drift
from avrec_lib.simulate.moving_taste import drift_groups, stored_user_truth

ESTIMATED = "interests (estimated)"
GROUPS = ("interests that stay", "interests that move")
LEVEL = 0.05


def movers(
    data: Dataset, splits: Sequence[Split], items: pl.DataFrame, *, draws: int = 199, seed: int = 0
) -> pl.DataFrame:
    """Columns query_id, window, slice, group of the queries of `splits`, for `difference_by_group`.

    Where `data` was simulated its truth says whose taste moves. Else, for each split, a user is taken to move whose
    tags in the earlier and later half of the training choices lie further apart than in 95 % of halves made by lot
    (`features.drift`): of users who stay one in twenty is taken so too. Users of fewer than ten such choices are in no
    group. Raises DataError where neither can be said: no truth, and no times or no tags.
    """
    try:
        truth = stored_user_truth(data)
    except DataError:
        parts = [_estimated(split, items, draws, seed) for split in splits]
    else:
        parts = [drift_groups(truth, split.queries).drop("place") for split in splits]
    return pl.concat(
        part.with_columns(window=pl.lit(split.window, dtype=pl.Int32))
        for part, split in zip(parts, splits, strict=True)
    ).select("query_id", "window", "slice", "group")


def _estimated(split: Split, items: pl.DataFrame, draws: int, seed: int) -> pl.DataFrame:
    found = drift(choices_in_order(split.train, items), items, draws=draws, seed=seed)
    group = pl.when(pl.col("p_value") <= LEVEL).then(pl.lit(GROUPS[1])).otherwise(pl.lit(GROUPS[0]))
    moves = found.select("user_id", group=group)
    known = split.queries.select("query_id", "user_id").join(moves, on="user_id", maintain_order="left")
    return known.select("query_id", "group", slice=pl.lit(ESTIMATED)).sort("group", maintain_order=True)
