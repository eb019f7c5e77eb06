"""Tables to read: numbers right-aligned, a value with its interval in one cell, a limit on rows."""

from __future__ import annotations

import datetime
import math
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl
from markupsafe import Markup, escape

from avrec_lib.report.words import both

INTERVALS: dict[str, tuple[str, str, str]] = {
    "value": ("value", "low", "high"),
    "difference": ("difference", "low", "high"),
}
"""Merged without being asked: a table with these three columns shows them as one."""
NOTHING = "–"


def number(value: float | None, digits: int = 3) -> str:
    """A number to read: `digits` decimals (none for a whole number), thousands with commas, a true minus sign."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def with_interval(value: float | None, low: float | None, high: float | None, digits: int = 3) -> str:
    """`0.073 [0.055, 0.091]`; only the value when it has no interval, a dash when it is undefined."""
    if value is None or low is None or high is None:
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def side_by_side(
    table: pl.DataFrame, rows: Collection[str], *, by: str = "model", value: str = "value", low: str = "low",
    high: str = "high", decimals: int = 3,
) -> pl.DataFrame:  # fmt: skip
    """The columns `rows`, then a column of text for each value of `by`: `0.073 [0.055, 0.091]`, a dash for nothing.

    Numbers from 10 have one decimal, from 100 none, smaller ones `decimals`.
    """

    def cell(centre: float | None, bottom: float | None, top: float | None) -> str:
        size = abs(centre or 0)
        return with_interval(centre, bottom, top, 0 if size >= 100 else 1 if size >= 10 else decimals)

    texts = [cell(*part) for part in table.select(value, low, high).iter_rows()]
    cells = table.select(*rows, by, cell=pl.Series(texts, dtype=pl.String))
    return cells.pivot(by, index=list(rows), values="cell", aggregate_function="first").fill_null(NOTHING)


def table_html(
    table: pl.DataFrame, *, limit: int = 20, digits: int | Mapping[str, int] = 3,
    columns: Mapping[str, str] | None = None, intervals: Mapping[str, tuple[str, str, str]] | None = None,
    translate: Collection[str] = (), only_current: bool = False,
) -> Markup:  # fmt: skip
    """`table` as HTML, everything escaped.

    `columns` gives a heading (a template) for a column; `intervals` maps a shown column to the columns (value, low,
    high) that it merges; cells of the columns in `translate` are templates too. Rows over `limit` are counted.
    """
    merged = _intervals_in(table, intervals)
    hidden = {part for target, parts in merged.items() for part in parts if part != target}
    shown = [name for name in table.columns if name not in hidden]
    shown += [name for name in merged if name not in table.columns]
    of_numbers = {name for name in shown if name in merged or table.schema[name].is_numeric()}

    def cell(row: dict[str, Any], name: str) -> Markup | str:
        places = digits if isinstance(digits, int) else digits.get(name, 3)
        if name in merged:
            return with_interval(*(row[part] for part in merged[name]), places)  # type: ignore[call-arg]
        if name in translate and isinstance(row[name], str):
            return both(row[name], only_current=only_current)
        return cell_text(row[name], places, only_current)

    def tag(kind: str, name: str, content: Markup | str) -> Markup:
        if name not in of_numbers:
            return Markup(f"<{kind}>{{}}</{kind}>").format(content)
        return Markup(f'<{kind} class="avrec-number" style="text-align:right">{{}}</{kind}>').format(content)

    headings = {name: (columns or {}).get(name, name.replace("_", " ")) for name in shown}
    head = Markup("").join(tag("th", name, both(headings[name], only_current=only_current)) for name in shown)
    body = Markup("\n").join(
        Markup("<tr>{}</tr>").format(Markup("").join(tag("td", name, cell(row, name)) for name in shown))
        for row in table.head(limit).iter_rows(named=True)
    )
    more = Markup("")
    if table.height > limit:
        count = both("… {count:,} more rows", count=table.height - limit, only_current=only_current)
        more = Markup('<p class="avrec-more">{}</p>').format(count)
    return Markup(
        '<div class="avrec-scroll"><table class="avrec-table"><thead><tr>{}</tr></thead>'
        "<tbody>\n{}\n</tbody></table></div>{}"
    ).format(head, body, more)


def cell_text(value: Any, digits: int = 3, only_current: bool = False) -> Markup | str:
    """One cell as text: numbers by `number`, times without microseconds, lists joined, null as a dash."""
    match value:
        case None:
            return NOTHING
        case bool():
            return both("yes" if value else "no", only_current=only_current)
        case int() | float():
            return number(value, digits)
        case datetime.datetime():
            return value.strftime("%Y-%m-%d %H:%M")
        case list() | tuple():
            return ", ".join(str(part) for part in value)
    return str(escape(value)) if isinstance(value, Markup) else str(value)


def _intervals_in(
    table: pl.DataFrame, intervals: Mapping[str, tuple[str, str, str]] | None
) -> dict[str, tuple[str, str, str]]:
    if intervals is not None:
        return dict(intervals)
    return {target: parts for target, parts in INTERVALS.items() if set(parts) <= set(table.columns)}
