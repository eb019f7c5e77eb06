"""One sentence in both languages, as HTML: the page shows one and its toggle shows the other."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from avrec_lib.strings import LANGUAGES, Language, current_language, say

BOLD = "**"
INTERVAL = re.compile(r"[−\d][\d.,]* \[[−\d.,]+, [−\d.,]+\]")
# Stand-ins that survive escaping, so that ** in a *template* is bold and ** in a value stays two asterisks.
_OPEN, _CLOSE = "\ue000", "\ue001"


def _marked(template: str, language: Language, values: dict[str, Any]) -> str:
    parts = say(template, language).split(BOLD)
    joined = parts[0]
    for position, part in enumerate(parts[1:]):
        joined += (_CLOSE if position % 2 else _OPEN) + part
    return joined.format(**values) if values else joined


def plain(template: str, language: Language | None = None, /, **values: Any) -> str:
    """`template` in `language` (default: the current one) without the marks of bold."""
    text = _marked(template, language or current_language(), values)
    return text.replace(_OPEN, "").replace(_CLOSE, "")


def rich(template: str, language: Language, /, **values: Any) -> Markup:
    """`template` in `language` as escaped HTML; `**words**` of the template are bold, intervals stay on one line."""
    html = str(escape(_marked(template, language, values)))
    html = INTERVAL.sub(r'<span class="avrec-interval" style="white-space:nowrap">\g<0></span>', html)
    return Markup(html.replace(_OPEN, "<strong>").replace(_CLOSE, "</strong>"))


def both(template: str, /, *, only_current: bool = False, **values: Any) -> Markup:
    """`template` as a pair `<span lang="en">…</span><span lang="zh">…</span>`, everything escaped.

    One text without a pair when the languages agree. `only_current` hides the other language where no stylesheet of
    ours can (JupyterLab); the exported page takes that mark off again.
    """
    texts = {language: rich(template, language, **values) for language in LANGUAGES}
    if len(set(texts.values())) == 1:
        return texts["en"]
    shown = current_language()
    return Markup("").join(
        Markup('<span lang="{}"{}>{}</span>').format(
            language, Markup(" hidden") if only_current and language != shown else "", text
        )
        for language, text in texts.items()
    )
