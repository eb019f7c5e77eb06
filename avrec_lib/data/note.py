"""A sentence that is kept with its values until somebody reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from avrec_lib.strings import Language, say


@dataclass(frozen=True)
class Note:
    """An English template of `strings` and what fills its braces; equal notes are equal."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def text(self, language: Language | None = None) -> str:
        """The sentence in `language` (default: the current one). What is written to disk is English."""
        return say(self.template, language, **self.values)
