"""A metric by group: for whom, and for which items, is a model better or worse than its mean says?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.evaluate.compare import FEWEST_USERS, summarise
from avrec_lib.evaluate.groups import Groups, item_groups, query_groups
from avrec_lib.evaluate.ranking import ranking_values

__all__ = ["Groups", "item_groups", "item_values", "largest_gaps", "query_groups", "slice_table"]

METRIC = ["model", "metric", "k"]
MEASURED = ["value", "low", "high", "n", "users"]
COLUMNS = [*METRIC, "slice", "group", *MEASURED, "overall", "gap", "ratio", "small"]


def slice_table(
    values: pl.DataFrame, groups: pl.DataFrame, *, resamples: int = 2000, seed: int = 0, fewest: int = FEWEST_USERS
) -> pl.DataFrame:
    """Each metric by group, beside the same metric over all of `values` (`schema.Values`).

    `groups` says which query is in which group (query_id, slice, group: `query_groups`), or holds the values by group
    themselves (`item_values`). Groups stand in the order of their `place`, where they have one. Several splits at
    once: both tables need their `window`.
    Columns model, metric, k, slice, group, value (the mean), low, high (95 % bootstrap over the group's users), n
    (queries with a value), users, overall, gap (value − overall), ratio (value / overall, null where that is 0),
    small (fewer than `fewest` users: read no verdict from it). Raises DataError when no value is in any group.
    """
    _need(groups, "groups", "slice", "group")
    overall = summarise(values, resamples=1, seed=seed).select(*METRIC, overall="value")
    sliced = groups if "value" in groups.columns else _grouped(values, groups)
    if values.height and groups.height and sliced.is_empty():
        raise DataError("No value belongs to any of the groups: they are of other queries.")
    rows_of = sliced.partition_by("slice", "group", as_dict=True)
    parts = [
        summarise(rows_of[pair], resamples=resamples, seed=seed).select(
            *METRIC, pl.lit(pair[0]).alias("slice"), pl.lit(pair[1]).alias("group"), *MEASURED
        )
        for pair in _in_order(groups)
        if pair in rows_of
    ]
    if not parts:
        return _empty()
    table = pl.concat(parts).join(overall, on=METRIC, how="left", nulls_equal=True, maintain_order="left")
    order = values.select(METRIC).unique(maintain_order=True).with_row_index("place")
    gap, ratio = pl.col("value") - pl.col("overall"), pl.col("value") / pl.col("overall")
    return (
        table.join(order, on=METRIC, how="left", nulls_equal=True, maintain_order="left")
        .sort("place", maintain_order=True)
        .with_columns(gap=gap, ratio=pl.when(pl.col("overall") != 0).then(ratio), small=pl.col("users") < fewest)
        .select(COLUMNS)
    )


def item_values(
    ranked: pl.DataFrame, truth: pl.DataFrame, queries: pl.DataFrame, groups: pl.DataFrame, *, model: str,
    k: int | Sequence[int] = (10,), **options: Any,
) -> pl.DataFrame:  # fmt: skip
    """`schema.Values` with slice, group and place: the metric when only the items of a group count as the answer.

    The lists stay as they are, ranks too; the truth is cut to the items of the group (item_id, slice, group:
    `item_groups`), and a query without such an item has no row. Recall and hit rate by group compare well with the
    whole; NDCG and precision have another ideal there, so compare them between models rather than with the whole.
    `options` go to `ranking_values`; `auc` needs whole lists, so it is null here.
    """
    _need(groups, "groups", "item_id", "slice", "group")
    hits = ranked.join(truth, on=["query_id", "item_id"], how="semi")
    parts = []
    for (name, group), members in groups.partition_by("slice", "group", maintain_order=True, as_dict=True).items():
        wanted = truth.join(members, on="item_id", how="semi", maintain_order="left")
        if wanted.is_empty():
            continue
        found = hits.join(members, on="item_id", how="semi", maintain_order="left")
        asked = queries.join(wanted, on="query_id", how="semi", maintain_order="left")
        values = ranking_values(found, wanted, asked, k=k, model=model, **options)
        named = {"slice": pl.lit(name), "group": pl.lit(group)}
        parts.append(values.with_columns(**named, place=members["place"].min() if "place" in members.columns else 0))
    if not parts:
        raise DataError("No item of the truth belongs to any of the groups.")
    return pl.concat(parts)


def largest_gaps(table: pl.DataFrame) -> pl.DataFrame:
    """The rows of `slice_table` furthest from the overall value, one a model, metric, k and slice, furthest first.

    Small groups are passed over. `apart` says that the group's interval (where all values are the same: the value)
    does not hold the overall value; of many groups one in twenty is apart by chance.
    """
    _need(table, "slices", *COLUMNS)
    held = pl.col("overall").is_between(pl.coalesce("low", "value"), pl.coalesce("high", "value"))
    return (
        table.filter(~pl.col("small"), pl.col("gap").is_not_null())
        .sort(pl.col("gap").abs(), descending=True, maintain_order=True)
        .unique([*METRIC, "slice"], keep="first", maintain_order=True)
        .with_columns(apart=~held)
    )


def _grouped(values: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """`values` once for each group of its query."""
    _need(groups, "groups", "query_id")
    on = ["query_id", "window"] if "window" in groups.columns else ["query_id"]
    return values.join(groups.select(*on, "slice", "group"), on=on, maintain_order="left")


def _in_order(groups: pl.DataFrame) -> list[tuple[str, str]]:
    """Slice and group: slices as they come, the groups of each by their `place`, else as they come."""
    pairs = groups.group_by("slice", "group", maintain_order=True).agg(pl.col("^place$").min())
    slices = pairs.select(pl.col("slice").unique(maintain_order=True)).with_row_index("first")
    joined = pairs.join(slices, on="slice", maintain_order="left").sort("first", pl.col("^place$"), maintain_order=True)
    return joined.select("slice", "group").rows()


def _need(table: pl.DataFrame, name: str, *columns: str) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DataError("The table {name} has no column {missing}.", name=name, missing=", ".join(missing))


def _empty() -> pl.DataFrame:
    text, number = pl.String, pl.Float64
    types = [text, text, pl.Int32, text, text, number, number, number, pl.Int64, pl.Int64, number, number, number]
    return pl.DataFrame(schema=dict(zip(COLUMNS, [*types, pl.Boolean], strict=True)))
