"""What a learned ranker looks at: how much a metric falls when one source of knowledge is shuffled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from avrec_lib.data.split import Split
from avrec_lib.evaluate.compare import summarise
from avrec_lib.evaluate.judged import Judged
from avrec_lib.evaluate.lists import Lists, as_values
from avrec_lib.evaluate.ranking_metrics import ndcg
from avrec_lib.models.candidate_features import Candidates
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.learned_ranker import LearnedRanker

OF_A_SOURCE = ("score of ", "rank of ")


def permutation_importance(
    ranker: LearnedRanker, split: Split, k: int = 10, *, rounds: int = 3, resamples: int = 2000, seed: int = 0
) -> pl.DataFrame:
    """Columns feature, value, low, high, n: how much NDCG at `k` falls when a feature is dealt anew among candidates.

    Breiman 2001, "Random forests", on the known users of `split`, whose training rows the `ranker` was fitted on. Score
    and rank of one source are shuffled together, as either would tell the other. The fall is the mean of `rounds`
    shuffles of each query, with a bootstrap interval over users; below zero is noise. Features that say the same share
    what is lost: a small fall does not prove that one knows nothing.
    """
    interactions = ranker._fitted()
    queries = split.warm_queries
    found = _allowed(ranker.features(interactions.histories(queries)), interactions, split, queries)
    rng = np.random.default_rng(seed)

    def value(candidates: Candidates) -> np.ndarray:
        return _ndcg(candidates, ranker.score_candidates(candidates), queries, interactions, split.truth, k)

    whole = value(found)
    falls = []
    for name, columns in groups_of(found.names).items():
        shuffled = np.zeros(len(whole))
        for _ in range(rounds):
            features = found.features.copy()
            features[:, columns] = features[rng.permutation(len(features))][:, columns]
            shuffled += value(replace(found, features=features)) / rounds
        falls.append(as_values(queries, {name: whole - shuffled}, k=k, model=ranker.name))
    table = summarise(pl.concat(falls), resamples=resamples, seed=seed)
    return table.select("value", "low", "high", "n", feature="metric").sort("value", descending=True)


def groups_of(names: Sequence[str]) -> Mapping[str, list[int]]:
    """What is shuffled together -> the columns: a source by its name, anything else by itself."""
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        source = next((name.removeprefix(start) for start in OF_A_SOURCE if name.startswith(start)), name)
        groups.setdefault(source, []).append(column)
    return groups


def _allowed(found: Candidates, interactions: Interactions, split: Split, queries: pl.DataFrame) -> Candidates:
    kept = np.ones(len(found.rows), dtype=bool)
    if split.exclude_seen:
        rows, items = interactions.places_of(queries, split.seen)
        wide = len(interactions.item_ids)
        kept &= ~np.isin(found.rows * wide + found.items, rows.astype(np.int64) * wide + items)
    if split.candidates is not None:
        kept &= np.isin(found.items, interactions.rows_of(split.candidates.to_list()))
    return Candidates(found.rows[kept], found.items[kept], found.features[kept], found.names)


def _ndcg(
    found: Candidates, scores: np.ndarray, queries: pl.DataFrame, log: Interactions, truth: pl.DataFrame, k: int
) -> np.ndarray:
    order = np.lexsort((found.items, -scores, found.rows))
    place = np.arange(len(order)) - np.searchsorted(found.rows, found.rows[order])
    first = place < k
    items = np.full((queries.height, k), -1, dtype=np.int32)
    items[found.rows[order][first], place[first]] = found.items[order][first]
    lists = Lists(queries.select("query_id", "user_id"), pl.Series(log.item_ids), items)
    return ndcg(Judged.of(lists, truth), k)
