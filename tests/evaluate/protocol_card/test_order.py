from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import polars as pl
from card_logs import last_out, people, split_of, table
from hypothesis import given
from hypothesis import strategies as st

from avrec_lib.evaluate.protocol_card.order import (
    concordance_in_ties,
    id_order_in_ties,
    tied_choices,
    ties_in_time,
)
from avrec_lib.evaluate.protocol_card.swing import swing_not_measured

PEOPLE = people(users=40)


def in_one_breath(users: int, items: Sequence[str]) -> pl.DataFrame:
    """Every user takes all `items`, in this order, within the same second."""
    return table([f"u{user}" for user in range(users) for _ in items], [*items] * users, [0] * users * len(items))


def test_tied_choices_are_those_that_share_their_time_with_another_of_the_user():
    log = table(["ann", "ann", "ann", "bob"], ["x", "y", "z", "x"], [1, 1, 2, 1])
    assert tied_choices(log.lazy()) == (2, 2 / 4)


def test_ties_matter_where_the_split_asks_what_came_last():
    assert [ties_in_time(last_out(tied), PEOPLE.lazy()).level for tied in (0, 1, 19, 20)] == [
        "info", "amber", "amber", "red",
    ]  # fmt: skip
    assert ties_in_time(last_out(44, "random"), PEOPLE.lazy()).level == "amber"
    assert ties_in_time([split_of(PEOPLE, [("u1", "i")], tied_queries=1)], PEOPLE.lazy()).level == "info"


def test_the_share_of_tied_queries_is_over_all_windows():
    fact = ties_in_time([*last_out(10, "random"), *last_out(30, "random")], PEOPLE.lazy())
    assert (fact.value, fact.share) == (40, 40 / 200)
    assert "drawn at random 2 times" in fact.explanation("en")


def test_a_split_that_does_not_count_its_tied_queries_is_read_by_the_log():
    tied = in_one_breath(30, ["a", "b"])
    assert ties_in_time(last_out(None), tied.lazy()).level == "amber"
    assert swing_not_measured(last_out(None)).level == "amber"


def concordance_by_hand(rows: list[tuple[str, int, str]], key: Callable[[str], object]) -> tuple[float | None, int]:
    up = down = 0
    for group in sorted({row[:2] for row in rows}):
        items = [key(item) for *where, item in rows if tuple(where) == group]
        up += sum(a < b for a, b in pairwise(items))  # type: ignore[operator]
        down += sum(a > b for a, b in pairwise(items))  # type: ignore[operator]
    return ((up - down) / (up + down) if up + down else None, up + down)


ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.sampled_from(["2", "9", "10"])), max_size=30)


@given(ROWS, st.sampled_from(["", "x"]))
def test_concordance_equals_its_twin_in_plain_python(rows: list[tuple[str, int, str]], prefix: str):
    rows = [(user, second, prefix + item) for user, second, item in rows]
    log = table([row[0] for row in rows], [row[2] for row in rows], [row[1] for row in rows])
    assert concordance_in_ties(log.lazy()) == concordance_by_hand(rows, str if prefix else int)


def test_a_file_sorted_by_item_id_is_an_artefact_where_file_order_stands_for_time():
    rising = in_one_breath(40, ["1", "5", "9", "10"]).lazy()  # 3 rising pairs a user
    falling = in_one_breath(40, ["10", "9", "5", "1"]).lazy()
    mixed = in_one_breath(40, ["5", "10", "9", "12", "1"]).lazy()  # two up, two down
    found = [id_order_in_ties(last_out(44), log) for log in (rising, falling, mixed)]
    assert [(fact.values["reading"], fact.level) for fact in found] == [
        ("+1.00", "red"), ("−1.00", "red"), ("+0.00", "info"),
    ]  # fmt: skip
    assert id_order_in_ties([split_of(PEOPLE, [("u1", "i")])], rising).level == "info"
    assert id_order_in_ties(last_out(44, "random"), rising).level == "info"
    assert [id_order_in_ties(last_out(tied), rising).level for tied in (0, 5)] == ["info", "amber"]


def test_ties_sorted_by_item_id_are_an_artefact_whatever_the_file():
    mixed = in_one_breath(40, ["5", "10", "9", "12", "1"]).lazy()
    assert [id_order_in_ties(last_out(44, rule), mixed).level for rule in ("item_id", "item_id_descending")] == [
        "red"
    ] * 2


def test_too_few_tied_pairs_say_so():
    fact = id_order_in_ties(last_out(1), in_one_breath(10, ["1", "2"]).lazy())
    assert (fact.level, fact.values["reading"]) == ("info", "–")
