"""Each metric against its definition, counted in plain Python, and against what the peers say."""

from __future__ import annotations

import math
from typing import get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ranking_tables import queries_of, ranked_table, truth_table, value_of

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.lists import Lists
from avrec_lib.evaluate.ranking import METRICS, RankingMetric, ranking_values
from avrec_lib.evaluate.ranking_metrics import AT_K

ITEMS = list("abcdef")
NAMES = ["p", "q", "r"]
ALL = get_args(RankingMetric)
CASES = st.fixed_dictionaries(
    {
        "lists": st.dictionaries(
            st.sampled_from([*NAMES, "not asked"]),
            st.permutations(ITEMS).flatmap(
                lambda items: st.sets(st.integers(1, 8), max_size=6).map(
                    lambda ranks: dict(zip(sorted(ranks), items, strict=False))
                )
            ),
        ),
        "truth": st.dictionaries(
            st.sampled_from([*NAMES, "not asked"]),
            st.dictionaries(st.sampled_from([*ITEMS, "never listed"]), st.sampled_from([0.0, 1.0, 2.0, 2.5])),
        ),
        "k": st.lists(st.integers(1, 9), min_size=1, max_size=2, unique=True),
        "candidates": st.integers(1, 7),
    }
)


def twin(shown: dict[int, str], gains: dict[str, float], k: int) -> dict[str, float | None]:
    """Every metric of one list (rank -> item), each by its definition."""
    gains = {item: gain for item, gain in gains.items() if gain > 0}
    if not gains:
        return dict.fromkeys(ALL)
    top = {rank: item for rank, item in shown.items() if rank <= k}
    hits = [rank for rank, item in sorted(top.items()) if item in gains]
    best = sorted(gains.values(), reverse=True)[:k]
    precision, recall = len(hits) / k, len(hits) / len(gains)
    precisions = [sum(1 for above in hits if above <= rank) / rank for rank in hits]
    return {
        "ndcg": sum(gains[top[rank]] / math.log2(rank + 1) for rank in hits)
        / sum(gain / math.log2(rank + 1) for rank, gain in enumerate(best, start=1)),
        "recall": recall,
        "precision": precision,
        "f1": 2 * precision * recall / (precision + recall) if hits else 0,
        "hit_rate": float(bool(hits)),
        "mrr": 1 / hits[0] if hits else 0,
        "map": sum(precisions) / min(k, len(gains)),
        "map_all_relevant": sum(precisions) / len(gains),
    }


def twin_auc(shown: dict[int, str], gains: dict[str, float], candidates: int) -> float | None:
    """The share of pairs in the right order, counted one by one."""
    relevant = [item for item, gain in gains.items() if gain > 0]
    ranks = {item: rank for rank, item in shown.items()}
    others = [item for item in ranks if item not in relevant]
    whole = sorted(shown) == list(range(1, candidates + 1)) and set(relevant) <= set(ranks)
    if not (relevant and others and whole):
        return None
    return sum(ranks[one] < ranks[other] for one in relevant for other in others) / (len(relevant) * len(others))


@given(CASES)
def test_every_metric_equals_its_brute_force_twin(case: dict) -> None:
    placed = [
        ranked_table({query: list(ranks.values())}).with_columns(rank=pl.Series(list(ranks), dtype=pl.Int32))
        for query, ranks in case["lists"].items()
    ]
    ranked = pl.concat([ranked_table({}), *placed])
    truth, queries = truth_table(case["truth"]), queries_of(NAMES)
    given_candidates = {"metrics": ALL, "model": "m", "candidates": case["candidates"]}
    values = ranking_values(ranked, truth, queries, k=case["k"], **given_candidates)
    for name in NAMES:
        shown, gains = case["lists"].get(name, {}), case["truth"].get(name, {})
        for k in case["k"]:
            for metric, expected in twin(shown, gains, k).items():
                if metric != "auc":
                    assert value_of(values, name, metric, k) == (None if expected is None else pytest.approx(expected))
        area = twin_auc(shown, gains, case["candidates"])
        found = values.filter(query_id=name, metric="auc")
        assert found["value"].item() == (None if area is None else pytest.approx(area))
        assert found["k"].item() is None
    lists = Lists.of(ranked, queries, depth=9)
    assert values.equals(ranking_values(lists, truth, queries, k=case["k"], **given_candidates))


def test_a_perfect_list_reads_exactly_one_and_no_metric_exceeds_it() -> None:
    gains = {"x": 3.0, "y": 2.0, "z": 0.7}
    values = ranking_values(
        ranked_table({"a": ["x", "y", "z"]}), truth_table({"a": gains}), queries_of(["a"]), k=3, metrics=ALL, model="m"
    )
    assert values.filter(pl.col("metric") != "auc")["value"].to_list() == [1.0] * 8


def test_which_divisor_average_precision_has_is_in_its_name() -> None:
    values = ranking_values(
        ranked_table({"a": ["x", "y"]}),
        truth_table({"a": {"x": 1, "y": 1, "z": 1, "w": 1}}),
        queries_of(["a"]),
        k=2,
        metrics=["map", "map_all_relevant"],
        model="m",
    )
    assert values["value"].to_list() == [(1 / 1 + 2 / 2) / 2, (1 / 1 + 2 / 2) / 4]


PEER_LISTS = {
    "a": ["x1", "x2", "x3", "x4", "x5", "x6"],
    "b": ["x6", "x5", "x4", "x3", "x2", "x1"],
    "c": ["x3", "x1", "x7"],
    "d": ["x2", "x4", "x6", "x1"],
}
PEER_TRUTH = {
    "a": {"x1": 1, "x3": 3, "x6": 2},
    "b": {"x1": 5, "x2": 1, "x3": 1, "x4": 2, "x7": 1},
    "c": {"x7": 2},
    "d": {"x9": 1, "x3": 2},
}


@pytest.mark.parametrize(
    ("metric", "k", "expected"),
    [
        ("ndcg", 3, [0.525005, 0.147888, 0.5, 0]),  # pytrec_eval-terrier 0.5.11 ndcg_cut, ranx 0.3.21 ndcg
        ("ndcg", 5, [0.525005, 0.239799, 0.5, 0]),
        ("recall", 3, [0.666667, 0.2, 1, 0]),  # pytrec_eval, ranx, RecTools 0.19.0
        ("recall", 5, [0.666667, 0.6, 1, 0]),
        ("precision", 3, [0.666667, 0.333333, 0.333333, 0]),  # pytrec_eval P, ranx, RecTools
        ("precision", 5, [0.4, 0.6, 0.2, 0]),
        ("f1", 3, [0.666667, 0.25, 0.5, 0]),  # ranx, RecTools F1Beta
        ("f1", 5, [0.5, 0.6, 0.333333, 0]),
        ("hit_rate", 3, [1, 1, 1, 0]),  # pytrec_eval success, ranx, RecTools
        ("mrr", 3, [1, 0.333333, 0.333333, 0]),  # ranx, RecTools
        ("map_all_relevant", 3, [0.555556, 0.066667, 0.333333, 0]),  # pytrec_eval map_cut, ranx, RecTools
        ("map_all_relevant", 5, [0.555556, 0.286667, 0.333333, 0]),
    ],
)
def test_the_peers_say_the_same_where_they_define_it_so(metric: RankingMetric, k: int, expected: list[float]) -> None:
    values = ranking_values(
        ranked_table(PEER_LISTS), truth_table(PEER_TRUTH), queries_of(list("abcd")), k=k, metrics=[metric], model="m"
    )
    assert values["value"].to_list() == pytest.approx(expected, abs=1e-6)


def test_without_grades_rectools_and_implicit_say_the_same() -> None:
    without = {query: dict.fromkeys(items, 1.0) for query, items in PEER_TRUTH.items()}
    values = ranking_values(ranked_table(PEER_LISTS), truth_table(without), queries_of(list("abcd")), k=[3, 5],
                            metrics=["ndcg", "map"], model="m")  # fmt: skip
    found = {
        (metric, k): values.filter(metric=metric, k=k)["value"].to_list() for metric in ("ndcg", "map") for k in (3, 5)
    }
    # RecTools 0.19.0, NDCG(divide_by_achievable=True)
    assert found["ndcg", 3] == pytest.approx([0.703918, 0.234639, 0.5, 0], abs=1e-6)
    assert found["ndcg", 5] == pytest.approx([0.703918, 0.446854, 0.5, 0], abs=1e-6)
    # implicit 0.7.3, ranking_metrics_at_k of the queries a and b
    assert sum(found["map", 3][:2]) / 2 == pytest.approx(0.333333, abs=1e-6)
    assert sum(found["map", 5][:2]) / 2 == pytest.approx(0.421111, abs=1e-6)


def test_the_other_gain_is_this_metric_on_a_changed_truth() -> None:
    burges = truth_table(PEER_TRUTH).with_columns(relevance=2 ** pl.col("relevance") - 1)
    values = ranking_values(
        ranked_table(PEER_LISTS), burges, queries_of(list("abcd")), k=5, metrics=["ndcg"], model="m"
    )
    assert values["value"].to_list() == pytest.approx([0.479091, 0.067744, 0.5, 0], abs=1e-6)  # ranx 0.3.21 ndcg_burges


def test_auc_needs_the_number_of_candidates_and_a_list_of_them_all() -> None:
    ranked, truth = ranked_table({"a": ["x", "y", "z"], "b": ["x", "y"]}), truth_table({"a": {"y": 1}, "b": {"y": 1}})

    def areas(candidates: int | list[int] | None) -> list[float | None]:
        values = ranking_values(
            ranked, truth, queries_of(["a", "b"]), k=1, metrics=["auc"], model="m", candidates=candidates
        )
        return values["value"].to_list()

    assert areas(None) == [None, None]
    assert areas(3) == [1 / 2, None]  # y stands above z and below x
    assert areas([3, 2]) == [1 / 2, 0]
    assert areas([2, 2]) == [None, 0]
    with pytest.raises(UsageError, match="3 numbers of candidates for 2 queries"):
        areas([1, 2, 3])


def test_every_metric_has_a_direction_and_a_title() -> None:
    assert tuple(METRICS) == ALL == (*AT_K, "auc")
    assert all(metric.name == name and metric.better == "higher" and metric.title for name, metric in METRICS.items())
