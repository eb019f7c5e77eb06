"""The accuracy metrics, one function each: from hits to one number a query, NaN where nothing is relevant.

With R the relevant items of a query (relevance above 0) and h(r) their number among its first r ranks. All are cut at
k: a place beyond the end of a shorter list is a miss. Where libraries disagree the docstring says which one this is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from avrec_lib.evaluate.judged import Judged
from avrec_lib.evaluate.metric import Metric
from avrec_lib.evaluate.ratio import ratio

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("ndcg", "higher", "Normalised discounted cumulative gain"),
        Metric("recall", "higher", "Share of the relevant items that the list holds"),
        Metric("precision", "higher", "Share of the places of the list that are hits"),
        Metric("f1", "higher", "Harmonic mean of precision and recall"),
        Metric("hit_rate", "higher", "Share of the lists with a hit"),
        Metric("mrr", "higher", "Mean reciprocal rank of the first hit"),
        Metric("map", "higher", "Mean average precision"),
        Metric("map_all_relevant", "higher", "Mean average precision over all relevant items"),
        Metric("auc", "higher", "Chance that a relevant item stands above another"),
    )
}


def ndcg(judged: Judged, k: int) -> np.ndarray:
    """Σ_{r≤k} g(r)/log2(r+1) over the same sum for the best possible list, which ends at min(k, |R|).

    The gain g is the relevance itself (Järvelin and Kekäläinen 2002), as in pytrec_eval and ranx `ndcg`. The other
    school (Burges 2005; ranx `ndcg_burges`) takes 2^relevance − 1: the same for a relevance of 0 and 1, and for
    grades it is this metric on a truth whose relevance was so changed. RecTools knows no grades, and its best list
    has k hits, however few there are, unless `divide_by_achievable=True`.
    """
    gained = judged.sum_hits(k, judged.hit_gain / np.log2(judged.hit_rank + 1))
    return ratio(gained, judged.sum_best(k, judged.best_gain / np.log2(judged.best_rank + 1)))


def recall(judged: Judged, k: int) -> np.ndarray:
    """h(k) / |R|. LensKit divides by min(k, |R|)."""
    return ratio(judged.sum_hits(k), judged.relevant)


def precision(judged: Judged, k: int) -> np.ndarray:
    """h(k) / k, also where the list has fewer than k items."""
    return _where_defined(judged, judged.sum_hits(k) / k)


def f1(judged: Judged, k: int) -> np.ndarray:
    """2 · precision · recall / (precision + recall) = 2 h(k) / (k + |R|)."""
    return _where_defined(judged, 2 * judged.sum_hits(k) / (k + judged.relevant))


def hit_rate(judged: Judged, k: int) -> np.ndarray:
    """1 when any of R is among the first k, else 0."""
    return _where_defined(judged, judged.sum_hits(k) > 0)


def mrr(judged: Judged, k: int) -> np.ndarray:
    """1 / rank of the first hit, 0 without a hit in the first k. pytrec_eval's `recip_rank` has no cut."""
    return _where_defined(judged, judged.sum_hits(k, (judged.hit_number == 1) / judged.hit_rank))


def average_precision(judged: Judged, k: int) -> np.ndarray:
    """Σ_{r≤k, hit at r} h(r)/r, divided by min(k, |R|), as in implicit and RePlay: a list of hits alone reads 1."""
    precisions = judged.sum_hits(k, judged.hit_number / judged.hit_rank)
    return ratio(precisions, np.minimum(judged.relevant, k))


def average_precision_all_relevant(judged: Judged, k: int) -> np.ndarray:
    """The same sum divided by |R|, as in pytrec_eval, ir_measures, ranx and RecTools: below 1 where |R| > k."""
    return ratio(judged.sum_hits(k, judged.hit_number / judged.hit_rank), judged.relevant)


AT_K: dict[str, Callable[[Judged, int], np.ndarray]] = {
    "ndcg": ndcg,
    "recall": recall,
    "precision": precision,
    "f1": f1,
    "hit_rate": hit_rate,
    "mrr": mrr,
    "map": average_precision,
    "map_all_relevant": average_precision_all_relevant,
}


def auc(judged: Judged, candidates: int | np.ndarray) -> np.ndarray:
    """Share of the pairs of a relevant and another candidate in which the relevant one stands higher.

    Only a list that ranks all of its `candidates` (their number: one, or one a query) has it; NaN where the list is
    shorter or longer, has a gap, lacks a relevant item, or where all candidates are relevant. From the ranks r of
    the relevant items: 1 − (Σ r − |R|(|R|+1)/2) / (|R| (candidates − |R|)). implicit's `auc` scores a list cut at k.
    """
    filled = judged.lists.items >= 0
    gap = (filled[:, 1:] & ~filled[:, :-1]).any(axis=1)
    ranked, relevant = filled.sum(axis=1), judged.relevant.astype(np.float64)
    whole = (ranked == candidates) & ~gap & (judged.sum_hits(judged.lists.depth) == relevant)
    pairs = np.where(whole, relevant * (ranked - relevant), 0)
    below = judged.sum_hits(judged.lists.depth, judged.hit_rank) - relevant * (relevant + 1) / 2
    return 1 - ratio(below, pairs)


def _where_defined(judged: Judged, numbers: np.ndarray) -> np.ndarray:
    return np.where(judged.relevant > 0, numbers, np.nan)
