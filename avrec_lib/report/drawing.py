"""What all figure builders share: series, columns as plotly takes them, axes named in both languages."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.report.house_style import PALETTE, house_template
from avrec_lib.strings import LANGUAGES, Language, say

if TYPE_CHECKING:
    import plotly.graph_objects as go

DATE_TICKS = [
    {"dtickrange": [None, 60_000], "value": "%H:%M:%S"},
    {"dtickrange": [60_000, 86_400_000], "value": "%m-%d %H:%M"},
    {"dtickrange": [86_400_000, "M1"], "value": "%Y-%m-%d"},
    {"dtickrange": ["M1", "M12"], "value": "%Y-%m"},
    {"dtickrange": ["M12", None], "value": "%Y"},
]  # plotly names months in English only; digits are read in every language


def finish(
    figure: go.Figure, table: pl.DataFrame, x: str | None, y: str | None, *, x_label: str, y_label: str,
    log_x: bool = False, log_y: bool = False, labels: Mapping[str, str] | None = None,
) -> go.Figure:  # fmt: skip
    """`figure` in the house style, its axes named in both languages and set for the columns they show."""
    labels = {"xaxis.title.text": x_label, "yaxis.title.text": y_label, **(labels or {})}
    figure.update_layout(template=house_template())
    figure.update_xaxes(type="log" if log_x else None)
    figure.update_yaxes(type="log" if log_y else None)
    for column, update in ((x, figure.update_xaxes), (y, figure.update_yaxes)):
        if column is not None and table[column].dtype.is_temporal():
            update(tickformatstops=DATE_TICKS)
    for path, template in labels.items():
        figure.update_layout({path.replace(".", "_"): html.escape(say(template), quote=False)})
    texts = {
        language: {path: html.escape(say(template, language), quote=False) for path, template in labels.items()}
        for language in LANGUAGES
    }
    carry_both(figure, texts)
    return figure


def carry_both(figure: go.Figure, texts: Mapping[Language, Mapping[str, Any]]) -> None:
    """Let `figure` take along what the toggle of the report changes: language -> path in the layout -> text or texts.

    A path is like `xaxis.title.text` or `annotations.0.text`; `templates/report.js` reads it.
    """
    if texts["en"] != texts["zh"]:
        held = (figure.layout.meta or {}).get("labels", {})
        figure.update_layout(
            meta={"labels": {language: {**held.get(language, {}), **texts[language]} for language in texts}}
        )


def column_values(column: pl.Series) -> list[Any]:
    """A column as plotly takes it: six significant digits, times as ISO text, text safe from plotly's own markup."""
    if column.dtype.is_float():
        return column.round_sig_figs(6).to_list()
    if column.dtype.is_temporal():
        return column.cast(pl.String).to_list()
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return column.to_list()
    return [None if text is None else html.escape(text, quote=False) for text in column.cast(pl.String)]


def series_of(table: pl.DataFrame, by: str | None, *columns: str | None) -> list[tuple[str, pl.DataFrame, int]]:
    """The series of a figure: name, rows, and the place that gives its colour, dash and marker."""
    check_columns(table, by, *columns)
    if by is None:
        return [("", table, 0)]
    groups = table.partition_by(by, maintain_order=True)
    if len(groups) > len(PALETTE):
        raise UsageError(
            "{count} series cannot be told apart in one figure; {most} can.",
            hint="Keep the largest, or draw a heatmap.", count=len(groups), most=len(PALETTE),
        )  # fmt: skip
    return [(str(column_values(rows[by].cast(pl.String))[0]), rows, place) for place, rows in enumerate(groups)]


def check_columns(table: pl.DataFrame, *columns: str | None) -> None:
    for column in columns:
        if column is not None and column not in table.columns:
            raise unknown_name("column", column, table.columns)


def faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"
