"""Figures that sum up many values: histogram, Lorenz curve, and intervals of models side by side."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.report.drawing import check_columns, faint, finish, series_of
from avrec_lib.report.house_style import DASHES, NEUTRAL, PALETTE, check_points
from avrec_lib.report.tables import with_interval
from avrec_lib.strings import say

if TYPE_CHECKING:
    import plotly.graph_objects as go

CURVE_POINTS = 200
NAME_CHARACTERS = 24


def histogram(
    table: pl.DataFrame, x: str, *, x_label: str, y_label: str = "Count", by: str | None = None, bins: int = 40,
    log_x: bool = False, as_share: bool = False,
) -> go.Figure:  # fmt: skip
    """How the values of `x` are spread: rows are counted in `bins` here, so any number of rows will do.

    Whole numbers of few kinds get a bin each; `log_x` makes bins equally wide on a log axis and drops what is not
    positive; `as_share` divides by the rows of the series. Nulls are left out.
    """
    import plotly.graph_objects as go

    check_columns(table, x, by)
    if not table.schema[x].is_numeric():
        raise UsageError(
            "A histogram needs numbers; {column} holds {type}.", hint="Count it by day or by kind, and draw that.",
            column=repr(x), type=table.schema[x],
        )  # fmt: skip
    values = table.drop_nulls(x)
    if log_x:
        values = values.filter(pl.col(x) > 0)
    series = series_of(values, by, x)
    figure = go.Figure()
    if values.height == 0:
        return finish(figure, table, None, None, x_label=x_label, y_label=y_label)
    edges = _bin_edges(values[x], bins, log_x)
    check_points(len(edges) * len(series))
    for name, rows, place in series:
        counts = np.histogram(rows[x].cast(pl.Float64).to_numpy(), edges)[0]
        heights = counts / max(rows.height, 1) if as_share else counts
        figure.add_scatter(
            x=_short(edges), y=[*_short(heights), 0], name=name, showlegend=by is not None, mode="lines",
            line={"shape": "hv", "color": PALETTE[place], "width": 1.5, "dash": DASHES[place]},
            fill="tozeroy", fillcolor=faint(PALETTE[place]), customdata=_short(edges[1:]),
            hovertemplate="%{x} – %{customdata}: %{y}<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.update_yaxes(rangemode="tozero", tickformat=".0%" if as_share else None)
    return finish(figure, table, None, None, x_label=x_label, y_label=y_label, log_x=log_x)


def lorenz_curve(table: pl.DataFrame, value: str, *, x_label: str, y_label: str, by: str | None = None) -> go.Figure:
    """Which share of the total of `value` the smallest rows hold together, against equality; Gini in the legend."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name=say("equal shares"), line={"color": NEUTRAL, "width": 1, "dash": "dot"}
    )
    for name, rows, place in series_of(table.drop_nulls(value) if value in table.columns else table, by, value):
        amounts = np.sort(rows[value].cast(pl.Float64).to_numpy())
        if amounts.size == 0 or amounts[0] < 0 or amounts.sum() == 0:
            raise UsageError("A Lorenz curve needs values that are not negative and not all zero.")
        held = np.concatenate([[0.0], np.cumsum(amounts) / amounts.sum()])
        share = np.linspace(0, 1, held.size)
        gini = 1 - 2 * np.trapezoid(held, share)
        kept = np.unique(np.linspace(0, held.size - 1, CURVE_POINTS + 1).round().astype(int))
        figure.add_scatter(
            x=_short(share[kept]), y=_short(held[kept]), mode="lines", showlegend=True,
            name=f"{name} (Gini {gini:.3f})" if by else f"Gini {gini:.3f}",
            line={"color": PALETTE[place], "width": 2, "dash": DASHES[place]},
        )  # fmt: skip
    figure.update_xaxes(tickformat=".0%", range=[0, 1], showgrid=True)
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    return finish(figure, table, None, None, x_label=x_label, y_label=y_label)


def interval_chart(
    table: pl.DataFrame, *, x_label: str, label: str = "model", value: str = "value", low: str = "low",
    high: str = "high", baseline: str | None = None, reference: float | None = None, best_first: bool = True,
    higher_is_better: bool = True, digits: int = 3,
) -> go.Figure:  # fmt: skip
    """A point and its interval for each row of `table`, best on top: the forest plot.

    The row named `baseline` is a hollow diamond with a dotted line through all rows. With `reference` (0 for
    differences) the line stands there, and a point whose interval holds it is hollow: it is not decided.
    """
    import plotly.graph_objects as go

    check_columns(table, label, value, low, high)
    check_points(table.height)
    if best_first:
        table = table.sort(value, descending=higher_is_better, nulls_last=True)
    names = [_wrapped(name) for name in table[label].cast(pl.String)]
    if len(set(names)) != len(names):
        raise UsageError("Each row of an interval chart needs a name of its own in {column}.", column=repr(label))
    figure = go.Figure()
    for name, row in zip(names, table.iter_rows(named=True), strict=True):
        centre, bottom, top = row[value], row[low], row[high]
        undecided = reference is not None and (bottom is None or top is None or bottom <= reference <= top)
        is_baseline = row[label] == baseline
        colour = NEUTRAL if is_baseline else PALETTE[0]
        text = with_interval(centre, bottom, top, digits)
        figure.add_scatter(
            x=[centre], y=[f'{name}<br><span style="font-size:11px">{text}</span>'], mode="markers",
            name=name, showlegend=False, hovertemplate=f"{name}<br>{text}<extra></extra>",
            marker={
                "symbol": ("diamond" if is_baseline else "circle") + ("-open" if is_baseline or undecided else ""),
                "size": 11, "color": colour, "line": {"width": 2, "color": colour},
            },
            error_x=_whiskers(centre, bottom, top, colour),
        )  # fmt: skip
        if is_baseline and reference is None:
            figure.add_vline(x=centre, line={"color": NEUTRAL, "width": 1, "dash": "dot"})
    if reference is not None:
        figure.add_vline(x=reference, line={"color": NEUTRAL, "width": 1.5, "dash": "dot"})
    figure.update_layout(height=90 + 46 * max(table.height, 2))
    figure.update_xaxes(showgrid=True)
    figure.update_yaxes(range=[table.height - 0.4, -0.6], showgrid=False, ticks="", showline=False)
    return finish(figure, table, None, None, x_label=x_label, y_label="")


def _wrapped(name: str | None) -> str:
    """A long name on several lines, safe from plotly's own markup: a narrow screen needs room for the intervals."""
    return "<br>".join(html.escape(line, quote=False) for line in textwrap.wrap(name or "–", NAME_CHARACTERS))


def _whiskers(centre: float | None, low: float | None, high: float | None, colour: str) -> dict[str, Any] | None:
    if centre is None or low is None or high is None:
        return None
    return {
        "type": "data", "array": _short([high - centre]), "arrayminus": _short([centre - low]),
        "symmetric": False, "thickness": 2, "width": 6, "color": colour,
    }  # fmt: skip


def _bin_edges(values: pl.Series, bins: int, log_x: bool) -> np.ndarray:
    lowest, highest = float(values.min()), float(values.max())  # type: ignore[arg-type]
    if values.dtype.is_integer() and highest - lowest < bins and not log_x:
        return np.arange(lowest - 0.5, highest + 1)
    if lowest == highest:
        return np.array([lowest - 0.5, highest + 0.5])
    if log_x and values.dtype.is_integer():
        return _whole_log_edges(lowest, highest, (highest / lowest) ** (1 / bins))
    edges = np.geomspace(lowest, highest, bins + 1) if log_x else np.linspace(lowest, highest, bins + 1)
    edges[0], edges[-1] = lowest, highest  # geomspace may miss them by a rounding error
    return edges


def _whole_log_edges(lowest: float, highest: float, ratio: float) -> np.ndarray:
    """Whole edges whose distance never shrinks: rounding equal steps of a log axis would make bins of 1, 2, 1, 2."""
    edges = [lowest]
    while edges[-1] <= highest:
        edges.append(max(edges[-1] + 1, round(edges[-1] * ratio)))
    return np.array(edges, dtype=float)


def _short(values: Iterable[float]) -> list[float]:
    return [float(f"{value:.6g}") for value in values]
