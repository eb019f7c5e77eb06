"""What a model offers for a history: its candidates with their scores, worked out once; sliders only re-order them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.protocols import Query, Recommender
from avrec_lib.widgets.item_facts import ItemFacts
from avrec_lib.widgets.reasons import because_of

SIZE = 300
TAIL_SIZE = 60
DEPTH = 5000
"""Tail items are looked for this far down, for the slider that asks for them: among the SIZE best may be none."""
LATEST, NEAREST = 8, 8
"""Choices that may stand behind a candidate: the latest, and those nearest to the model's first candidates."""
_FIRST = 20


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidates of one model for one history, best first: places in the catalogue, scores from 0 (last) to 1 (first),
    and for each the place in the history of the choice behind it (−1: none).
    """

    places: np.ndarray
    scores: np.ndarray
    because: np.ndarray


def pool_of(model: Recommender, facts: ItemFacts, user_id: str, history: Sequence[str]) -> Pool:
    """The SIZE best items of `model` for `history` (oldest first) and the TAIL_SIZE best tail items among its DEPTH
    best, none seen before; empty where it has nothing to say.
    """
    query = [Query("pool", user_id, history=list(history))]
    ranked = model.recommend(query, min(DEPTH, len(facts.ids))).sort("rank")
    ranked = ranked.filter(pl.Series([item in facts.place_of for item in ranked["item_id"]], dtype=pl.Boolean))
    places = facts.places(ranked["item_id"])
    is_tail = facts.is_tail[places]
    kept = (np.arange(len(places)) < SIZE) | (is_tail & (np.cumsum(is_tail) <= TAIL_SIZE))
    ranked, places = ranked.filter(pl.Series(kept, dtype=pl.Boolean)), places[kept]
    candidates = ranked["item_id"].to_list()
    suspects = _suspects(facts, facts.places(history), places)
    return Pool(places, _scaled(ranked["score"]), because_of(model, user_id, history, candidates, suspects))


def _suspects(facts: ItemFacts, history: np.ndarray, candidates: np.ndarray) -> list[int]:
    """Places in the history of its LATEST items and of the NEAREST others, in the order of the history."""
    latest = max(0, len(history) - LATEST)
    near = facts.similarity(history[:latest], candidates[:_FIRST]).mean(axis=1) if len(candidates) else np.empty(0)
    return sorted([*np.argsort(-near, kind="stable")[:NEAREST].tolist(), *range(latest, len(history))])


def _scaled(scores: pl.Series) -> np.ndarray:
    """Scores as 0..1; by rank where the model gives none, or the same to all."""
    if not scores.len():
        return np.empty(0)
    if scores.null_count() or scores.min() == scores.max():
        return np.linspace(1, 0, scores.len())
    low, high = float(scores.min()), float(scores.max())  # type: ignore[arg-type]
    return (scores.to_numpy() - low) / (high - low)
