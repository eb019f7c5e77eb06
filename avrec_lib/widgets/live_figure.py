"""A plotly figure as a widget that follows a state."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from avrec_lib.report.drawing import column_values
from avrec_lib.strings import Language
from avrec_lib.widgets.figures import Drawing
from avrec_lib.widgets.recommendation_state import RecommendationState

WIDTH, HEIGHT = 570, 340


class LiveFigure:
    """`widget` shows a drawing; `follow` lets it change, sending no more than the points that moved."""

    def __init__(self, drawing: Drawing, state: RecommendationState, language: Language) -> None:
        self._drawing, self._language = drawing, language
        self._series = _series(drawing.points(state))
        self._names = list(self._series)
        self.widget = go.FigureWidget(drawing.figure(state, language))
        # Left to itself a figure widget takes the width of the page, also where two of them share it.
        self.widget.update_layout(width=WIDTH, height=HEIGHT)

    def follow(self, state: RecommendationState, language: Language) -> None:
        """Show the lists as they are now, in `language`."""
        series = _series(self._drawing.points(state))
        if list(series) != self._names or language != self._language:
            self._draw_anew(self._drawing.figure(state, language))
        else:
            with self.widget.batch_update():
                for trace, (name, rows) in zip(self.widget.data, series.items(), strict=True):
                    if not rows.equals(self._series[name]):
                        for part, column in self._drawing.parts.items():
                            trace[part] = column_values(rows[column])
        self._series, self._names, self._language = series, list(series), language

    def _draw_anew(self, figure: go.Figure) -> None:
        with self.widget.batch_update():
            self.widget.data = []
            self.widget.add_traces(figure.data)
            for axis in ("xaxis", "yaxis"):
                self.widget.layout[axis].title.text = figure.layout[axis].title.text


def _series(points: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {str(rows["list"][0]): rows for rows in points.partition_by("list", maintain_order=True)}
