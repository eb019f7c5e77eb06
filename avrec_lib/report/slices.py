"""Metrics by group, as `evaluate.slices.slice_table` makes them: who is served better or worse than the mean says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from markupsafe import Markup

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.report.display import emit, show
from avrec_lib.report.dot_plots import dot_plot
from avrec_lib.report.drawing import check_columns
from avrec_lib.report.tables import with_interval
from avrec_lib.report.words import Term, both, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

NEEDED = ("model", "slice", "group", "value", "low", "high", "users", "overall", "small")
FOUND = 0.05
"""Below this corrected p a group stands apart from the whole."""


def slice_chart(table: pl.DataFrame, *, x_label: str, digits: int = 3) -> go.Figure:
    """A panel for each slice, a row for each group, a point with its interval for each model; dotted: overall.

    `table` holds one metric at one k, with the columns of `slice_table`. Small groups are hollow, faint and named.
    """
    check_columns(table, *NEEDED)
    if table.select(pl.struct(pl.col("^(metric|k)$")).n_unique()).item() > 1:
        raise UsageError("A chart of slices shows one metric at one k, but the table has several.",
                         hint="Filter it by metric and k.")  # fmt: skip
    return dot_plot(
        table, x_label=x_label, row="group", by="model", panel="slice", overall="overall", users="users", few="small",
        digits=digits,
    )  # fmt: skip


def show_slices(
    table: pl.DataFrame, metric: str, k: int | None = None, *, title: str = "", of_items: bool = False,
    left_out: pl.DataFrame | None = None, digits: int = 3,
) -> None:  # fmt: skip
    """Display `metric` at `k` of `slice_table` by group and model, the largest gap beyond chance in words (after the
    correction of `slice_table`), the numbers in a fold.

    `title` names the metric on the axis (default: `ndcg@10`); `of_items` says that the groups are of items, so that
    only their items counted as answers. `left_out` (slice, reason) is said below.
    """
    check_columns(table, "metric", "k", *NEEDED, "p_adjusted")
    rows = table.filter(pl.col("metric") == metric, pl.col("k").eq_missing(k))
    if rows.is_empty() and table.height:
        known = table.select(_named(pl.col("metric"), pl.col("k")).unique()).to_series().to_list()
        raise unknown_name("metric of the slices", metric if k is None else f"{metric}@{k}", known)
    if rows.height:
        name = title or (metric if k is None else f"{metric}@{k}")
        caption = (
            "{name} by group of items, with only the group's items as answers: mean and 95 % interval. Dotted: each "
            "model over all items. Hollow and faint: too few users."
            if of_items
            else "{name} by group: mean and 95 % interval. Dotted: each model over all users. Hollow and faint: too "
            "few users."
        )
        takeaway, values = _furthest(rows, digits)
        numbers = rows.select(
            "slice", "group", "model", "value", "low", "high", "users", "overall", "gap", "ratio",
            pl.col("p_adjusted").alias("corrected p"),
            note=pl.when("small").then(pl.lit("few users")),
        )  # fmt: skip
        show(
            slice_chart(rows, x_label=name, digits=digits), caption, takeaway=takeaway, table=numbers,
            table_options={"translate": ["slice", "group", "note"], "digits": digits}, name=name, **values,
        )  # fmt: skip
    if left_out is not None and left_out.height:
        _say_left_out(left_out)


def _furthest(rows: pl.DataFrame, digits: int) -> tuple[str, dict[str, object]]:
    """The sentence about the largest of the gaps that are beyond chance when all groups and models are asked."""
    told = rows.filter(pl.col("p_adjusted").is_not_null())
    groups = told.select(pl.struct("slice", "group").n_unique()).item()
    if not groups:
        return "No group has enough users to be told apart from the whole.", {}
    gap = pl.col("value") - pl.col("overall")
    gaps = told.filter(pl.col("p_adjusted") < FOUND).sort(gap.abs(), descending=True)
    if gaps.is_empty():
        return "No group stands apart from the whole beyond chance, of {groups:,} with enough users.", {
            "groups": groups
        }
    first = gaps.row(0, named=True)
    return (
        "Furthest from the whole, and beyond chance among {groups:,} groups: **{model}** has {value} where {slice} is "
        "“{group}” (n = {users:,} users), against {overall} overall.",
        {
            "groups": groups,
            "model": first["model"], "slice": Term(first["slice"]), "group": Term(first["group"]),
            "users": first["users"], "overall": with_interval(first["overall"], None, None, digits),
            "value": with_interval(first["value"], first["low"], first["high"], digits),
        },
    )  # fmt: skip


def _say_left_out(left_out: pl.DataFrame) -> None:
    pairs = list(left_out.select("slice", "reason").iter_rows())
    items = Markup("").join(
        Markup("<li><strong>{}</strong>: {}</li>").format(both(name, only_current=True), both(why, only_current=True))
        for name, why in pairs
    )
    label = both("Not shown, because the log cannot say: {count:,}", count=len(pairs), only_current=True)
    html = Markup('<details class="avrec-fold"><summary>{}</summary><ul>{}</ul></details>').format(label, items)
    emit({"text/html": html, "text/plain": "\n".join(f"{plain(name)}: {plain(why)}" for name, why in pairs)})


def _named(metric: pl.Expr, k: pl.Expr) -> pl.Expr:
    return pl.when(k.is_null()).then(metric).otherwise(pl.format("{}@{}", metric, k))
