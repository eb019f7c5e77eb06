"""A fact about rows: a number, how much it matters, and a sentence that says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from avrec_lib.strings import Language, say

Level = Literal["red", "amber", "info"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Fact:
    """One fact: how many rows, users, items or days (`value`), their share of all, how much it matters, and why.

    `share` is null where there is nothing to take a share of.
    """

    name: str
    value: int
    share: float | None
    level: Level
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> dict[str, Any]:
        """What fills `template`."""
        return {"value": f"{self.value:,}", "share": in_percent(self.share), **self.values}

    def explanation(self, language: Language | None = None) -> str:
        """Why it matters, in `language` (default: the current one)."""
        return say(self.template, language, **self.words)


def in_percent(share: float | None) -> str:
    """A share to read: `75.8 %`, and not `0.0 %` for what is there."""
    if share is None:
        return "–"
    return f"{share:.1%}".replace("%", " %") if share == 0 or share >= 0.0005 else "< 0.1 %"


def level_of(share: float | None, amber: float, red: float = 2.0) -> Level:
    """red or amber when `share` reaches that bound, else info."""
    if share is None or share < amber:
        return "info"
    return "red" if share >= red else "amber"


def share_of(part: int | None, whole: int | None) -> float | None:
    """`part` of `whole`, null when there is nothing to take a share of."""
    return (part or 0) / whole if whole else None
