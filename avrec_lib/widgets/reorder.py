"""What the sliders do: re-order a model's candidates by more than its own score."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from avrec_lib.errors import UsageError
from avrec_lib.rerank.greedy import greedy_picks
from avrec_lib.widgets.item_facts import ItemFacts
from avrec_lib.widgets.pools import Pool

_FIRST = 10.0  # more than the worth of two items can differ


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


def _greedily(worth: np.ndarray, places: np.ndarray, facts: ItemFacts, sliders: Sliders, k: int) -> np.ndarray:
    """Places in `worth`, one at a time, tail items whenever the list so far has less than their share."""
    is_tail, nearest = facts.is_tail[places], np.zeros(len(places))
    similarity_to = facts.similarities(places)
    above: list[int] = []

    def gain(picked: np.ndarray | None) -> np.ndarray:
        if picked is not None:
            above.extend(picked.tolist())
            if sliders.diversity:
                np.maximum(nearest, similarity_to(places[picked])[:, 0], out=nearest)
        value = (1 - sliders.diversity) * worth - sliders.diversity * nearest
        owed = np.floor(sliders.tail_share * (len(above) + 1) + 1e-9) - is_tail[above].sum()
        return (value + _FIRST * is_tail if owed > 0 else value)[None]

    picks = greedy_picks(np.ones((1, len(places)), dtype=bool), k, gain)[0]
    return picks[picks >= 0]
