from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.beyond_accuracy import answered_share, catalogue_coverage
from avrec_lib.evaluate.ranking import ranking_values
from avrec_lib.schema import Values, check_table


def ranked_table(lists: dict[str, list[str]]) -> pl.DataFrame:
    rows = [(q, q, item, rank, None) for q, items in lists.items() for rank, item in enumerate(items, start=1)]
    types = {"query_id": pl.String, "user_id": pl.String, "item_id": pl.String, "rank": pl.Int32, "score": pl.Float64}
    return pl.DataFrame(rows, schema=types, orient="row")


def truth_table(relevant: dict[str, dict[str, float]]) -> pl.DataFrame:
    rows = [(q, q, item, gain) for q, items in relevant.items() for item, gain in items.items()]
    types = {"query_id": pl.String, "user_id": pl.String, "item_id": pl.String, "relevance": pl.Float64}
    return pl.DataFrame(rows, schema=types, orient="row")


def queries_of(names: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"query_id": names, "user_id": names}, schema={"query_id": pl.String, "user_id": pl.String})


def value_of(values: pl.DataFrame, query: str, metric: str, k: int) -> float | None:
    return values.filter(query_id=query, metric=metric, k=k)["value"].item()


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


ITEMS = list("abcdef")
CASES = st.fixed_dictionaries(
    {
        "lists": st.dictionaries(st.sampled_from(["p", "q", "r"]), st.permutations(ITEMS).map(lambda items: items[:4])),
        "truth": st.dictionaries(
            st.sampled_from(["p", "q", "r"]), st.dictionaries(st.sampled_from(ITEMS), st.sampled_from([1.0, 2.0, 3.0]))
        ),
        "k": st.integers(1, 6),
    }
)


@given(CASES)
def test_every_metric_equals_its_brute_force_twin(case: dict) -> None:
    k, names = case["k"], ["p", "q", "r"]
    values = ranking_values(
        ranked_table(case["lists"]), truth_table(case["truth"]), queries_of(names), k=[k], model="m"
    )
    for name in names:
        gains, shown = case["truth"].get(name, {}), case["lists"].get(name, [])[:k]
        expected: dict[str, float | None] = dict.fromkeys(("ndcg", "recall", "hit_rate"))
        if gains:
            hits = [item for item in shown if item in gains]
            dcg = sum(gains.get(item, 0) / math.log2(rank + 1) for rank, item in enumerate(shown, start=1))
            best = sorted(gains.values(), reverse=True)[:k]
            ideal = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(best, start=1))
            expected = {"ndcg": dcg / ideal, "recall": len(hits) / len(gains), "hit_rate": float(bool(hits))}
        for metric, value in expected.items():
            assert value_of(values, name, metric, k) == (None if value is None else pytest.approx(value))


def test_coverage_is_the_share_of_the_catalogue_in_any_list() -> None:
    ranked = ranked_table({"a": ["x", "y"], "b": ["x", "z"]})
    catalogue = pl.Series(["x", "y", "z", "w"])
    assert catalogue_coverage(ranked, catalogue, k=1) == 1 / 4
    assert catalogue_coverage(ranked, catalogue, k=2) == 3 / 4
    assert catalogue_coverage(ranked, catalogue.clear(), k=2) is None
    assert answered_share(ranked, queries_of(["a", "b", "c"]), k=2) == 2 / 3
