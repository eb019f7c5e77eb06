"""Points with intervals in rows and panels: models within groups, tie rules within models, windows within splits."""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import polars as pl

from avrec_lib.report.drawing import carry_both, check_columns, faint, finish, series_of
from avrec_lib.report.house_style import PALETTE, SYMBOLS, check_points
from avrec_lib.report.tables import with_interval
from avrec_lib.strings import LANGUAGES, Language, current_language, say

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEADING, TICKS, BOTTOM, LEGEND = 30, 22, 44, 34  # pixels
SHORTEST_ROW, BETWEEN_ROWS, BETWEEN_SERIES = 34, 22, 11
LINE_CHARACTERS = 22


@dataclass(frozen=True)
class Panel:
    """One panel: its key and its title by language (None: a panel without), its rows from top to bottom, how many users
    each has (None: not said), and which have few.
    """

    key: str
    titles: dict[Language, str] | None
    rows: list[str]
    users: list[int | None]
    few: list[bool]


def dot_plot(
    table: pl.DataFrame, *, x_label: str, row: str, by: str | None = None, panel: str | None = None,
    value: str = "value", low: str = "low", high: str = "high", overall: str | None = None, users: str | None = None,
    few: str | None = None, digits: int = 3,
) -> go.Figure:  # fmt: skip
    """A point and its interval for each row of `table`: rows named by `row`, series by `by`, panels by `panel`.

    Rows and panels stand in the table's order and are said in both languages. `overall` (a column) draws a dotted
    line for each series and panel; `users` is written under a row's name; where `few` holds, the point is hollow and
    faint, and its row says why.
    """
    import plotly.graph_objects as go

    check_columns(table, row, by, panel, value, low, high, overall, users, few)
    check_points(table.height)
    series = series_of(table, by)
    panels = _panels(table, panel, row, users, few)
    figure = go.Figure()
    for number, shown in enumerate(panels, start=1):
        for name, rows, place in series:
            own = rows if panel is None else rows.filter(pl.col(panel).cast(pl.String) == shown.key)
            if own.height:
                _draw(figure, own, name, place, len(series), shown, number,
                      {"row": row, "value": value, "low": low, "high": high, "overall": overall, "few": few},
                      digits, legend=by is not None and number == 1)  # fmt: skip
    _lay_out(figure, panels, _row_height(len(series)), legend=by is not None)
    labels = {f"{_axis('x', max(len(panels), 1))}.title.text": x_label}
    return finish(figure, table, None, None, x_label="", y_label="", labels=labels)


def _row_height(series: int) -> int:
    return max(SHORTEST_ROW, BETWEEN_ROWS + BETWEEN_SERIES * (series - 1))


def _panels(table: pl.DataFrame, panel: str | None, row: str, users: str | None, few: str | None) -> list[Panel]:
    parts = table.partition_by(panel, maintain_order=True) if panel else [table]
    panels = []
    for part in parts:
        facts = part.group_by(row, maintain_order=True).agg(
            users=pl.col(users).max() if users else pl.lit(None), few=pl.col(few).all() if few else pl.lit(value=False)
        )
        names = [str(name) for name in facts[row].cast(pl.String).fill_null("–")]
        key = str(part[panel].cast(pl.String)[0]) if panel and part.height else ""
        titles = {language: say(key, language) for language in LANGUAGES} if key else None
        panels.append(Panel(key, titles, names, facts["users"].to_list(), facts["few"].to_list()))
    return panels


def _draw(
    figure: go.Figure, rows: pl.DataFrame, name: str, place: int, series: int, panel: Panel, number: int,
    columns: dict[str, Any], digits: int, *, legend: bool,
) -> None:  # fmt: skip
    offset = (place - (series - 1) / 2) * BETWEEN_SERIES / _row_height(series)
    places = [panel.rows.index(group) + offset for group in rows[columns["row"]].cast(pl.String).fill_null("–")]
    measured = [rows[columns[part]].cast(pl.Float64).to_list() for part in ("value", "low", "high")]
    small = rows[columns["few"]].to_list() if columns["few"] else [False] * rows.height
    colour, axes = PALETTE[place], {"xaxis": f"x{number}", "yaxis": f"y{number}"}
    group = {"name": name, "legendgroup": name}
    if columns["overall"] and (known := rows[columns["overall"]].drop_nulls()).len():
        figure.add_scatter(
            x=[known[0]] * 2, y=[-0.5, len(panel.rows) - 0.5], mode="lines", showlegend=False, hoverinfo="skip",
            line={"color": colour, "width": 1.5, "dash": "dot"}, **group, **axes,
        )  # fmt: skip
    sound = [low is not None and high is not None for low, high in zip(*measured[1:], strict=True)]
    for is_small, has_interval in product((False, True), (True, False)):
        chosen = [at for at, kind in enumerate(zip(small, sound, strict=True)) if kind == (is_small, has_interval)]
        if not chosen:
            continue
        values, lows, highs = ([column[index] for index in chosen] for column in measured)
        shade = faint(colour).replace("0.18", "0.6") if is_small else colour
        figure.add_scatter(
            x=[_short(value) for value in values], y=[round(places[index], 3) for index in chosen], mode="markers",
            showlegend=False, **group, **axes,
            text=[with_interval(*bounds, digits) for bounds in zip(values, lows, highs, strict=True)],
            hovertemplate="%{text}<extra>" + name + "</extra>",
            marker={"symbol": SYMBOLS[place] + ("-open" if is_small else ""), "size": 9, "color": shade,
                    "line": {"width": 1.5, "color": shade}},
            error_x=_whiskers(values, lows, highs, shade) if has_interval else None,
        )  # fmt: skip
    if legend:
        figure.add_scatter(
            x=[None], y=[None], mode="markers", showlegend=True, **group, **axes,
            marker={"symbol": SYMBOLS[place], "color": colour, "size": 9},
        )  # fmt: skip


def _whiskers(values: list[float], lows: list[float], highs: list[float], colour: str) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "color": colour, "thickness": 1.75, "width": 3,
        "array": [_short(high - value) for value, high in zip(values, highs, strict=True)],
        "arrayminus": [_short(value - low) for value, low in zip(values, lows, strict=True)],
    }  # fmt: skip


def _lay_out(figure: go.Figure, panels: list[Panel], row_height: int, *, legend: bool) -> None:
    """Panels below each other, as tall as their rows, on one scale; names in both languages."""
    heads = [HEADING if panel.titles else 6 for panel in panels]
    tall = [len(panel.rows) * row_height for panel in panels]
    inside = sum(heads) + sum(tall) + TICKS * (len(panels) - 1)
    top = LEGEND if legend else 8
    figure.update_layout(height=max(inside + top + BOTTOM + TICKS, 160), margin={"t": top, "b": BOTTOM, "l": 20})
    if legend:
        figure.update_layout(legend={"y": 1, "yanchor": "bottom"})
    texts: dict[Language, dict[str, Any]] = {language: {} for language in LANGUAGES}
    annotations: list[dict[str, Any]] = []
    used = 0
    for number, panel in enumerate(panels, start=1):
        start = used + heads[number - 1]
        used = start + tall[number - 1] + TICKS
        domain = [1 - min(start + tall[number - 1], inside) / inside, 1 - start / inside]
        marks = {language: _row_names(panel, language) for language in LANGUAGES}
        figure.update_layout(
            {
                _axis("y", number): {
                    "domain": domain, "anchor": f"x{number}", "range": [len(panel.rows) - 0.5, -0.5], "zeroline": False,
                    "tickvals": list(range(len(panel.rows))), "ticktext": marks[current_language()], "ticks": "",
                    "showline": False, "showgrid": True,
                },
                _axis("x", number): {
                    "anchor": f"y{number}", "showgrid": True, "tickfont": {"size": 11},
                    **({"matches": "x"} if number > 1 else {}),
                },
            }
        )  # fmt: skip
        for language in LANGUAGES:
            texts[language][f"{_axis('y', number)}.ticktext"] = marks[language]
        if panel.titles:
            for language, title in panel.titles.items():
                texts[language][f"annotations.{len(annotations)}.text"] = _strong(title)
            annotations.append({
                "text": _strong(panel.titles[current_language()]), "xref": "paper", "yref": "paper", "x": 0,
                "xanchor": "left", "y": domain[1], "yanchor": "bottom", "showarrow": False, "font": {"size": 13},
            })  # fmt: skip
    figure.update_layout(annotations=annotations)
    carry_both(figure, texts)


def _row_names(panel: Panel, language: Language) -> list[str]:
    names = []
    for name, users, few in zip(panel.rows, panel.users, panel.few, strict=True):
        lines = textwrap.wrap(say(name, language), LINE_CHARACTERS)[:2] or ["–"]
        text = "<br>".join(html.escape(line, quote=False) for line in lines)
        about = [f"n = {users:,}"] if users is not None else []
        if few:
            about.append(say("few users", language))
        names.append(f'{text}<br><span style="font-size:11px">{", ".join(about)}</span>' if about else text)
    return names


def _strong(text: str) -> str:
    return f"<b>{html.escape(text, quote=False)}</b>"


def _axis(letter: str, number: int) -> str:
    return f"{letter}axis{number if number > 1 else ''}"


def _short(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.6g}")
