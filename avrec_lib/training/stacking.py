"""The weights of a blend, chosen on validation: every model is fitted once, and only the sum is tried again."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.data.split import Split
from avrec_lib.errors import UsageError
from avrec_lib.evaluate.judged import Judged
from avrec_lib.evaluate.lists import Lists
from avrec_lib.evaluate.ranking_metrics import ndcg
from avrec_lib.models.blend import Blend, scored_alike
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.top_k import UNRANKED, top_k
from avrec_lib.progress import meter
from avrec_lib.strings import say

CANDIDATES = 100  # of each model: what all of them rank lower is seldom in the best ten of a sum
MOST_QUERIES = 4000  # of each split, drawn by the seed
STEPS = (0.5, 0.25, 0.12)  # how far weights are moved around the best so far, round after round


@dataclass(frozen=True)
class _Scored:
    """Standard scores (models, queries, candidates) of one split, UNRANKED in padded places and for what was seen."""

    scores: np.ndarray
    items: np.ndarray  # the item row of each candidate
    queries: pl.DataFrame
    item_ids: pl.Series
    truth: pl.DataFrame

    def value(self, weights: np.ndarray, k: int) -> np.ndarray:
        """NDCG at `k` of each query, NaN where nothing is relevant."""
        total = np.tensordot(weights.astype(np.float32), np.where(np.isfinite(self.scores), self.scores, 0), axes=1)
        total[~np.isfinite(self.scores[0])] = UNRANKED
        places, kept = top_k(total, k)
        codes = np.where(kept > UNRANKED, np.take_along_axis(self.items, places, axis=1), -1).astype(np.int32)
        return ndcg(Judged.of(Lists(self.queries, self.item_ids, codes), self.truth), k)


def stack(
    models: Sequence[MatrixRecommender], splits: Sequence[Split], *, k: int = 10, budget: int = 200, seed: int = 0,
    items: pl.DataFrame | None = None, users: pl.DataFrame | None = None, name: str | None = None,
) -> Blend:  # fmt: skip
    """The unfitted `Blend` of `models` whose weights, of `budget` tried, give the highest mean NDCG at `k` on `splits`.

    The weights are 0 or more and sum to 1. Tried are each model alone, all alike, draws from the flat Dirichlet
    distribution, and steps around the best. `splits` are validation splits: weights that saw the test would flatter
    the blend there. Raises UsageError for fewer than two models, or a budget below 1.
    """
    if len(models) < 2 or budget < 1 or not splits:
        raise UsageError("A blend is chosen from two models or more, with one trial or more on validation splits.")
    with meter(say("Models"), len(models) * len(splits), say("trials")) as shown:
        scored = []
        for split in splits:
            scored.append(_scored(models, split, items, users, seed))
            shown.advance(len(models))

    def value(weights: np.ndarray) -> float:
        return float(np.nanmean(np.concatenate([one.value(weights, k) for one in scored])))

    rng = np.random.default_rng(seed)
    count = len(models)
    first = [np.full(count, 1 / count), *np.eye(count)]
    drawn = rng.dirichlet(np.ones(count), size=max(budget // 2 - len(first), 0))
    tried = [(value(weights), tuple(weights)) for weights in [*first, *drawn][:budget]]
    for number in range(budget - len(tried)):
        best = np.array(_first_best(tried))
        step = STEPS[number * len(STEPS) // max(budget - budget // 2, 1) % len(STEPS)]
        moved = np.maximum(best * np.exp(rng.normal(0, step, count)) + (rng.random(count) < 0.2) * step / 4, 0)
        moved /= moved.sum()
        tried.append((value(moved), tuple(moved)))
    return Blend(list(models), [round(float(weight), 4) for weight in _first_best(tried)], name)


def _first_best(tried: Sequence[tuple[float, tuple[float, ...]]]) -> tuple[float, ...]:
    """Of equals the first: alike before alone, a model alone before what was drawn."""
    return max(tried, key=lambda pair: pair[0])[1]


def _scored(
    models: Sequence[MatrixRecommender], split: Split, items: pl.DataFrame | None, users: pl.DataFrame | None, seed: int
) -> _Scored:
    interactions = Interactions.of(split.train, items, users)
    fitted = []
    for model in map(copy.deepcopy, models):
        if hasattr(model, "seed"):
            model.seed = seed
        fitted.append(model.fit_interactions(interactions))
    queries = split.warm_queries if split.warm_queries.height else split.queries
    if queries.height > MOST_QUERIES:
        queries = queries.sample(MOST_QUERIES, seed=seed)
    seen = interactions.places_of(queries, split.seen) if split.exclude_seen else None
    allowed = None if split.candidates is None else interactions.rows_of(split.candidates.to_list())
    size = max(1, 2**24 // (len(interactions.item_ids) * len(models)))
    parts = []
    for start in range(0, queries.height, size):
        histories = interactions.histories(queries[start : start + size])
        scores, known = map(np.stack, zip(*scored_alike(fitted, histories), strict=True))
        scores[:, ~known.any(axis=0)] = UNRANKED
        if split.exclude_seen and seen is not None:
            first, end = np.searchsorted(seen[0], (start, start + size))
            scores[:, seen[0][first:end] - start, seen[1][first:end]] = UNRANKED
            scores[:, histories.queries, histories.items] = UNRANKED
        if allowed is not None:
            closed = np.ones(scores.shape[2], dtype=bool)
            closed[allowed] = False
            scores[:, :, closed] = UNRANKED
        parts.append(_candidates(scores))
    return _Scored(
        np.concatenate([part[0] for part in parts], axis=1), np.concatenate([part[1] for part in parts]),
        queries.select("query_id", "user_id"), pl.Series(interactions.item_ids), split.truth,
    )  # fmt: skip


def _candidates(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best CANDIDATES of each model, twice only once: scores (models, rows, places), item rows (rows, places)."""
    best = np.concatenate([top_k(each, CANDIDATES)[0] for each in scores], axis=1)
    best.sort(axis=1)
    repeated = np.zeros_like(best, dtype=bool)
    repeated[:, 1:] = best[:, 1:] == best[:, :-1]
    found = np.take_along_axis(scores, best[None], axis=2)
    found[:, repeated] = UNRANKED
    return found, best
