"""Every sentence a person reads, in English and Chinese.

The English template *is* the key, as in gettext; `strings/ROOM.zh.json` maps it to Chinese. A template carries its
values in braces: `say("{n} rows were kept.", n=12)`. A test reads the code and fails where a translation is missing.
"""

from __future__ import annotations

import json
import locale
import os
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
LANGUAGE_VARIABLE = "AVREC_LANGUAGE"


def current_language() -> Language:
    """The language of this process: `AVREC_LANGUAGE` (en or zh), else the locale's, else English."""
    wanted = os.environ.get(LANGUAGE_VARIABLE) or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    if not wanted:
        wanted = locale.getlocale()[0] or ""
    return "zh" if wanted.lower().startswith(("zh", "chinese")) else "en"


@cache
def _chinese() -> dict[str, str]:
    folder = resources.files(__package__)
    tables = (json.loads(file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".zh.json"))
    return {english: chinese for table in tables for english, chinese in table.items()}


def say(template: str, language: Language | None = None, /, **values: Any) -> str:
    """`template` in `language` (default: the current one), its braces filled with `values`.

    A template without a translation is said in English; one called without values is taken as it stands.
    """
    if (language or current_language()) == "zh":
        template = _chinese().get(template, template)
    return template.format(**values) if values else template
