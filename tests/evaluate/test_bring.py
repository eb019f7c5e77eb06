"""A stranger's lists under our queries: against a twin in plain Python, and one clear outcome for each oddity."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avrec_lib.data.facts import Fact
from avrec_lib.errors import DataError
from avrec_lib.evaluate.bring import Brought, place_lists
from avrec_lib.evaluate.ranked_file import RankedFile, read_ranked_file
from avrec_lib.schema import Ranked, check_table

CATALOGUE = pl.Series(list("vwxyz"))


def queries(*users: str) -> pl.DataFrame:
    return pl.DataFrame({"query_id": list(users), "user_id": list(users)}, schema=dict.fromkeys(
        ("query_id", "user_id"), pl.String))  # fmt: skip


def file_of(rows: list[dict[str, Any]], **more: Any) -> RankedFile:
    numbers = {"rank": pl.Float64, "score": pl.Float64, "window": pl.Int64}
    kept = {name: numbers[name] for name in numbers if rows and name in rows[0]}
    table = pl.DataFrame(rows, schema_overrides=kept).with_row_index("row")
    return RankedFile(Path("recs.csv"), "recs", table, **{"unreadable": 0, "without_ids": 0, **more})


def row(user: str, item: str, **more: Any) -> dict[str, Any]:
    return {"user_id": user, "item_id": item, **more}


def placed(rows: list[dict[str, Any]], *users: str, k: int = 2, **more: Any) -> Brought:
    (brought,) = place_lists(file_of(rows), queries(*users), catalogue=CATALOGUE, k=k, **more)
    assert check_table(brought.ranked, Ranked, "ranked").equals(brought.ranked)
    return brought


def fact(brought: Brought, name: str) -> Fact:
    return next(found for found in brought.facts if found.name == name)


def lists(brought: Brought) -> list[tuple[str, str, int]]:
    return brought.ranked.select("user_id", "item_id", "rank").rows()


def test_ranks_are_taken_as_they_stand() -> None:
    brought = placed([row("b", "x", rank=2), row("a", "y", rank=1), row("b", "y", rank=1)], "a", "b")
    assert lists(brought) == [("a", "y", 1), ("b", "y", 1), ("b", "x", 2)]
    assert brought.ranked["score"].to_list() == [None] * 3
    assert fact(brought, "short_lists").value == 1


def test_without_a_rank_the_higher_score_comes_first_and_ties_stay_in_the_order_of_the_file() -> None:
    brought = placed([row("a", "x", score=1), row("a", "z", score=2), row("a", "y", score=1)], "a", k=3)
    assert lists(brought) == [("a", "z", 1), ("a", "x", 2), ("a", "y", 3)]
    assert (fact(brought, "score_ties").value, fact(brought, "score_ties").share) == (2, 2 / 3)


def test_a_tie_with_what_comes_just_below_the_list_counts_too() -> None:
    brought = placed([row("a", "x", score=2), row("a", "z", score=1), row("a", "y", score=1)], "a", k=2)
    assert fact(brought, "score_ties").value == 1


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("vwxyz"), st.sampled_from([0.0, 1.0, 2.0])),
             unique_by=lambda cells: cells[:2], max_size=15),
    st.integers(1, 4),
)  # fmt: skip
def test_lists_and_counts_are_those_of_a_twin_in_plain_python(rows: list[tuple[str, str, float]], k: int) -> None:
    asked, seen = ("a", "b"), {("a", "v"), ("b", "w")}
    expected, tied = [], 0
    for user in asked:
        own = sorted((cells for cells in rows if cells[0] == user), key=lambda cells: -cells[2])
        expected += [(user, item, place) for place, (_, item, _) in enumerate(own[:k], 1)]
        tied += sum(any(own[i][2] == own[j][2] for j in range(len(own)) if j != i) for i in range(min(k, len(own))))
    if not expected:
        return
    pairs = pl.DataFrame(sorted(seen), schema=["user_id", "item_id"], orient="row")
    brought = placed([row(user, item, score=score) for user, item, score in rows], *asked, k=k, seen=pairs)
    assert lists(brought) == expected
    # Equal scores stand together, so a place ties with its neighbour when it ties with any.
    assert fact(brought, "score_ties").value == tied
    assert fact(brought, "places_of_seen_items").value == sum(cells[:2] in seen for cells in expected)
    lengths = [sum(user == cells[0] for cells in expected) for user in asked]
    assert fact(brought, "known_users_without_list").value == lengths.count(0)
    assert fact(brought, "short_lists").value == sum(0 < length < k for length in lengths)
    assert fact(brought, "rows_of_others").value == sum(cells[0] == "c" for cells in rows)


def test_rows_of_others_are_left_out_and_counted() -> None:
    brought = placed([row("a", "x", rank=1), row("stranger", "x", rank=1)], "a")
    assert lists(brought) == [("a", "x", 1)]
    assert (fact(brought, "rows_of_others").value, fact(brought, "rows_of_others").level) == (1, "info")


def test_a_file_about_nobody_here_is_refused_with_examples_of_both() -> None:
    with pytest.raises(DataError, match=r"'u1', 'u2', while ours are 'a', 'b'"):
        placed([row("u1", "x", rank=1), row("u2", "x", rank=1)], "a", "b")


def test_unknown_items_keep_their_places_and_are_counted() -> None:
    brought = placed([row("a", "?", rank=1), row("a", "x", rank=2)], "a")
    assert lists(brought) == [("a", "?", 1), ("a", "x", 2)]
    assert (fact(brought, "unknown_items").share, fact(brought, "unknown_items").level) == (0.5, "red")
    assert "'?'" in fact(brought, "unknown_items").explanation("en")


def test_a_file_of_unknown_items_alone_is_refused_with_examples_of_both() -> None:
    with pytest.raises(DataError, match=r"'i1', while ours are 'v', 'w', 'x'"):
        placed([row("a", "i1", rank=1)], "a")


def test_an_item_twice_in_a_list_is_refused_with_an_example() -> None:
    with pytest.raises(DataError, match=r"item 'x' several times in the list of query 'a'.*1 queries"):
        placed([row("a", "x", rank=1), row("a", "x", rank=2), row("b", "x", rank=1)], "a", "b")


def test_a_rank_twice_in_a_list_is_refused_with_an_example() -> None:
    with pytest.raises(DataError, match=r"several items at rank 1 of query 'a'"):
        placed([row("a", "x", rank=1), row("a", "y", rank=1)], "a")


def test_queries_without_a_row_are_counted() -> None:
    brought = placed([row("a", "x", rank=1), row("a", "y", rank=2)], "a", "b")
    without = fact(brought, "known_users_without_list")
    assert (without.value, without.level) == (1, "red")
    assert fact(brought, "short_lists").value == 0


@pytest.mark.parametrize("score", [None, math.inf, -math.inf, math.nan])
def test_a_score_that_is_no_number_is_refused_where_it_decides(score: float | None) -> None:
    with pytest.raises(DataError, match=r"1 of 2 scores in recs\.csv are no finite numbers"):
        placed([row("a", "x", score=1.0), row("a", "y", score=score)], "a")
    brought = placed([row("a", "x", rank=1, score=1.0), row("a", "y", rank=2, score=score)], "a")
    assert brought.ranked["score"].to_list() == [1.0, None]


def test_ranks_that_start_at_0_are_moved_up_and_said() -> None:
    brought = placed([row("a", "x", rank=0), row("a", "y", rank=1)], "a")
    assert lists(brought) == [("a", "x", 1), ("a", "y", 2)]
    assert fact(brought, "ranks_from_zero").value == 2


@pytest.mark.parametrize("rank", [None, -1, 1.5, math.inf, math.nan])
def test_a_rank_that_is_no_whole_number_is_refused(rank: float | None) -> None:
    with pytest.raises(DataError, match="1 of 2 ranks"):
        placed([row("a", "x", rank=2), row("a", "y", rank=rank)], "a")


def test_a_missing_rank_leaves_its_place_empty_and_is_counted() -> None:
    brought = placed([row("a", "x", rank=1), row("a", "y", rank=3)], "a", k=3)
    assert lists(brought) == [("a", "x", 1), ("a", "y", 3)]
    assert fact(brought, "missing_ranks").value == 1


def test_a_score_that_grows_down_the_list_is_noticed() -> None:
    brought = placed([row("a", "x", rank=1, score=0.1), row("a", "y", rank=2, score=0.4)], "a")
    assert (fact(brought, "rank_against_score").value, fact(brought, "rank_against_score").level) == (1, "amber")


def test_places_spent_on_no_candidates_are_counted() -> None:
    brought = placed([row("a", "x", rank=1), row("a", "y", rank=2)], "a", candidates=pl.Series(["y"]))
    assert fact(brought, "places_of_no_candidates").value == 1


def test_ranks_below_k_are_not_looked_at() -> None:
    rows = [row("a", item, rank=place) for place, item in enumerate("xyzxx", 1)]
    assert lists(placed(rows, "a", k=2)) == [("a", "x", 1), ("a", "y", 2)]


def test_a_user_who_asks_several_times_needs_query_ids() -> None:
    asked = pl.DataFrame({"query_id": ["q1", "q2"], "user_id": ["a", "a"]})
    with pytest.raises(DataError, match=r"several times \('a' does\).*query_id.*'q1'"):
        place_lists(file_of([row("a", "x", rank=1)]), asked, catalogue=CATALOGUE, k=1)
    with_query = file_of([{"query_id": "q2", "item_id": "x", "rank": 1}])
    (brought,) = place_lists(with_query, asked, catalogue=CATALOGUE, k=1)
    assert brought.ranked.select("query_id", "user_id").rows() == [("q2", "a")]


def test_a_row_that_names_another_user_than_its_query_is_refused() -> None:
    rows = [{"query_id": "a", "user_id": "b", "item_id": "x", "rank": 1}]
    with pytest.raises(DataError, match="query 'a' is asked by 'a', not by 'b'"):
        placed(rows, "a", "b")


def test_a_column_model_makes_several_systems_of_one_file() -> None:
    rows = [row("a", "x", rank=1, model="old"), row("a", "y", rank=1, model="new"), row("a", "z", rank=1, model=None)]
    systems = place_lists(file_of(rows), queries("a"), catalogue=CATALOGUE, k=1)
    assert [(one.model, lists(one)) for one in systems] == [
        ("old", [("a", "x", 1)]), ("new", [("a", "y", 1)]), ("recs", [("a", "z", 1)]),
    ]  # fmt: skip


def test_a_column_window_says_which_rows_answer_which_window() -> None:
    file = file_of([row("a", "x", rank=1, window=0), row("a", "y", rank=1, window=1)])
    (brought,) = place_lists(file, queries("a"), catalogue=CATALOGUE, k=1, window=1)
    assert lists(brought) == [("a", "y", 1)]
    with pytest.raises(DataError, match="no rows for window 2"):
        place_lists(file, queries("a"), catalogue=CATALOGUE, k=1, window=2)


def test_a_file_is_read_and_then_placed(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("user_id,item_id,score\n1,10,0.5\n1,11,0.7\n,12,1\n")
    (brought,) = place_lists(read_ranked_file(path), queries("1"), catalogue=pl.Series(["10", "11"]), k=10)
    assert brought.model == "mine"
    assert lists(brought) == [("1", "11", 1), ("1", "10", 2)]
    assert fact(brought, "rows_without_ids").value == 1
