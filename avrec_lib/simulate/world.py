"""A world: options, a seed, and the catalogue that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from avrec_lib.simulate.catalogue import Catalogue, HiddenFacts, draw_catalogue
from avrec_lib.simulate.options import WorldOptions, fingerprint, options_of


@dataclass(frozen=True)
class World:
    """The rules and the catalogue. Its people are drawn anew by each run's seed, so two runs can have the same ones.

    `fingerprint` stands for the options, the seed and the revision of the code: note it before trying a policy.
    """

    options: WorldOptions
    seed: int = 0

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.options, self.seed)

    @cached_property
    def _drawn(self) -> tuple[Catalogue, HiddenFacts]:
        return draw_catalogue(self.options, self.seed)

    @property
    def catalogue(self) -> Catalogue:
        """Public facts of the items, for policies."""
        return self._drawn[0]

    @property
    def hidden(self) -> HiddenFacts:
        """What no policy may see."""
        return self._drawn[1]


def make_world(kind: str = "video", seed: int = 0, **changes: Any) -> World:
    """The default world of that kind (video, music, moving), with some of the numbers of `WorldOptions` changed."""
    return World(options_of(kind, **changes), seed)
