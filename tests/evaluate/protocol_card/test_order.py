from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from card_logs import people, split_of, table
from hypothesis import given
from hypothesis import strategies as st

from avrec_lib.data.opening import open_dataset
from avrec_lib.data.split import Split, split_windows
from avrec_lib.evaluate.protocol_card import protocol_card
from avrec_lib.evaluate.protocol_card.order import (
    concordance_in_ties,
    id_order_in_ties,
    swing_not_measured,
    tie_swing,
    tied_choices,
    ties_in_time,
)
from avrec_lib.evaluate.ranking import ranking_values
from avrec_lib.models import EASE

PEOPLE = people(users=40)
TIE_RULES = ("file_order", "item_id", "item_id_descending", "random")


def last_out(tied: int | None, rule: str = "file_order", queries: int = 100) -> list[Split]:
    truth = [(f"u{number}", "i") for number in range(queries)]
    return [split_of(PEOPLE, truth, method="leave_last_out", tie_rule=rule, tied_queries=tied)]


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


@pytest.mark.parametrize(
    ("measured", "level", "reading"),
    [
        ({"file_order": 0.072, "item_id": 0.042, "item_id_descending": 0.099}, "red", "2.36×"),  # .099 / .042
        ({"file_order": 0.10, "item_id": 0.12}, "amber", "1.20×"),
        ({"file_order": 0.10, "item_id": 0.105}, "info", "1.05×"),
        ({"file_order": 0.0, "item_id": 0.1}, "red", "∞×"),
        ({"file_order": 0.0, "item_id": 0.0}, "info", "–"),
        ({"file_order": 0.1}, "info", "–"),
        ({"file_order": 0.1, "item_id": None, "random": float("nan")}, "info", "–"),
        ({}, "info", "–"),
    ],
)
def test_the_swing_is_the_greatest_over_the_least(measured: dict[str, float | None], level: str, reading: str):
    fact = tie_swing(measured)
    assert (fact.level, fact.values["reading"]) == (level, reading)
    assert "{" not in fact.explanation("en")


def test_the_swing_of_a_split_that_draws_the_order_is_amber_at_most():
    assert tie_swing({"item_id": 0.04, "random": 0.1}, drawn=True).level == "amber"
    assert tie_swing({"item_id": 0.1, "random": 0.1}, drawn=True).level == "info"


def test_a_swing_that_was_not_measured_matters_where_ties_choose():
    assert [swing_not_measured(last_out(tied)).level for tied in (0, 44)] == ["info", "amber"]


def test_rerunning_is_asked_once_a_rule_with_its_splits():
    asked = []

    def rerun(splits: Sequence[Split]) -> float:
        asked.append(splits)
        return float(len(splits))

    splits = {"file_order": last_out(1), "random": last_out(1) * 4}
    card = protocol_card(last_out(1), rerun=rerun, splits_by_tie_rule=splits)
    fact = next(fact for fact in card.facts if fact.name == "swing_over_tie_rules")
    assert asked == list(splits.values())
    assert (fact.level, fact.values["reading"]) == ("red", "4.00×")


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


@pytest.mark.slow
def test_ease_on_movielens_100k_swings_twofold_over_tie_rules(workbench: Path):
    def ndcg(splits: Sequence[Split]) -> float:
        means = []
        for split in splits:
            ranked = EASE().fit(split.train).recommend(split.queries, 10, seen=split.seen)
            values = ranking_values(ranked, split.truth, split.queries, k=[10], metrics=["ndcg"], model="EASE")
            means.append(values["value"].mean())
        return float(np.mean(means))

    data = open_dataset("movielens-100k")
    splits = {rule: split_windows(data, "leave_last_out", tie_rule=rule, tie_orders=2) for rule in TIE_RULES}  # type: ignore[arg-type]
    card = protocol_card(splits["file_order"], events=data.events, rerun=ndcg, splits_by_tie_rule=splits)
    fact = next(fact for fact in card.facts if fact.name == "swing_over_tie_rules")
    assert fact.level == "red"
    assert (fact.values["least_rule"], fact.values["most_rule"]) == ("item_id", "item_id_descending")
    assert 2 < float(fact.values["factor"]) < 2.8
