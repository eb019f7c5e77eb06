"""What the sliders do: re-order a model's candidates by more than its own score."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from avrec_lib.errors import UsageError
from avrec_lib.widgets.item_facts import ItemFacts
from avrec_lib.widgets.pools import Pool


@dataclass(frozen=True)
class Sliders:
    """How much else counts, each from 0 (the model decides) to 1.

    `diversity`: different from the items above it. `novelty`: chosen by few. `freshness`: young. `tail_share`: this
    share of the places, from the top, goes to tail items while there are any.
    """

    diversity: float = 0.0
    novelty: float = 0.0
    freshness: float = 0.0
    tail_share: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise UsageError("{name} goes from 0 to 1, but is {value}.", name=name, value=value)


def reorder(
    pool: Pool, facts: ItemFacts, sliders: Sliders, k: int, hidden: Collection[int] = (), lowered: Collection[int] = ()
) -> np.ndarray:
    """Places in `pool` of the at most `k` items to show, best first.

    The worth of an item is (1 − m)·score + novelty·n + freshness·f, with m the larger of the two weights and n, f the
    item's own, all 0..1; minus its similarity to the nearest of the `lowered` items. With diversity d the list is
    filled greedily by (1 − d)·worth − d·(similarity to the nearest item above), which is maximal marginal relevance
    (Carbonell and Goldstein 1998). `hidden` and `lowered` are places in the catalogue; the hidden are left out.
    """
    free = np.flatnonzero(~np.isin(pool.places, list(hidden)))
    places = pool.places[free]
    worth = (1 - max(sliders.novelty, sliders.freshness)) * pool.scores[free]
    worth += sliders.novelty * facts.novelty[places] + sliders.freshness * facts.freshness[places]
    if len(lowered) and len(places):
        worth -= facts.similarity(places, np.array(list(lowered))).max(axis=1)
    if not sliders.diversity and not sliders.tail_share:
        return free[np.argsort(-worth, kind="stable")[:k]]
    return free[_greedily(worth, places, facts, sliders, k)]


def _greedily(worth: np.ndarray, places: np.ndarray, facts: ItemFacts, sliders: Sliders, k: int) -> list[int]:
    """Places in `worth`, one at a time, tail items whenever the list so far has less than their share."""
    is_tail, left = facts.is_tail[places], np.ones(len(places), dtype=bool)
    nearest, similarity_to = np.zeros(len(places)), facts.similarities(places)
    chosen: list[int] = []
    tail = 0
    while len(chosen) < k and left.any():
        allowed = left
        if tail < np.floor(sliders.tail_share * (len(chosen) + 1) + 1e-9) and (left & is_tail).any():
            allowed = left & is_tail
        value = (1 - sliders.diversity) * worth - sliders.diversity * nearest
        best = int(np.where(allowed, value, -np.inf).argmax())
        chosen.append(best)
        left[best] = False
        tail += int(is_tail[best])
        if sliders.diversity:
            nearest = np.maximum(nearest, similarity_to(places[[best]])[:, 0])
    return chosen
