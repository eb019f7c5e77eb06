"""HTML that came out of a notebook, made harmless: no script, no style but alignment, no address outside the page."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    import nh3

TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del", "details", "div", "dl",
    "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "mark", "ol", "p", "pre", "q", "s",
    "samp", "section", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "u", "ul", "var",
}  # fmt: skip
ATTRIBUTES = {
    "*": {"class", "lang", "title"},
    "a": {"href"},
    "col": {"span"},
    "details": {"open"},
    "h1": {"id"}, "h2": {"id"}, "h3": {"id"}, "h4": {"id"}, "h5": {"id"}, "h6": {"id"}, "li": {"id"}, "section": {"id"},
    "img": {"alt", "height", "src", "width"},
    "ol": {"start"},
    "sup": {"id"},
    "td": {"colspan", "rowspan", "style"},
    "th": {"colspan", "rowspan", "scope", "style"},
}  # fmt: skip
OWN_CLASS = re.compile(r"(avrec-|tok-)[a-z0-9-]+|dataframe|footnotes|footnote-ref")
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]+")
LANGUAGE = re.compile(r"en|zh")


def sanitised(html: str) -> Markup:
    """`html` with only tags of text, tables and pictures; classes of ours; links within the page; embedded pictures."""
    return Markup(_cleaner().clean(html))


@cache
def _cleaner() -> nh3.Cleaner:
    import nh3

    return nh3.Cleaner(
        tags=TAGS,
        attributes=ATTRIBUTES,
        clean_content_tags={"script", "style", "iframe", "object", "template", "noscript", "title", "svg", "math"},
        attribute_filter=_kept_attribute,
        filter_style_properties={"text-align"},
        url_schemes={"data"},
        link_rel=None,
    )


def _kept_attribute(tag: str, name: str, value: str) -> str | None:
    match name:
        case "class":
            return " ".join(word for word in value.split() if OWN_CLASS.fullmatch(word)) or None
        case "href":
            return value if value.startswith("#") else None
        case "src":
            return value if PICTURE.fullmatch(value) else None
        case "lang":
            return value if LANGUAGE.fullmatch(value) else None
    return value
