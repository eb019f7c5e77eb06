"""Whose interests move? By the truth of a simulated platform, or estimated from the order of a user's choices."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.split import Split
from avrec_lib.features.drift import choices_in_order, drift
from avrec_lib.simulate.moving_taste import drift_groups, has_user_truth

ESTIMATED = "interests (estimated)"
GROUPS = ("interests that stay", "interests that move")
LEVEL = 0.05
FEWEST_SITTINGS = 6
COLUMNS = ("query_id", "window", "slice", "group")


def movers(
    data: Dataset, splits: Sequence[Split], items: pl.DataFrame, *, draws: int = 199, seed: int = 0
) -> pl.DataFrame:
    """Columns query_id, window, slice, group of the queries of `splits`, for `difference_by_group`.

    Where `data` was simulated its truth says whose taste moves. Else, for each split, a user is taken to move whose
    tags in the earlier and later half of the training sittings lie further apart than in 95 % of halves into which the
    sittings were put by lot (`features.drift`): of users who stay one in twenty is taken so too. Users of fewer than
    six sittings are in no group; without times, or tags, nobody is, and the table is empty.
    """
    if has_user_truth(data):
        parts = [drift_groups(data, split.queries) for split in splits]
    elif data.has("timestamp") and data.has("tags", "items"):
        parts = [_estimated(split, items, draws, seed) for split in splits]
    else:
        return pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String) | {"window": pl.Int32})
    return pl.concat(
        part.with_columns(window=pl.lit(split.window, dtype=pl.Int32)).select(COLUMNS)
        for part, split in zip(parts, splits, strict=True)
    )


def _estimated(split: Split, items: pl.DataFrame, draws: int, seed: int) -> pl.DataFrame:
    choices = choices_in_order(split.train, items)
    found = drift(choices, items, unit="sitting", fewest=FEWEST_SITTINGS, draws=draws, seed=seed)
    group = pl.when(pl.col("p_value") <= LEVEL).then(pl.lit(GROUPS[1])).otherwise(pl.lit(GROUPS[0]))
    moves = found.select("user_id", group=group)
    known = split.queries.select("query_id", "user_id").join(moves, on="user_id", maintain_order="left")
    return known.select("query_id", "group", slice=pl.lit(ESTIMATED)).sort(
        "group", descending=True, maintain_order=True
    )
