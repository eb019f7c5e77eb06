"""What a learned ranker sees of a query and a candidate: what other models say, and what is known of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.models.blend import scored_alike
from avrec_lib.models.histories import NO_TIME, Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import SHARED, label_table
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.top_k import UNRANKED, top_k

DAY = 86_400e6
RECENT_SHARE = 0.1  # of the events, the last: what is chosen these days
DECAY = 0.95  # of taste, from one event of the history to the one before


@dataclass(frozen=True)
class ItemFacts:
    """Of each item row: `users` who chose it, the `recent` share of its events among the log's last, its `first` time
    (days since 1970, NaN: unknown), its `year` of publication (NaN: unknown), and its labels (tags, category, creator)
    as unit rows in CSR parts.
    """

    users: np.ndarray
    recent: np.ndarray
    first: np.ndarray
    year: np.ndarray
    label_data: np.ndarray
    label_columns: np.ndarray
    label_starts: np.ndarray

    @classmethod
    def of(cls, interactions: Interactions) -> ItemFacts:
        """From a log, and its item table where there is one."""
        past = interactions.past
        count = past.catalogue
        timed = past.times != NO_TIME
        first = np.full(count, np.inf)
        np.minimum.at(first, past.items[timed], past.times[timed] / DAY)
        late = timed & (past.times >= np.quantile(past.times[timed], 1 - RECENT_SHARE)) if timed.any() else timed
        events = np.bincount(past.items, minlength=count)
        labels = _labels(interactions)
        return cls(
            np.bincount(past.matrix().indices, minlength=count).astype(np.float32),
            (np.bincount(past.items[late], minlength=count) / np.maximum(events, 1)).astype(np.float32),
            np.where(np.isinf(first), np.nan, first),
            _years(interactions),
            labels.data, labels.indices, labels.indptr,
        )  # fmt: skip

    @property
    def labels(self) -> sparse.csr_matrix:
        """Items × labels, rows of length 1; no column where nothing is known."""
        columns = int(self.label_columns.max(initial=-1)) + 1
        parts = (self.label_data, self.label_columns, self.label_starts)
        return sparse.csr_matrix(parts, shape=(len(self.users), columns))


@dataclass(frozen=True)
class Candidates:
    """Pairs of a query row and an item row, by query, and float32 `features` (pairs, `names`)."""

    rows: np.ndarray
    items: np.ndarray
    features: np.ndarray
    names: list[str]


def candidates_of(
    histories: Histories, sources: Sequence[MatrixRecommender], facts: ItemFacts, count: int, repeats: bool = False
) -> tuple[Candidates, np.ndarray]:
    """The best `count` items of each query by the mean of the sources' standard scores, and these means.

    The means are float32 (queries, items), UNRANKED where no source ranks the item. Items of the history are candidates
    only with `repeats`. Features: of each source its standard score (`blend.standard_scores`) and the logarithm of its
    rank among the candidates; the mean; of the item log(1 + users) and the recent share of its events, both also less
    their mean over the candidates, and days from its first event to the last of the history; of both the cosine of
    the item's labels to the decayed mixture of the history's, the years between its publication and the history's, and
    how much more popular it is than what the history holds; of the query log(1 + events). NaN: unknown.
    """
    total = np.zeros(histories.shape, dtype=np.float32)
    ranked = np.zeros(histories.shape, dtype=bool)
    scored = []
    for scores, known in scored_alike(sources, histories):
        ranked |= known
        scored.append(scores)
        total += scores
    total /= len(sources)
    total[~ranked] = UNRANKED
    shown = total
    if not repeats:
        shown = total.copy()
        histories.hide_in(shown)
    best, kept = top_k(shown, count)
    rows, places = np.nonzero(kept > UNRANKED)
    items = best[rows, places]
    columns = {"mean score": total[rows, items]}
    for name, scores in zip(_apart([source.name for source in sources]), scored, strict=True):
        own = scores[rows, items]
        columns[f"score of {name}"] = own
        columns[f"rank of {name}"] = np.log(_ranks(rows, own))
    columns |= _known_of(histories, facts, rows, items)
    return Candidates(rows, items, np.column_stack(list(columns.values())).astype(np.float32), list(columns)), total


def _known_of(histories: Histories, facts: ItemFacts, rows: np.ndarray, items: np.ndarray) -> dict[str, np.ndarray]:
    popularity = np.log1p(facts.users)
    last = histories.last_times
    last = np.where(last == NO_TIME, np.nan, last / DAY)
    past = histories.recent(DECAY)
    weights = _sums(past)
    mean_popularity = _over(past @ popularity, weights)
    dated = ~np.isnan(facts.year)
    mean_year = _over(past @ np.where(dated, facts.year, 0), past @ dated.astype(np.float32))
    known = {
        "popularity": popularity[items],
        "popularity among candidates": _centred(rows, popularity[items]),
        "recent share": facts.recent[items],
        "recent share among candidates": _centred(rows, facts.recent[items]),
        "days on offer": last[rows] - facts.first[items],
        "years from the history": np.abs(facts.year[items] - mean_year[rows]),
        "popularity above the history": popularity[items] - mean_popularity[rows],
        "events of the history": np.log1p(histories.lengths)[rows],
    }
    if facts.label_columns.size:
        labels = facts.labels
        taste = past @ labels
        alike = _sums(taste[rows].multiply(labels[items]))
        known["likeness of labels"] = np.nan_to_num(_over(alike, np.sqrt(_sums(taste.multiply(taste)))[rows]))
    return known


def _apart(names: Sequence[str]) -> list[str]:
    """The names, the second and later of equal ones with their number."""
    counts = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return [name if count == 1 else f"{name} ({count})" for name, count in zip(names, counts, strict=True)]


def _sums(matrix: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(matrix.sum(axis=1)).ravel()


def _over(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.divide(total, weight, out=np.full(len(weight), np.nan), where=weight > 0)


def _centred(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values` less their mean over the candidates of the same query."""
    counts = np.bincount(rows)
    return values - (np.bincount(rows, values) / np.maximum(counts, 1))[rows]


def _ranks(rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The rank of each pair among those of its row, 1 for the highest score; `rows` ascend."""
    order = np.lexsort((-scores, rows))
    starts = np.searchsorted(rows, rows)
    ranks = np.empty(len(rows))
    ranks[order] = np.arange(len(rows)) - starts[order] + 1
    return ranks


def _labels(interactions: Interactions) -> sparse.csr_matrix:
    """Items × labels, 1/√(labels of the item): tags, category and creator of the item table."""
    found, _ = label_table(interactions, SHARED)
    sizes = np.diff(found.indptr)
    return (sparse.diags(1 / np.sqrt(np.maximum(sizes, 1))) @ found).astype(np.float32).tocsr()


def _years(interactions: Interactions) -> np.ndarray:
    years = np.full(len(interactions.item_ids), np.nan, dtype=np.float32)
    if interactions.items is not None and "published_at" in interactions.items.columns:
        dated = interactions.items.select("item_id", year=pl.col("published_at").dt.year()).drop_nulls()
        placed = dated.join(interactions.item_rows, on="item_id")
        years[placed["item_row"].to_numpy()] = placed["year"].to_numpy()
    return years
