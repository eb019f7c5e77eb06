from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from card_logs import people, shuffled, table
from hypothesis import given
from hypothesis import strategies as st
from sample_files import shared

from avrec_lib.data.opening import open_dataset
from avrec_lib.evaluate.protocol_card import shuffled as shuffled_module
from avrec_lib.evaluate.protocol_card.shuffled import (
    Timeline,
    neighbours_against_chance,
    pauses_against_chance,
    shuffled_times,
)
from avrec_lib.imports.importers import import_log

PEOPLE = people()


def levels(log: pl.DataFrame, needs_order: bool = True, seed: int = 0) -> list[str]:
    return [fact.level for fact in shuffled_times(log.lazy(), needs_order, seed)]


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 10**6)),
    min_size=2, max_size=30, unique_by=lambda row: (row[0], row[2]),
)  # fmt: skip


def by_user(rows: list[tuple[str, str, int]]) -> list[list[tuple[int, str]]]:
    return [sorted((second, item) for who, item, second in rows if who == user) for user in {row[0] for row in rows}]


@given(ROWS)
def test_the_statistics_equal_their_twins_in_plain_python(rows: list[tuple[str, str, int]]):
    line = Timeline.of(table(*(list(column) for column in zip(*rows, strict=True))).lazy(), seed=0)  # type: ignore[arg-type]
    pauses = [math.log(1 + later[0] - sooner[0]) for own in by_user(rows) for sooner, later in pairwise(own)]
    steps = Counter(step for own in by_user(rows) for step in {(a[1], b[1]) for a, b in pairwise(own)})
    if pauses:
        assert pauses_against_chance(line, 0).observed == pytest.approx(sum(pauses) / len(pauses))
        assert neighbours_against_chance(line, 0).observed == sum(n * (n - 1) // 2 for n in steps.values())


def test_people_in_sessions_are_not_taken_for_shuffled():
    assert levels(PEOPLE) == ["info", "info"]


@pytest.mark.parametrize("seed", range(5))
def test_times_dealt_over_all_rows_are_red_whatever_the_split(seed: int):
    copy = shuffled(PEOPLE, seed)
    assert levels(copy, True, seed) == ["red", "red"]
    assert levels(copy, False, seed) == ["red", "amber"]


@pytest.mark.parametrize("seed", range(5))
def test_times_dealt_within_users_keep_their_pauses_and_are_amber(seed: int):
    copy = shuffled(PEOPLE, seed, within_users=True)
    assert levels(copy, True, seed) == levels(copy, False, seed) == ["info", "amber"]


@pytest.mark.parametrize("seed", range(5))
def test_sessions_with_taste_but_no_common_sequence_are_no_crime(seed: int):
    # Each user draws from the fifteen items of a kind, at the times of people.
    rng = np.random.default_rng(seed)
    kind = PEOPLE["user_id"].str.slice(1).cast(pl.Int64).to_numpy() % 4
    tasteful = PEOPLE.with_columns(
        item_id=pl.Series([f"i{item}" for item in kind * 15 + rng.integers(0, 15, len(kind))])
    )
    pauses, order = shuffled_times(tasteful.lazy(), True, seed)
    assert (pauses.level, order.level) == ("info", "amber")
    assert order.explanation("en").startswith("The order within users carries no common sequence")
    assert "shuffled within users would look the same" in order.explanation("en")


def test_a_file_sorted_by_item_does_not_lend_its_order_to_tied_times():
    # Tied events stand in the order of their items, and so do those of the copy: an order that nobody walked.
    tied = PEOPLE.with_columns(pl.col("timestamp").dt.truncate("3m")).sort("user_id", "item_id")
    assert levels(tied)[1] == "info"
    assert levels(shuffled(tied, seed=3, within_users=True))[1] == "amber"


def test_a_copy_that_was_shuffled_with_the_seed_of_the_check_is_found():
    for seed in range(3):
        lots = np.random.default_rng(seed).permutation(PEOPLE.height)
        assert levels(PEOPLE.with_columns(PEOPLE["timestamp"][lots]), seed=seed) == ["red", "red"]


def test_regular_pauses_longer_than_chance_are_no_shuffle():
    # Every user once a day at the same hour: with shuffled times some pauses would be short.
    daily = PEOPLE.with_columns(
        timestamp=pl.datetime(2024, 1, 1, time_zone="UTC") + pl.duration(days=pl.int_range(pl.len()).over("user_id"))
    )
    assert levels(daily.with_columns(pl.col("timestamp").dt.cast_time_unit("us")))[0] == "info"


@pytest.mark.parametrize(
    "log",
    [
        people(users=29),  # too few users
        people(users=30, each=10),  # 30 · 9 = 270 pauses
        PEOPLE.with_columns(timestamp=pl.lit(None, dtype=pl.Datetime("us", "UTC"))),
        PEOPLE.with_columns(timestamp=pl.col("timestamp").first()),  # one time for all
        PEOPLE.clear(),
        PEOPLE.head(1),
        table([f"u{n % 40}" for n in range(2000)], [f"i{n}" for n in range(2000)], [n * n for n in range(2000)]),
    ],
)
def test_too_little_evidence_accuses_nobody(log: pl.DataFrame):
    found = shuffled_times(log.lazy(), True)
    assert found[1].level == "info" and found[1].values["reading"] == "–"
    assert all("{" not in fact.explanation(language) for fact in found for language in ("en", "zh"))  # type: ignore[arg-type]


def test_neither_the_order_of_rows_nor_a_second_call_changes_the_answer():
    once, again, mixed = (shuffled_times(log.lazy(), True, 7) for log in (
        PEOPLE, PEOPLE, PEOPLE.sample(fraction=1, shuffle=True, seed=1)))  # fmt: skip
    assert once == again == mixed


def test_a_large_log_is_judged_by_some_of_its_users(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shuffled_module, "SAMPLED_EVENTS", 2400)
    line = Timeline.of(PEOPLE.lazy(), seed=0)
    whole = Counter(PEOPLE["user_id"].to_list())
    assert 1200 < len(line.user) < 3600
    assert set(Counter(line.user.tolist()).values()) == set(whole.values())  # users come whole
    assert levels(PEOPLE) == ["info", "info"] and levels(shuffled(PEOPLE, 1)) == ["red", "red"]


def real(name: str) -> pl.DataFrame:
    if name == "movielens-100k":
        return open_dataset(name).events.collect()
    return import_log(shared("ml-latest-small") / "ratings.csv").dataset.events.collect()


@pytest.mark.parametrize("name", ["movielens-100k", "ml-latest-small"])
def test_real_logs_are_not_flagged_and_their_shuffled_copies_are(name: str, workbench: Path):
    log = real(name)
    assert levels(log) == ["info", "info"]
    for seed in range(2):
        assert levels(shuffled(log, seed), True, seed) == ["red", "red"]
        assert levels(shuffled(log, seed, within_users=True), True, seed) == ["info", "amber"]
