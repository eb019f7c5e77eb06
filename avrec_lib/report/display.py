"""What a notebook shows: figures with caption, takeaway and table; findings; tables. The same by hand and headless.

Captions, takeaways and findings are templates of `strings` and come out in both languages, of which JupyterLab shows
the current one and the report's toggle either. `**words**` of a template are bold.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl
from markupsafe import Markup

from avrec_lib.errors import UsageError
from avrec_lib.report.house_style import check_points, house_template, points_of
from avrec_lib.report.tables import table_html
from avrec_lib.report.words import both, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

PLOTLY_MIME = "application/vnd.plotly.v1+json"
FOLDED_ROWS = 50
HEADLINE_CLASS = "avrec-headline"
BANNER_MIME = "application/vnd.avrec.banner+json"
"""The texts of a banner by language, for the top of the report."""


def show(
    figure: go.Figure, caption: str, *, takeaway: str = "", table: pl.DataFrame | None = None,
    table_options: Mapping[str, Any] | None = None, **values: Any,
) -> None:  # fmt: skip
    """Display `figure`, its `caption` (say unit and n), the computed `takeaway`, and `table` behind a fold.

    `caption` and `takeaway` are templates filled with `values`; `table_options` go to `table_html`. Raises UsageError
    for a figure of more than 5,000 points or a template whose value is missing.
    """
    import plotly.io as pio

    check_points(points_of(figure))
    if figure.layout.template == pio.templates["plotly"]:
        figure.update_layout(template=house_template())
    text = in_current_language(caption, values)
    spoken = [text]
    html = Markup('<div class="avrec-caption">{}</div>').format(both(caption, only_current=True, **values))
    if takeaway:
        spoken.append(in_current_language(takeaway, values))
        html += Markup('<p class="avrec-takeaway">{}</p>').format(both(takeaway, only_current=True, **values))
    if table is not None:
        rows = table_html(table, only_current=True, **{"limit": FOLDED_ROWS, **(table_options or {})})
        summary = both("The numbers as a table ({count:,} rows)", count=table.height, only_current=True)
        html += Markup('<details class="avrec-fold"><summary>{}</summary>{}</details>').format(summary, rows)
    drawing = json.loads(figure.to_json())
    drawing["config"] = {"displaylogo": False, "responsive": True}
    emit({PLOTLY_MIME: drawing, "text/plain": text})
    emit({"text/html": html, "text/plain": "\n".join(spoken)})


def finding(template: str, /, *, headline: bool = False, **values: Any) -> None:
    """Display one computed sentence, set apart: what the numbers above say; `headline` puts it on top of the report."""
    text = in_current_language(template, values)
    kind = f"avrec-finding {HEADLINE_CLASS}" if headline else "avrec-finding"
    html = Markup('<p class="{}" style="border-left:3px solid #009E73;padding:.4em .9em">{}</p>')
    emit(
        {
            "text/html": html.format(kind, both(template, only_current=True, **values)),
            "text/plain": text,
        }
    )


def show_table(
    table: pl.DataFrame, caption: str = "", *, limit: int = 20, digits: int | Mapping[str, int] = 3,
    columns: Mapping[str, str] | None = None, intervals: Mapping[str, tuple[str, str, str]] | None = None,
    translate: Collection[str] = (), **values: Any,
) -> None:  # fmt: skip
    """Display `table` with a `caption` (a template filled with `values`); the other options are those of `table_html`.

    Columns value, low, high (or difference, low, high) become one cell `0.073 [0.055, 0.091]`.
    """
    html = table_html(
        table, limit=limit, digits=digits, columns=columns, intervals=intervals, translate=translate, only_current=True
    )
    text = in_current_language(caption, values) if caption else ""
    if caption:
        title = both(caption, only_current=True, **values)
        html = Markup('<div class="avrec-caption avrec-above">{}</div>{}').format(title, html)
    emit({"text/html": html, "text/plain": f"{text}\n{table.head(limit)}".strip()})


def in_current_language(template: str, values: Mapping[str, Any]) -> str:
    """`template` in the current language as plain text; raises UsageError naming a value that it lacks."""
    try:
        return plain(template, **values)
    except KeyError as missing:
        raise UsageError(
            "The sentence {template} needs a value for {name}.", template=repr(template), name=missing
        ) from None


def emit(bundle: Mapping[str, Any]) -> None:
    """Hand a bundle (MIME type -> content) to the notebook."""
    from IPython.display import display

    display({kind: str(content) if isinstance(content, str) else content for kind, content in bundle.items()}, raw=True)
