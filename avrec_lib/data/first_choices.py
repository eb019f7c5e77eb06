"""New users who tell their first choices: the same question after none, one, three or ten of them."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from avrec_lib.data.split import Split
from avrec_lib.data.split_rows import PAIR
from avrec_lib.errors import DataError, UsageError


def tell_first_choices(split: Split, told: int, of: int) -> Split:
    """`split` whose users have told their first `told` choices of the test; the truth comes after their first `of`.

    With the same `of` every `told` asks the same users for the same answers, so that their values can be paired. The
    first `of` choices (different items, by time; in file order where there is none) are in nobody's truth, and are
    hidden as seen, whatever the split does otherwise. Users with nothing after them are not asked. Raises UsageError
    unless 0 <= told <= of, DataError when nobody is left to ask.
    """
    if not 0 <= told <= of:
        raise UsageError("Of the first {of} choices {told} cannot be told.", of=of, told=told)
    own = split.test.join(split.truth.select(PAIR), on=PAIR, how="semi", maintain_order="left")
    ordered = own.sort("timestamp", nulls_last=False, maintain_order=True).unique(
        PAIR, keep="first", maintain_order=True
    )
    first = ordered.group_by("user_id", maintain_order=True).agg(pl.col("item_id").head(of))
    pairs = first.explode("item_id")
    truth = split.truth.join(pairs, on=PAIR, how="anti", maintain_order="left")
    if truth.is_empty():
        raise DataError(
            "No user of the test has chosen more than {of} items, so nothing is left to be found.",
            hint="Tell fewer, or raise test_share.", of=of,
        )  # fmt: skip
    queries = (
        split.queries.drop("history")
        .join(first.select("user_id", history=pl.col("item_id").list.head(told)), on="user_id", maintain_order="left")
        .join(truth.select("query_id").unique(), on="query_id", how="semi", maintain_order="left")
        .select(split.queries.columns)
    )
    seen = pl.concat([split.seen.select(PAIR), pairs.select(PAIR)]).unique(maintain_order=True)
    protocol = split.protocol | {"told": told, "told_of": of, "exclude_seen": True}
    return replace(split, queries=queries, truth=truth, seen=seen, exclude_seen=True, protocol=protocol)
