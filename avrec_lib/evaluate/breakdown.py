"""Slices of trials over all their windows: whose queries belong to which group, and what each group of items got."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from avrec_lib.data.split import Split
from avrec_lib.evaluate.groups import Groups, item_groups, only_splits, query_groups
from avrec_lib.evaluate.ranking import RankingMetric
from avrec_lib.evaluate.slices import item_values
from avrec_lib.evaluate.trial import Trial


def groups_of_queries(splits: Sequence[Split], users: pl.DataFrame | None = None) -> Groups:
    """The groups of all queries of `splits`, with their window: a user may be new in one and known in the next."""
    each = [(split.window, query_groups(split.queries, split.train, users, keep_single=True)) for split in splits]
    return only_splits(Groups(pl.concat(_in_window(*one) for one in each), each[0][1].left_out))


def values_by_item_group(
    trials: Sequence[Trial], *, k: int, metric: RankingMetric = "recall", items: pl.DataFrame | None = None
) -> Groups:
    """`metric` at `k` of the known users of `trials`, counting the answers of one group of items at a time.

    The table has the columns of `schema.Values`, slice and group; groups are those of each window's training rows.
    """
    splits = {trial.split.window: trial.split for trial in trials}
    groups = {
        window: item_groups(split.train, items, truth=split.truth, keep_single=True) for window, split in splits.items()
    }
    parts = [
        item_values(
            trial.ranked, trial.split.truth, trial.queries, groups[trial.split.window].table, k=[k],
            metrics=[metric], model=trial.model, seed=trial.seed, window=trial.split.window,
        )
        for trial in trials
    ]  # fmt: skip
    return only_splits(Groups(pl.concat(parts), groups[trials[0].split.window].left_out))


def _in_window(window: int, groups: Groups) -> pl.DataFrame:
    return groups.table.with_columns(window=pl.lit(window, dtype=pl.Int32))
