"""Figures from polars tables: each builder takes a table, the columns to draw, and labels with units.

Labels are templates of `strings`: the report's language toggle changes them too. A figure holds at most
`house_style.MOST_POINTS` points (UsageError), so aggregate first. `by` names the column that makes the series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from avrec_lib.report.drawing import check_columns, column_values, faint, finish, series_of
from avrec_lib.report.house_style import DASHES, PALETTE, PATTERNS, SEQUENTIAL, SYMBOLS, check_points

if TYPE_CHECKING:
    import plotly.graph_objects as go

FEW_STEPS = 12  # whole numbers that get a tick each
COLOUR_BAR = {"thickness": 12, "outlinewidth": 0, "title": {"font": {"size": 12}}}


def line_chart(
    table: pl.DataFrame, x: str, y: str, *, x_label: str, y_label: str, by: str | None = None,
    low: str | None = None, high: str | None = None, log_x: bool = False, log_y: bool = False, as_share: bool = False,
) -> go.Figure:  # fmt: skip
    """`y` along `x`, a line for each value of `by`; `low` and `high` (columns) draw a band where both are known.

    `as_share` reads `y` as a share: percent on its axis, which starts at zero.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    check_points(table.height * (3 if low and high else 1))
    for name, rows, place in series_of(table, by, x, y, low, high):
        xs, colour = column_values(rows[x]), PALETTE[place]
        if low and high:
            known = rows.drop_nulls([low, high])
            along = column_values(known[x])
            outline = column_values(known[high]) + column_values(known[low])[::-1]
            figure.add_scatter(
                x=along + along[::-1], y=outline, fill="toself", fillcolor=faint(colour), mode="lines", line_width=0,
                hoverinfo="skip", showlegend=False, legendgroup=name,
            )  # fmt: skip
        figure.add_scatter(
            x=xs, y=column_values(rows[y]), name=name, legendgroup=name, showlegend=by is not None,
            mode="lines+markers" if rows.height <= 40 else "lines",
            line={"color": colour, "width": 2, "dash": DASHES[place]},
            marker={"symbol": SYMBOLS[place], "size": 7},
        )  # fmt: skip
    if as_share:
        figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    if table.schema[x].is_integer() and table[x].n_unique() <= FEW_STEPS and not log_x:
        figure.update_xaxes(tickvals=table[x].drop_nulls().unique().sort().to_list())
    return finish(figure, table, x, y, x_label=x_label, y_label=y_label, log_x=log_x, log_y=log_y)


def bar_chart(
    table: pl.DataFrame, x: str, y: str, *, x_label: str, y_label: str, by: str | None = None,
    low: str | None = None, high: str | None = None, horizontal: bool = False, log_y: bool = False,
    as_share: bool = False,
) -> go.Figure:  # fmt: skip
    """A bar of length `y` for each `x`, in the table's order; groups by `by`; whiskers from `low` to `high`.

    Bars stand side by side whatever numbers they have for `x`: give every bin a row, the empty too. `horizontal` lays
    them down for long names, first row on top; `x_label` still names `x`. `as_share` shows `y` in percent.
    """
    import plotly.graph_objects as go

    check_points(table.height)
    figure = go.Figure()
    for name, rows, place in series_of(table, by, x, y, low, high):
        ends, places = column_values(rows[y]), _bar_places(rows[x])
        whiskers = None
        if low and high:
            whiskers = {
                "type": "data", "array": column_values(rows[high] - rows[y]), "symmetric": False,
                "arrayminus": column_values(rows[y] - rows[low]), "thickness": 1.5, "width": 4,
            }  # fmt: skip
        figure.add_bar(
            x=ends if horizontal else places, y=places if horizontal else ends,
            orientation="h" if horizontal else "v", name=name, showlegend=by is not None,
            marker={"color": PALETTE[place], "pattern": {"shape": PATTERNS[place], "solidity": 0.3}},
            **{"error_x" if horizontal else "error_y": whiskers},
        )  # fmt: skip
    along, across = ("y", "x") if horizontal else ("x", "y")
    if horizontal:
        figure.update_layout(height=max(220, 90 + 28 * table.height))
        finish(figure, table, y, x, x_label=y_label, y_label=x_label, log_x=log_y)
    else:
        finish(figure, table, x, y, x_label=x_label, y_label=y_label, log_y=log_y)
    figure.update_layout({f"{across}axis": {"showgrid": True, "tickformat": ".0%" if as_share else None}})
    if not table.schema[x].is_temporal():
        figure.update_layout({f"{along}axis": {"type": "category", "showgrid": False}})
    if horizontal:
        figure.update_yaxes(autorange="reversed")
    return figure


def _bar_places(column: pl.Series) -> list[str]:
    if column.dtype.is_float():
        return [f"{value:.4g}" for value in column.fill_null(float("nan"))]
    return [str(value) for value in column_values(column)]


def scatter(
    table: pl.DataFrame, x: str, y: str, *, x_label: str, y_label: str, by: str | None = None,
    name: str | None = None, labelled: bool = False, log_x: bool = False, log_y: bool = False,
) -> go.Figure:  # fmt: skip
    """A point for each row; the column `name` is what the pointer shows of it, and with `labelled` stands beside it."""
    import plotly.graph_objects as go

    check_points(table.height)
    figure = go.Figure()
    for series, rows, place in series_of(table, by, x, y, name):
        figure.add_scatter(
            x=column_values(rows[x]), y=column_values(rows[y]), mode="markers+text" if labelled else "markers",
            name=series, textposition="top center", showlegend=by is not None,
            text=column_values(rows[name]) if name else None,
            marker={"color": PALETTE[place], "symbol": SYMBOLS[place], "size": 7, "opacity": 0.7},
        )  # fmt: skip
    return finish(figure, table, x, y, x_label=x_label, y_label=y_label, log_x=log_x, log_y=log_y)


def heatmap(
    table: pl.DataFrame, x: str, y: str, value: str, *, x_label: str, y_label: str, value_label: str, digits: int = 2
) -> go.Figure:
    """`value` by colour for each pair of `x` and `y` (one row a pair), in the table's order; numbers when they fit."""
    import plotly.graph_objects as go

    check_columns(table, x, y, value)
    check_points(table[x].n_unique() * table[y].n_unique())
    if table.schema[value].is_float():
        table = table.with_columns(pl.col(value).round_sig_figs(6))
    wide = table.pivot(on=x, index=y, values=value, aggregate_function="first", maintain_order=True)
    columns = list(dict.fromkeys(column_values(table[x])))
    cells = [list(row) for row in wide.drop(y).iter_rows()]
    few = len(columns) <= 16 and len(columns) * len(cells) <= 200
    figure = go.Figure()
    figure.add_heatmap(
        x=columns, y=column_values(wide[y]), z=cells, coloraxis="coloraxis", xgap=1, ygap=1,
        texttemplate=f"%{{z:.{digits}f}}" if few else None,
    )  # fmt: skip
    figure.update_layout(
        coloraxis={"colorscale": SEQUENTIAL, "colorbar": COLOUR_BAR},
        height=max(280, min(720, 110 + 26 * len(cells))),
    )
    whole = table.schema[y].is_integer()
    figure.update_yaxes(autorange="reversed", showgrid=False, dtick=1 if whole and len(cells) <= 31 else None)
    labels = {"coloraxis.colorbar.title.text": value_label}
    return finish(figure, table, x, y, x_label=x_label, y_label=y_label, labels=labels)
