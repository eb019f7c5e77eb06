"""Figures of what the lists do: the same still in a report and live in a demo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from avrec_lib.report import bar_chart, scatter
from avrec_lib.strings import Language, current_language, say
from avrec_lib.widgets.overview import HISTORY, items_shown, list_measures, tag_mixture
from avrec_lib.widgets.recommendation_state import RecommendationState

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Drawing:
    """A figure with a series for each value of the column `list`: its points, and how they are drawn.

    `caption` is a template that may use `n`, the number of users. `parts` maps what plotly calls x, y and text to
    columns of the points.
    """

    points: Callable[[RecommendationState], pl.DataFrame]
    parts: dict[str, str]
    draw: Callable[[pl.DataFrame], go.Figure]
    caption: str

    def figure(self, state: RecommendationState, language: Language | None = None) -> go.Figure:
        """The figure of the lists as they are, its words in `language` (default: the current one)."""
        points = self.points(state)
        figure = self.draw(points.with_columns(pl.col("list").replace(HISTORY, say("history", language))))
        labels = (figure.layout.meta or {}).get("labels", {}).get(language or current_language(), {})
        for path, text in labels.items():
            figure.update_layout({path.replace(".", "_"): text})
        return figure


def drawings(state: RecommendationState) -> list[Drawing]:
    """How popular and old the listed items are, and where any item has a tag, how the tags are mixed."""
    popular = _by_age(state.facts.is_published) if state.facts.has_ages else _MEAN_USERS
    return [popular] if state.facts.tag_vectors is None else [popular, _TAGS]


def _by_age(is_published: bool) -> Drawing:
    x_label = "year of publication" if is_published else "year of the first event"

    def draw(points: pl.DataFrame) -> go.Figure:
        figure = scatter(
            points, "born", "users", x_label=x_label, y_label="users who chose the item", by="list", name="title"
        )
        figure.update_xaxes(tickformat="d" if _spread(points["born"]) > 3 else ".1f", nticks=6)
        return figure

    return Drawing(
        items_shown, {"x": "born", "y": "users", "text": "title"}, draw,
        "How many of {n:,} users chose each item of the history and of the lists, along its age.",
    )  # fmt: skip


def _spread(years: pl.Series) -> float:
    known = years.drop_nulls().to_numpy()
    return float(known.max() - known.min()) if len(known) else 0.0


def _draw_means(points: pl.DataFrame) -> go.Figure:
    return bar_chart(points, "list", "users", x_label="list", y_label="users who chose the item", by="list")


def _draw_tags(points: pl.DataFrame) -> go.Figure:
    return bar_chart(points, "tag", "share", x_label="tag", y_label="share of the list", by="list", as_share=True)


_MEAN_USERS = Drawing(
    list_measures, {"x": "list", "y": "users"}, _draw_means,
    "How many of {n:,} users chose an item of the history and of the lists, on average.",
)  # fmt: skip
_TAGS = Drawing(
    tag_mixture, {"x": "tag", "y": "share"}, _draw_tags,
    "How the tags of the history and of the lists are mixed; the tags of an item count 1 together.",
)  # fmt: skip
