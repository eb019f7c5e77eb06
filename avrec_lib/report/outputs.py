"""The outputs of a cell as HTML: figures, pictures, tables, text; widgets only as a line that says where they live."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from avrec_lib.report.display import PLOTLY_MIME
from avrec_lib.report.prose import Writer
from avrec_lib.report.sanitise import sanitised
from avrec_lib.report.words import both

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
TAGS = re.compile(r"<[^>]*>")
FOLDED_LINES = 12
MOST_CHARACTERS = 20_000
MOST_HTML = 200_000
# These traces compile shaders from text, which a page may do only if its security policy says so.
COMPILED = re.compile(r"gl$|3d$|^(surface|mesh3d|cone|streamtube|volume|isosurface|parcoords|splom)$")


@dataclass
class Figures:
    """The plotly figures of a page, in order, and whether one of them needs to compile shaders."""

    count: int = 0
    compiled: bool = False
    writer: Writer = field(default_factory=Writer)


def text_of(value: Any) -> str:
    """The text of a notebook field, which a file may keep as one string or as a list of lines."""
    return "".join(value) if isinstance(value, list) else str(value)


def render_outputs(outputs: list[Mapping[str, Any]], figures: Figures) -> list[Markup]:
    """Each output of a cell as HTML; a figure takes the caption that follows it into its frame."""
    parts: list[Markup] = []
    for output in _joined(outputs):
        match output["output_type"]:
            case "stream":
                parts.append(_printed(text_of(output.get("text", "")), output.get("name", "stdout")))
            case "error":
                parts.append(_error(output))
            case _:
                data = output.get("data", {})
                html = text_of(data.get("text/html", ""))
                if parts and parts[-1].endswith("</figure>\n") and html.startswith('<div class="avrec-caption">'):
                    parts[-1] = Markup(parts[-1].removesuffix("</figure>\n")) + _caption(html, figures.count)
                else:
                    parts.append(render_bundle(data, figures))
    return [part for part in parts if part]


def render_bundle(data: Mapping[str, Any], figures: Figures) -> Markup:
    """The richest of the forms of one output that a page can show without the notebook."""
    if PLOTLY_MIME in data:
        return _figure(data, figures)
    if WIDGET_MIME in data:
        return Markup('<p class="note">{}</p>').format(
            both("A live widget was here: open the notebook in JupyterLab to use it.")
        )
    for kind in PICTURES:
        if kind in data:
            return _picture(kind, "".join(text_of(data[kind]).split()), data)
    if "image/svg+xml" in data:
        encoded = base64.b64encode(text_of(data["image/svg+xml"]).encode()).decode()
        return _picture("image/svg+xml", encoded, data)
    if "text/html" in data:
        clean = sanitised(text_of(data["text/html"]))
        if len(clean) > MOST_HTML:
            size = both(
                "This output is too large for a report ({size:,.0f} KB): see it in JupyterLab.", size=len(clean) / 1024
            )
            return Markup('<p class="note">{}</p>').format(size)
        if TAGS.sub("", clean).strip() or "<img" in clean:
            return Markup('<div class="output">{}</div>').format(clean)
        if "text/plain" not in data:
            return Markup('<p class="note">{}</p>').format(both("This output needs its scripts: see it in JupyterLab."))
    if "text/markdown" in data:
        return Markup('<div class="output">{}</div>').format(figures.writer.render(text_of(data["text/markdown"]))[0])
    if "text/latex" in data:
        return Markup('<div class="output">{}</div>').format(figures.writer.render(text_of(data["text/latex"]))[0])
    return _printed(text_of(data.get("text/plain", "")), "stdout")


def _figure(data: Mapping[str, Any], figures: Figures) -> Markup:
    drawing = data[PLOTLY_MIME]
    traces = drawing.get("data", [])
    figures.count += 1
    figures.compiled |= any(COMPILED.search(trace.get("type", "scatter")) for trace in traces)
    name = text_of(data.get("text/plain", ""))
    return drawn(traces, drawing.get("layout", {}), "" if name.startswith("Figure(") else name, figures.count)


def drawn(traces: list[Any], layout: Mapping[str, Any], name: str, number: int) -> Markup:
    """The frame of a figure with its content as JSON, which `report.js` draws in the page's colours."""
    layout = {key: value for key, value in layout.items() if key != "width"}
    content = json.dumps({"data": traces, "layout": layout}, ensure_ascii=False, separators=(",", ":"))
    # Within <script> only "<" can end or open anything.
    content = content.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    wanted = layout.get("height") or layout.get("template", {}).get("layout", {}).get("height")
    height = wanted if isinstance(wanted, int | float) else 400
    return Markup(
        '<figure class="plot" id="figure-{number}">'
        '<div class="drawing" style="height:{height:.0f}px" role="img" aria-label="{name}">'
        '<p class="note">{missing}</p></div>'
        '<script type="application/json">{content}</script></figure>\n'
    ).format(
        number=number, height=height, name=name, content=Markup(content),
        missing=both("The figure is drawn by files in the folder _assets, which this page does not find beside it."),
    )  # fmt: skip


def _caption(html: str, number: int) -> Markup:
    label = Markup('<span class="number">{}</span> ').format(both("Figure {number}.", number=number))
    opening = Markup('<div class="avrec-caption">')
    clean = sanitised(html).replace(opening, opening + label, 1)
    return Markup("<figcaption>{}</figcaption></figure>\n").format(clean)


def _picture(kind: str, encoded: str, data: Mapping[str, Any]) -> Markup:
    name = text_of(data.get("text/plain", ""))
    return Markup('<figure class="picture"><img src="data:{};base64,{}" alt="{}"></figure>\n').format(
        kind, encoded, name if not name.startswith("<") else ""
    )


def _printed(text: str, stream: str) -> Markup:
    text = as_on_a_terminal(text).strip("\n")
    if not text.strip():
        return Markup("")
    if len(text) > MOST_CHARACTERS:
        half = MOST_CHARACTERS // 2
        text = f"{text[:half]}\n…\n{text[-half:]}"
    kind = "stderr" if stream == "stderr" else "stdout"
    body = Markup('<pre class="printed {}">{}</pre>').format(kind, text)
    lines = text.count("\n") + 1
    if lines <= FOLDED_LINES and kind == "stdout":
        return body
    label = (
        both("Messages (lines: {lines:,})", lines=lines)
        if kind == "stderr"
        else both("Printed text (lines: {lines:,})", lines=lines)
    )
    return Markup('<details class="fold"><summary>{}</summary>{}</details>').format(label, body)


def _error(output: Mapping[str, Any]) -> Markup:
    trace = ANSI.sub("", "\n".join(output.get("traceback", [])))
    return Markup(
        '<div class="error"><p><strong>{}</strong>: {}</p><details class="fold"><summary>{}</summary>'
        '<pre class="printed">{}</pre></details></div>'
    ).format(output.get("ename", ""), ANSI.sub("", str(output.get("evalue", ""))), both("Traceback"), trace)


def as_on_a_terminal(text: str) -> str:
    """`text` without colours, with what a carriage return wrote over gone (progress bars)."""
    lines = (line.rstrip("\r").rsplit("\r", 1)[-1] for line in ANSI.sub("", text).split("\n"))
    return "\n".join(lines)


def _joined(outputs: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The outputs, with neighbours of one stream as one."""
    held: dict[str, Any] | None = None
    for output in outputs:
        if output.get("output_type") == "stream":
            if held and held["name"] == output.get("name"):
                held["text"] += text_of(output.get("text", ""))
                continue
            if held:
                yield held
            held = {"output_type": "stream", "name": output.get("name"), "text": text_of(output.get("text", ""))}
            continue
        if held:
            yield held
            held = None
        yield output
    if held:
        yield held
