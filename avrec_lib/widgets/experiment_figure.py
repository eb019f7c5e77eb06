"""The figure of a test as it runs: the estimate with both of its bands, the truth, and the planned end."""

from __future__ import annotations

import html
from typing import Any

import plotly.graph_objects as go
import polars as pl

from avrec_lib.report.drawing import column_values, faint, finish
from avrec_lib.strings import Language, say
from avrec_lib.widgets.experiment_cards import COLOURS
from avrec_lib.widgets.experiment_state import ExperimentState
from avrec_lib.widgets.experiment_verdicts import first_claim

WIDTH, HEIGHT = 640, 470
INK, NEUTRAL = "#4A4843", "#8A8A8A"
LABELS = {"xaxis": "day", "yaxis": "effect, as a share of the control's mean"}
NAMES = {
    "sequence": "confidence sequence",
    "fixed": "fixed interval",
    "estimate": "estimate",
    "to_come": "had it run on",
    "peeked": "first look with 0 outside",
    "truth": "true effect",
    "smallest": "smallest that counts",
    "end": "planned end",
}


class ExperimentFigure:
    """`widget` shows a test; `follow` lets it change, sending no more than what moved."""

    def __init__(self, state: ExperimentState, language: Language) -> None:
        figure = still_figure(state, language)
        self._language, self._sent = language, _points(state)
        self.widget = go.FigureWidget(figure)
        self.widget.update_layout(width=WIDTH, height=HEIGHT, legend_font_size=11)

    def follow(self, state: ExperimentState, language: Language) -> None:
        """Show the test as it is now, in `language`."""
        points = _points(state)
        with self.widget.batch_update():
            for trace, name in zip(self.widget.data, NAMES, strict=True):
                if points[name] != self._sent[name]:
                    trace.x, trace.y = points[name]
                if language != self._language:
                    trace.name = say(NAMES[name], language)
            for axis, ends in _ranges(state).items():
                if list(self.widget.layout[axis].range or ()) != ends:
                    self.widget.layout[axis].range = ends
            if language != self._language:
                _name_axes(self.widget, language)
        self._sent, self._language = points, language


def still_figure(state: ExperimentState, language: Language | None = None) -> go.Figure:
    """The test as it is now, its words in `language` (default: the current one)."""
    figure = go.Figure()
    for name, (x, y) in _points(state).items():
        figure.add_scatter(x=x, y=y, name=say(NAMES[name], language), hoverinfo=_HOVER.get(name), **_LOOKS[name])
    finish(figure, state.path(), "day", "difference", x_label=LABELS["xaxis"], y_label=LABELS["yaxis"])
    for axis, ends in _ranges(state).items():
        figure.update_layout({axis: {"range": ends}})
    figure.update_xaxes(nticks=12, tickformat="d")
    figure.update_yaxes(tickformat="+.1%", zeroline=True, zerolinewidth=1.5)
    if language is not None:
        _name_axes(figure, language)
    return figure


def _name_axes(figure: go.Figure, language: Language) -> None:
    for axis, label in LABELS.items():
        figure.layout[axis].title.text = html.escape(say(label, language), quote=False)


def _line(colour: str, dash: str = "solid", width: float = 2.0) -> dict[str, Any]:
    return {"mode": "lines", "line": {"color": colour, "dash": dash, "width": width}}


def _band(colour: str, dash: str) -> dict[str, Any]:
    # The marks show a band of one day, which has no width.
    marks = {"size": 4, "color": colour}
    return _line(colour, dash, 1.2) | {"mode": "lines+markers", "marker": marks, "fill": "toself",
                                       "fillcolor": faint(colour)}  # fmt: skip


_LOOKS: dict[str, dict[str, Any]] = {
    "sequence": _band(COLOURS["sequential"], "solid"),
    "fixed": _band(COLOURS["fixed"], "dash"),
    "estimate": _line(INK, "solid", 2.5) | {"mode": "lines+markers", "marker": {"size": 6}},
    "to_come": _line(NEUTRAL, "solid", 1.5),
    "peeked": {"mode": "markers", "marker": {"symbol": "star", "size": 15, "color": COLOURS["peeking"],
                                             "line": {"width": 1, "color": INK}}},
    "truth": _line("#00815E", "dot", 2.5),
    "smallest": _line(NEUTRAL, "dashdot", 1.5),
    "end": _line(NEUTRAL, "longdash", 1.5),
}  # fmt: skip
_HOVER = {"end": "name", "truth": "name+y", "smallest": "name+y"}


def _points(state: ExperimentState) -> dict[str, tuple[list[Any], list[Any]]]:
    """x and y of each trace, in the order of NAMES."""
    path, settings = state.path(), state.settings
    along = [0, settings.planned_days]
    later = state.whole_path().tail(-max(state.day - 1, 0)) if state.stopped else path.clear()
    peeked = state.peeked_on()
    first = path.clear() if peeked is None else path.slice(peeked - 1, 1)
    return {
        "sequence": _outline(path, "low", "high"),
        "fixed": _outline(path, "fixed_low", "fixed_high"),
        "estimate": _along(path),
        "to_come": _along(later),
        "peeked": _along(first),
        "truth": (along, [settings.effect] * 2),
        "smallest": (along, [settings.smallest_effect] * 2),
        "end": ([settings.planned_days] * 2, _ranges(state)["yaxis"]),
    }


def _along(path: pl.DataFrame) -> tuple[list[Any], list[Any]]:
    return column_values(path["day"]), column_values(path["difference"])


def _outline(path: pl.DataFrame, low: str, high: str) -> tuple[list[Any], list[Any]]:
    known = path.drop_nulls([low, high])
    days = column_values(known["day"])
    return days + days[::-1], column_values(known[high]) + column_values(known[low])[::-1]


def _ranges(state: ExperimentState) -> dict[str, list[float]]:
    """What the axes show: the same on all days of a test, so that nothing jumps as they pass. Wide first days are cut,
    but not the one on which somebody who peeks decides.
    """
    settings, whole = state.settings, state.whole_path()
    early = 2 * settings.sd / (settings.users_a_day * max(settings.planned_days * 0.15, 1)) ** 0.5
    apparent = settings.test.treated[0] - settings.test.mean  # with the users that are lost
    claim = first_claim(settings, whole)
    at_claim = 0.0 if claim is None else float(whole["difference"][claim - 1])
    high = max(max(apparent, settings.smallest_effect) + 3 * early, at_claim + early / 2)
    low = min(min(settings.effect, 0) - 3 * early, at_claim - early / 2)
    return {"xaxis": [0, settings.planned_days * 1.04], "yaxis": [low, high]}
