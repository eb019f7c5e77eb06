"""Markdown cells as HTML: headings for the contents, formulas as MathML, code in colour, no address that leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import mistune
from markupsafe import Markup, escape

from avrec_lib.report.sanitise import sanitised

OUTSIDE = re.compile(r"(?:https?:)?//|mailto:", re.IGNORECASE)
UNKNOWN_TEX = re.compile(r"<m[io]>(?:\\|&amp;|&<)|href=")
# Most of the code's tokens; the stylesheet has no colour for them, and their tags would be half of the page.
UNCOLOURED = re.compile(r'<span class="tok-(?:n|nn|nb|nv|o|p|w|bp|vm|fm)">([^<]*)</span>')
# Formulas are put in after sanitising, at marks that no keyboard has.
MARK = re.compile("\ue010(\\d+)\ue011")


@dataclass(frozen=True)
class Heading:
    """A heading of the page: its level (1 to 6), text without tags, and the id to jump to."""

    level: int
    text: str
    anchor: str


@dataclass
class Writer:
    """Renders the markdown of one page; remembers the ids it gave, so that none is given twice."""

    anchors: set[str] = field(default_factory=set)

    def render(
        self, text: str, attachments: Mapping[str, Mapping[str, str]] | None = None
    ) -> tuple[Markup, list[Heading]]:
        """The HTML of `text` and its headings; `attachments` are those of the cell (name -> MIME type -> base64)."""
        renderer = _Renderer(self.anchors, attachments or {})
        plugins = ["table", "math", "footnotes", "strikethrough", "def_list", "url"]
        markdown = mistune.create_markdown(renderer=renderer, plugins=plugins)
        renderer.take_formulas()
        text = text.translate({ord(mark): None for mark in "\ue010\ue011"})
        html = MARK.sub(lambda found: renderer.formulas[int(found[1])], sanitised(str(markdown(text))))
        return Markup(html), renderer.headings

    def anchor_for(self, text: str) -> str:
        """An id for the heading `text` that the page does not have yet."""
        return new_anchor(text, self.anchors)


def new_anchor(text: str, taken: set[str]) -> str:
    """An id for the heading `text`, as JupyterLab makes it in small letters; a number is added when it is taken."""
    slug = re.sub(r"[^\w一-鿿]+", "-", text.lower()).strip("-") or "section"
    anchor, number = slug, 2
    while anchor in taken:
        anchor, number = f"{slug}-{number}", number + 1
    taken.add(anchor)
    return anchor


def highlighted(source: str, language: str = "python") -> Markup:
    """`source` as `<pre>` with classes `tok-…` for the stylesheet's colours; plain when the language is unknown."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name("ipython3" if language == "python" and _has_magic(source) else language)
    except ClassNotFound:
        return Markup("<pre><code>{}</code></pre>").format(source)
    html = highlight(source, lexer, HtmlFormatter(nowrap=True, classprefix="tok-")).rstrip("\n")
    return Markup("<pre><code>{}</code></pre>").format(Markup(UNCOLOURED.sub(r"\1", html)))


def _has_magic(source: str) -> bool:
    return any(line.lstrip().startswith(("%", "!")) for line in source.splitlines())


def formula(tex: str, *, block: bool) -> Markup:
    """`tex` as MathML, which browsers set without any script; as code where it cannot be converted."""
    from latex2mathml.converter import convert

    display: Any = "block" if block else "inline"
    source = tex.strip().replace("{aligned}", "{split}")
    try:
        html = convert(source, display=display)
    except Exception:  # noqa: BLE001 (the converter has no error family of its own, and a formula never stops a report)
        html = "href="
    if UNKNOWN_TEX.search(html):
        kept = Markup('<code class="avrec-tex">{}</code>').format(tex.strip())
        return Markup("<p>{}</p>").format(kept) if block else kept
    return Markup(html)


class _Renderer(mistune.HTMLRenderer):
    """Raw HTML is let through here: `sanitised` comes after, and knows more of it than a markdown parser."""

    def __init__(self, anchors: set[str], attachments: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__(escape=False)
        self.anchors, self.attachments = anchors, attachments
        self.headings: list[Heading] = []
        self.formulas: list[Markup] = []

    def take_formulas(self) -> None:
        """Set formulas ourselves; called when the plugin has put its own methods in place."""
        self.register("block_math", lambda _, text: f"<div>{self._mark(formula(text, block=True))}</div>\n")
        self.register("inline_math", lambda _, text: self._mark(formula(text, block=False)))

    @cached_property
    def _tags(self) -> re.Pattern[str]:
        return re.compile(r"<[^>]+>")

    def _mark(self, html: Markup) -> str:
        self.formulas.append(html)
        return f"\ue010{len(self.formulas) - 1}\ue011"

    def heading(self, text: str, level: int, **_: Any) -> str:
        plain = Markup(self._tags.sub("", MARK.sub("", text))).unescape().strip()
        anchor = new_anchor(plain, self.anchors)
        self.headings.append(Heading(level, plain, anchor))
        return f'<h{level} id="{escape(anchor)}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link within the page works; another address is printed, since the page must lead nowhere by itself."""
        if url.startswith("#"):
            return f'<a href="{escape(url)}">{text}</a>'
        if not OUTSIDE.match(url) or self._tags.sub("", text) == str(escape(url)):
            return text
        return f'{text} <span class="avrec-address">{escape(url)}</span>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        text = MARK.sub("", text)  # a formula is markup, which an attribute cannot hold
        name = url.removeprefix("attachment:")
        for kind, data in self.attachments.get(name, {}).items():
            return f'<img alt="{escape(text)}" src="data:{escape(kind)};base64,{escape(data)}">'
        return super().image(text, url, title) if url.startswith("data:image/") else f"<em>{text}</em>"

    def block_code(self, code: str, info: str | None = None) -> str:
        return str(highlighted(code.rstrip("\n"), (info or "text").split()[0])) + "\n"
