"""One sentence in both languages, as HTML: the page shows one and its toggle shows the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from avrec_lib.strings import LANGUAGES, Language, current_language, say

INTERVAL = re.compile(r"[−\d][\d.,]* \[[−\d.,]+, [−\d.,]+\]")
# Stand-ins that survive escaping, so that ** in a *template* is bold and ** in a value stays two asterisks.
MARKS = {"\ue000": "<strong>", "\ue001": "</strong>", "\ue002": "<code>", "\ue003": "</code>"}


class Term(str):
    """A value that is a template itself: said in the language of the sentence that it fills."""

    __slots__ = ()


def _marked(template: str, language: Language, values: dict[str, Any]) -> str:
    text = re.sub(r"\*\*(.+?)\*\*", "\ue000\\1\ue001", say(template, language))
    text = re.sub(r"`(.+?)`", "\ue002\\1\ue003", text)
    values = {name: say(str(value), language) if isinstance(value, Term) else value for name, value in values.items()}
    return text.format(**values) if values else text


def plain(template: str, language: Language | None = None, /, **values: Any) -> str:
    """`template` in `language` (default: the current one) without the marks of bold and code."""
    text = _marked(template, language or current_language(), values)
    return text.translate(dict.fromkeys(map(ord, MARKS)))


def rich(template: str, language: Language, /, **values: Any) -> Markup:
    """`template` in `language` as escaped HTML: `**words**` of it bold, words in backticks code, intervals unbroken."""
    html = str(escape(_marked(template, language, values)))
    html = INTERVAL.sub(r'<span class="avrec-interval" style="white-space:nowrap">\g<0></span>', html)
    return Markup(html.translate({ord(mark): tag for mark, tag in MARKS.items()}))


def both(template: str, /, *, only_current: bool = False, **values: Any) -> Markup:
    """`template` as a pair `<span lang="en">…</span><span lang="zh">…</span>`, everything escaped.

    One text without a pair when the languages agree. `only_current` hides the other language where no stylesheet of
    ours can (JupyterLab); the exported page takes that mark off again.
    """
    return paired({language: rich(template, language, **values) for language in LANGUAGES}, only_current=only_current)


def paired(texts: Mapping[Language, Markup | str], *, only_current: bool = False) -> Markup:
    """The same in both languages as a pair of spans, as `both` makes it; text that is no Markup is escaped."""
    if len(set(texts.values())) == 1:
        return escape(texts["en"])
    shown = current_language()
    return Markup("").join(
        Markup('<span lang="{}"{}>{}</span>').format(
            language, Markup(" hidden") if only_current and language != shown else "", text
        )
        for language, text in texts.items()
    )
