"""The look of every figure: a small plotly template, a palette that colour-blind people can tell apart, a limit."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from avrec_lib.errors import UsageError

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_POINTS = 5_000
# Okabe and Ito (2008), without their black and yellow: neither can be seen on both a light and a dark page.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A8A8A", "#9A6324")
# Never colour alone: the n-th series also has the n-th dash, marker and pattern.
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "triangle-down")
PATTERNS = ("", "/", ".", "x", "\\", "-", "|", "+")
NEUTRAL = "#8A8A8A"
SEQUENTIAL = "Cividis"
FONT = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', "
    "'Noto Sans CJK SC', 'Liberation Sans', sans-serif"
)


@cache
def house_template() -> go.layout.Template:
    """The template of every figure of the house."""
    import plotly.graph_objects as go

    axis = {
        "automargin": True, "gridcolor": "#e7e5e0", "gridwidth": 1, "linecolor": "#a8a49c", "showline": True,
        "ticks": "outside", "ticklen": 4, "tickcolor": "#a8a49c", "zeroline": False, "zerolinecolor": "#a8a49c",
        "title": {"standoff": 10, "font": {"size": 13}},
    }  # fmt: skip
    layout = {
        "font": {"family": FONT, "size": 13, "color": "#2b2a28"},
        "colorway": list(PALETTE), "paper_bgcolor": "#ffffff", "plot_bgcolor": "#ffffff",
        "margin": {"l": 56, "r": 20, "t": 20, "b": 48}, "height": 380,
        "xaxis": {**axis, "showgrid": False}, "yaxis": axis,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        "hoverlabel": {"font": {"family": FONT, "size": 12}, "align": "left"}, "hovermode": "closest",
        "bargap": 0.25,
    }  # fmt: skip
    return go.layout.Template(layout=layout)


def points_of(figure: go.Figure) -> int:
    """How many points `figure` carries: the longest array of each trace, all cells of a matrix."""

    def length(value: Any) -> int:
        if value is None or isinstance(value, str | bytes | int | float) or not hasattr(value, "__len__"):
            return 0
        return sum(max(length(row), 1) for row in value) if len(value) else 0

    names = ("x", "y", "z", "values", "r", "lat", "locations")
    return sum(max(length(trace[name]) if name in trace else 0 for name in names) for trace in figure.data)


def check_points(points: int) -> None:
    """Raise a UsageError when a figure of `points` points is more than a report should carry."""
    if points > MOST_POINTS:
        raise UsageError(
            "The figure has {points:,} points; a report carries at most {most:,} a figure.",
            hint="Aggregate the table first (group_by, a histogram), or take a sample.",
            points=points, most=MOST_POINTS,
        )  # fmt: skip
