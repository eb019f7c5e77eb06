from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.lists import Lists, as_values
from avrec_lib.evaluate.ranking import ranking_values
from avrec_lib.schema import Values, check_table

QUERIES = pl.DataFrame({"query_id": ["p", "q", "r"], "user_id": ["u", "v", "u"]})


def ranked_rows(*rows: tuple[str | None, str | None, int | None]) -> pl.DataFrame:
    types = {"query_id": pl.String, "item_id": pl.String, "rank": pl.Int32}
    return pl.DataFrame(rows, schema=types, orient="row")


def read_back(lists: Lists) -> dict[str, list[str | None]]:
    """Query -> the id at each rank, None where no item stands."""
    return {
        query: [None if code < 0 else lists.item_ids[int(code)] for code in row]
        for query, row in zip(lists.queries["query_id"], lists.items, strict=True)
    }


def test_an_item_stands_at_its_rank_and_an_empty_place_is_minus_one() -> None:
    lists = Lists.of(ranked_rows(("q", "b", 3), ("q", "a", 1), ("p", "a", 2), ("q", "c", 4)), QUERIES, depth=3)
    assert read_back(lists) == {"p": [None, "a", None], "q": ["a", None, "b"], "r": [None, None, None]}
    assert lists.items.dtype == np.int32
    assert (lists.depth, lists.unasked) == (3, 0)
    assert lists.queries.equals(QUERIES)


def test_rows_of_queries_that_were_not_asked_are_counted_and_left_out() -> None:
    lists = Lists.of(ranked_rows(("x", "a", 1), ("p", "b", 1), ("x", "c", 9)), QUERIES, depth=5)
    assert read_back(lists)["p"] == ["b", None, None, None, None]
    assert lists.unasked == 1


def test_further_items_get_a_code_each_once() -> None:
    lists = Lists.of(ranked_rows(("p", "a", 1)), QUERIES, depth=1, also=pl.Series(["c", "a", "b", "c"]))
    assert sorted(lists.item_ids) == ["a", "b", "c"]
    assert lists.items[0, 0] == lists.item_ids.index_of("a")


@given(
    st.dictionaries(
        st.sampled_from(["p", "q", "r", "x"]), st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9))
    ),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_lists_in_any_order_of_rows_read_back_as_they_were(
    wanted: dict[str, dict[str, int]], depth: int, random
) -> None:
    lists = {query: {rank: item for item, rank in items.items()} for query, items in wanted.items()}
    rows = [(query, item, rank) for query, items in lists.items() for rank, item in items.items()]
    random.shuffle(rows)
    expected = {query: [lists.get(query, {}).get(rank) for rank in range(1, depth + 1)] for query in "pqr"}
    assert read_back(Lists.of(ranked_rows(*rows), QUERIES, depth)) == expected


@pytest.mark.parametrize(
    ("ranked", "said"),
    [
        (ranked_rows(("p", "a", 1), ("p", "b", 1)), "several items at rank 1 of query 'p'"),
        (ranked_rows(("p", "a", 1), ("p", "a", 2)), "item a several times in the list of query 'p'"),
        (ranked_rows(("p", "a", 0)), "rank of 0, but the first rank is 1"),
        (ranked_rows(("p", "a", None)), "1 rows of the table ranked have no rank"),
        (ranked_rows((None, "a", 1)), "1 rows of the table ranked have no query_id"),
        (ranked_rows(("p", None, 1)), "1 rows of the table ranked have no item_id"),
        (ranked_rows(("p", "a", 1)).drop("rank"), "ranked has no column rank"),
        (ranked_rows(("p", "a", 1)).cast({"rank": pl.Float64}), "whole number from 1"),
        (pl.DataFrame({"query_id": ["p"], "item_id": [7], "rank": [1]}), "ids are strings"),
    ],
)
def test_a_broken_ranked_table_is_refused_in_one_sentence(ranked: pl.DataFrame, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Lists.of(ranked, QUERIES, depth=2)


def test_an_item_twice_is_refused_also_where_it_does_not_stand_side_by_side() -> None:
    with pytest.raises(DataError, match="1 queries are affected"):
        Lists.of(ranked_rows(("p", "a", 1), ("p", "b", 2), ("p", "a", 3)), QUERIES, depth=3)


def test_what_stands_below_the_depth_is_not_looked_at() -> None:
    assert Lists.of(ranked_rows(("p", "a", 1), ("p", "a", 3), ("p", "b", 3)), QUERIES, depth=2).items[0, 1] == -1


def test_a_depth_of_zero_and_a_query_asked_twice_are_refused() -> None:
    with pytest.raises(UsageError):
        Lists.of(ranked_rows(), QUERIES, depth=0)
    with pytest.raises(DataError, match="queries"):
        Lists.of(ranked_rows(), pl.concat([QUERIES, QUERIES]), depth=1)


def test_nothing_ranked_and_nobody_asked_give_empty_lists() -> None:
    assert Lists.of(ranked_rows(), QUERIES, depth=2).items.tolist() == [[-1, -1]] * 3
    assert Lists.of(ranked_rows(("p", "a", 1)), QUERIES.clear(), depth=2).items.shape == (0, 2)


def test_ids_may_come_as_categories() -> None:
    ranked = ranked_rows(("p", "a", 1), ("q", "b", 1)).cast({"query_id": pl.Categorical, "item_id": pl.Categorical})
    assert read_back(Lists.of(ranked, QUERIES, depth=1)) == {"p": ["a"], "q": ["b"], "r": [None]}


def test_numbers_of_items_are_placed_by_code_and_unknown_ones_are_nan() -> None:
    lists = Lists.of(ranked_rows(("p", "a", 1), ("p", "b", 2)), QUERIES, depth=2, also=pl.Series(["c", "d"]))
    table = pl.DataFrame({"item_id": ["d", "x", "b", "a"], "seconds": [4, 9, None, 2]})
    placed = dict(zip(lists.item_ids, lists.place(table, "seconds").tolist(), strict=True))
    assert (placed["a"], placed["d"]) == (2, 4)
    assert np.isnan(placed["b"]) and np.isnan(placed["c"])
    with pytest.raises(DataError, match="'d' twice"):
        lists.place(pl.concat([table, table[:1]]), "seconds")
    with pytest.raises(DataError, match="numbers are needed"):
        lists.place(pl.DataFrame({"item_id": ["a"], "seconds": ["long"]}), "seconds")
    with pytest.raises(DataError, match="no column hours"):
        lists.place(table, "hours")


def test_what_was_computed_becomes_values_with_nulls_for_the_undefined() -> None:
    lists = Lists.of(ranked_rows(), QUERIES, depth=2)
    values = as_values(lists, {"one": np.array([1.0, np.nan, 0.5]), "two": np.zeros(3)}, k=2, model="m", seed=3)
    assert check_table(values, Values, "values").equals(values)
    assert values.filter(metric="one")["value"].to_list() == [1.0, None, 0.5]
    assert values["query_id"].to_list() == ["p", "q", "r"] * 2
    assert as_values(QUERIES, {"one": np.zeros(3)}, k=None, model="m")["k"].null_count() == 3
    assert as_values(QUERIES, {}, k=None, model="m").schema == values.schema


@pytest.mark.parametrize("k", [1_000_001, 2**31, 9_999_999_999, 10**30])
def test_a_k_that_no_list_reaches_is_one_sentence(k: int) -> None:
    ranked = ranked_rows(("p", "a", 1))
    truth = pl.DataFrame({"query_id": ["p"], "item_id": ["a"], "relevance": [1.0]})
    lists = Lists.of(ranked, QUERIES, depth=1)
    for refused in (
        lambda: Lists.of(ranked, QUERIES, depth=k),
        lambda: as_values(lists, {"recall": np.zeros(3)}, k=k, model="m"),
        lambda: ranking_values(ranked, truth, QUERIES, k=[1, k], model="m"),
        lambda: ranking_values(lists, truth, QUERIES, k=k, model="m"),
    ):
        with pytest.raises(UsageError) as refusal:
            refused()
        assert refusal.value.text("en") == f"k is {k:,}, but lists are judged down to place 1,000,000 at most."


def test_a_large_k_costs_nothing_where_the_lists_are_short() -> None:
    ranked = ranked_rows(("p", "a", 1))
    truth = pl.DataFrame({"query_id": ["p"], "item_id": ["a"], "relevance": [1.0]})
    values = ranking_values(ranked, truth, QUERIES, k=1_000_000, metrics=["recall"], model="m")
    assert values["value"].to_list() == [1.0, None, None]
