from __future__ import annotations

import math
from typing import get_args

import polars as pl
import pytest
from ranking_tables import queries_of, ranked_table, truth_table, value_of

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.beyond_accuracy import answered_share
from avrec_lib.evaluate.lists import Lists
from avrec_lib.evaluate.ranking import RankingMetric, ranking_values
from avrec_lib.schema import Values, check_table

ALL = get_args(RankingMetric)


def test_the_metrics_of_one_list_by_hand() -> None:
    values = ranking_values(
        ranked_table({"a": ["x", "miss", "y"]}),
        truth_table({"a": {"x": 1, "y": 1, "z": 1}}),
        queries_of(["a"]),
        k=[2, 3],
        model="m",
    )
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert value_of(values, "a", "ndcg", 3) == pytest.approx((1 + 1 / math.log2(4)) / ideal)
    assert value_of(values, "a", "ndcg", 2) == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert value_of(values, "a", "recall", 3) == pytest.approx(2 / 3)
    assert value_of(values, "a", "hit_rate", 2) == 1
    assert check_table(values, Values, "values").equals(values)


def test_a_query_without_truth_is_undefined_and_one_without_a_list_scores_zero() -> None:
    values = ranking_values(ranked_table({"a": ["x"]}), truth_table({"b": {"x": 1}}), queries_of(["a", "b"]), model="m")
    assert values.filter(query_id="a")["value"].null_count() == 3
    assert values.filter(query_id="b")["value"].to_list() == [0, 0, 0]


@pytest.mark.parametrize(
    "rows",
    [
        {"item_id": ["x", "x"], "rank": [1, 2]},
        {"item_id": ["x", "y"], "rank": [1, 1]},
        {"item_id": ["x", "y"], "rank": [0, 1]},
    ],
)
def test_a_list_with_an_item_or_a_rank_twice_or_a_rank_of_zero_is_refused(rows: dict) -> None:
    ranked = ranked_table({"a": ["x", "y"]}).with_columns(pl.Series(name, values) for name, values in rows.items())
    with pytest.raises(DataError, match="ranked"):
        ranking_values(ranked, truth_table({"a": {"x": 1}}), queries_of(["a"]), model="m")


def test_a_query_asked_twice_is_refused() -> None:
    with pytest.raises(DataError, match="queries"):
        ranking_values(ranked_table({}), truth_table({"a": {"x": 1}}), queries_of(["a", "a"]), model="m")


def test_unknown_metrics_are_refused() -> None:
    with pytest.raises(UsageError):
        ranking_values(ranked_table({}), truth_table({}), queries_of([]), metrics=["magic"], model="m")  # type: ignore[list-item]


def test_k_may_be_larger_than_the_lists_and_is_one_number_or_several() -> None:
    ranked, truth = ranked_table({"a": ["x"]}), truth_table({"a": {"x": 1, "y": 1}})
    values = ranking_values(ranked, truth, queries_of(["a"]), k=10**6, metrics=["precision", "recall"], model="m")
    assert values["value"].to_list() == [1e-6, 1 / 2]
    assert ranking_values(ranked, truth, queries_of(["a"]), k=[2, 2], metrics=["recall"], model="m").height == 1


@pytest.mark.parametrize("k", [0, 2.5, [], [5, -1], [2.5], "ten", None])
def test_a_k_that_is_no_whole_number_from_one_is_refused(k: object) -> None:
    with pytest.raises(UsageError, match="whole numbers from 1"):
        ranking_values(ranked_table({}), truth_table({}), queries_of([]), k=k, model="m")  # type: ignore[arg-type]


def test_a_misspelt_metric_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="Did you mean ndcg"):
        ranking_values(ranked_table({}), truth_table({}), queries_of([]), metrics=["ndgc"], model="m")  # type: ignore[list-item]


@pytest.mark.parametrize("relevance", [-1.0, math.nan, math.inf, None])
def test_a_relevance_that_is_no_number_of_zero_or_more_is_refused(relevance: float | None) -> None:
    truth = truth_table({"a": {"x": 1, "y": 1}}).with_columns(relevance=pl.Series([1.0, relevance]))
    with pytest.raises(DataError, match="1 rows of the table truth"):
        ranking_values(ranked_table({"a": ["x"]}), truth, queries_of(["a"]), model="m")


def test_an_item_twice_in_the_truth_of_a_query_is_refused_also_when_no_list_names_it() -> None:
    truth = pl.concat([truth_table({"a": {"x": 1, "y": 1}}), truth_table({"a": {"y": 0}})])
    with pytest.raises(DataError, match="'y' several times for query 'a'"):
        ranking_values(ranked_table({"a": ["x"]}), truth, queries_of(["a"]), model="m")


def test_a_truth_without_what_is_needed_is_refused() -> None:
    truth = truth_table({"a": {"x": 1}})
    for broken, said in (
        (truth.drop("relevance"), "truth has no column relevance"),
        (truth.with_columns(relevance=pl.lit("much")), "numbers are needed"),
        (truth.with_columns(item_id=pl.lit(7)), "ids are strings"),
    ):
        with pytest.raises(DataError, match=said):
            ranking_values(ranked_table({"a": ["x"]}), broken, queries_of(["a"]), model="m")


def test_without_truth_all_is_undefined_and_without_queries_there_is_nothing() -> None:
    values = ranking_values(ranked_table({"a": ["x"]}), truth_table({}), queries_of(["a"]), metrics=ALL, model="m")
    assert (values.height, values["value"].null_count()) == (len(ALL), len(ALL))
    nobody = ranking_values(ranked_table({"a": ["x"]}), truth_table({"a": {"x": 1}}), queries_of([]), model="m")
    assert nobody.is_empty() and nobody.schema == values.schema


def test_lists_of_other_queries_or_cut_too_early_are_refused() -> None:
    ranked, truth = ranked_table({"a": ["x", "y"]}), truth_table({"a": {"y": 1}})
    lists = Lists.of(ranked, queries_of(["a"]), depth=1)
    with pytest.raises(UsageError, match="other queries"):
        ranking_values(lists, truth, queries_of(["b"]), k=1, model="m")
    with pytest.raises(UsageError, match="after rank 1"):
        ranking_values(lists, truth, queries_of(["a"]), k=2, model="m")


def test_the_answered_share_is_of_queries_with_a_full_list() -> None:
    ranked = ranked_table({"a": ["x", "y"], "b": ["x", "z"]})
    assert answered_share(ranked, queries_of(["a", "b", "c"]), k=2) == 2 / 3
