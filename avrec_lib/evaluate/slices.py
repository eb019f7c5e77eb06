"""A metric by group: for whom, and for which items, is a model better or worse than its mean says?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.evaluate.compare import FEWEST_USERS, summarise
from avrec_lib.evaluate.groups import Groups, item_groups, query_groups
from avrec_lib.evaluate.ranking import ranking_values
from avrec_lib.evaluate.significance import adjusted

__all__ = ["Groups", "item_groups", "item_values", "query_groups", "slice_table"]

METRIC = ["model", "metric", "k"]
COLUMNS = [*METRIC, "slice", "group", "value", "low", "high", "n", "users", "overall", "gap", "ratio", "small",
           "p_value", "p_adjusted"]  # fmt: skip
WIDTH = 2 * 1.96
"""Of a 95 % interval, in standard errors."""


def slice_table(
    values: pl.DataFrame, groups: pl.DataFrame, *, resamples: int = 2000, seed: int = 0, fewest: int = FEWEST_USERS
) -> pl.DataFrame:
    """Each metric by group, beside the same metric over all of `values` (`schema.Values`).

    `groups` says which query is in which group (query_id, slice, group: `query_groups`), or holds the values by group
    themselves (`item_values`). Groups stand in the order of their `place`, where they have one. Several splits at
    once: both tables need their `window`.
    Columns model, metric, k, slice, group, value (the mean), low, high (95 % bootstrap over the group's users), n
    (queries with a value), users, overall, gap (value − overall), ratio (value / overall, null where that is 0),
    small (fewer than `fewest` users, or than values as skewed as the group's or as those of all take, as `summarise`
    says: read no verdict from it), p_value, p_adjusted (Holm's
    correction over all groups and models of a metric and k; both null where small). p is of Student's t for gap /
    standard error, where the error is the larger of two: the group's own, and that of as many users drawn from all.
    It is conservative, because the group is inside the whole. Raises DataError when no value is in any group.
    """
    _need(groups, "groups", "slice", "group")
    whole = summarise(values, resamples=resamples, seed=seed)
    overall = whole.select(*METRIC, overall="value", takes="fewest", deviation=_error() * pl.col("users").sqrt())
    sliced = groups if "value" in groups.columns else _grouped(values, groups)
    if values.height and groups.height and sliced.is_empty():
        raise DataError("No value belongs to any of the groups: they are of other queries.")
    rows_of = sliced.partition_by("slice", "group", as_dict=True)
    parts = [
        summarise(rows_of[pair], resamples=resamples, seed=seed).with_columns(
            slice=pl.lit(pair[0]), group=pl.lit(pair[1])
        )
        for pair in _in_order(groups)
        if pair in rows_of
    ]
    if not parts:
        return _empty()
    table = pl.concat(parts).join(overall, on=METRIC, how="left", nulls_equal=True, maintain_order="left")
    order = values.select(METRIC).unique(maintain_order=True).with_row_index("place")
    gap, ratio = pl.col("value") - pl.col("overall"), pl.col("value") / pl.col("overall")
    is_small = pl.col("users") < pl.max_horizontal(pl.lit(fewest), "fewest", "takes")
    table = (
        table.join(order, on=METRIC, how="left", nulls_equal=True, maintain_order="left")
        .sort("place", maintain_order=True)
        .with_columns(gap=gap, ratio=pl.when(pl.col("overall") != 0).then(ratio), small=is_small)
    )
    return _with_p_values(table).select(COLUMNS)


def _error() -> pl.Expr:
    return ((pl.col("high") - pl.col("low")) / WIDTH).fill_null(0.0)


def _with_p_values(table: pl.DataFrame) -> pl.DataFrame:
    from scipy.stats import t

    users = pl.col("users")
    error = pl.max_horizontal(_error(), pl.col("deviation") / users.sqrt())
    judged = table.select("gap", ~pl.col("small"), error=error, users=users).cast(pl.Float64).fill_null(np.nan)
    gap, kept, errors, number = judged.to_numpy().T
    with np.errstate(invalid="ignore", divide="ignore"):
        p_values = 2 * t.sf(np.abs(gap) / errors, number - 1)
    p_values[(kept == 0) | (gap == 0) & (errors == 0)] = np.nan
    corrected = np.full(len(p_values), np.nan)
    for places in table.select("metric", "k").with_row_index().group_by("metric", "k").agg("index")["index"]:
        corrected[places.to_numpy()] = adjusted(p_values[places.to_numpy()])
    return table.with_columns(
        p_value=pl.Series(p_values).fill_nan(None), p_adjusted=pl.Series(corrected).fill_nan(None)
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
    return pl.DataFrame(schema=dict(zip(COLUMNS, [*types, pl.Boolean, number, number], strict=True)))
