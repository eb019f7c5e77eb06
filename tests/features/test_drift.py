"""Interests that move, and interests that only look as if they did."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from feature_logs import ITEMS, events_of, items_of

from avrec_lib.errors import DataError, UsageError
from avrec_lib.features import choices_in_order, drift

SONGS = items_of(item_id=[f"s{n}" for n in range(200)], tags=[["rock"] if n % 2 else ["jazz"] for n in range(200)])


def listened(user: str, numbers: list[int], days: list[float]) -> pl.DataFrame:
    return events_of([(user, f"s{number}", day) for number, day in zip(numbers, days, strict=True)])


def test_an_item_counts_once_and_in_order() -> None:
    log = events_of([("u", "b", 2), ("u", "a", 1), ("u", "a", 1.001), ("u", "d", 3), ("u", "c", None), ("v", "c", 9)])
    found = choices_in_order(log, ITEMS)
    assert found.select("user_id", "item_id", "place", "choices", "sitting").rows() == [
        ("u", "a", 0, 2, 0), ("u", "b", 1, 2, 1), ("v", "c", 0, 1, 0),
    ]  # fmt: skip


def test_a_sitting_ends_with_a_pause() -> None:
    minutes = [0, 20, 45, 76, 80]
    log = listened("u", list(range(5)), [minute / 1440 for minute in minutes])
    assert choices_in_order(log, SONGS)["sitting"].to_list() == [0, 0, 0, 1, 1]
    assert choices_in_order(log, SONGS, pause_minutes=10)["sitting"].to_list() == [0, 1, 2, 3, 3]


def test_the_distance_is_half_the_sum_of_the_gaps_between_the_shares() -> None:
    log = events_of([("u", "a", 1), ("u", "c", 2), ("u", "b", 3)])
    # Earlier: x ½, y ½. Later: z ½, x ½. Gaps 0 + ½ + ½, and half of that.
    found = drift(choices_in_order(log, ITEMS), ITEMS, fewest=2)
    assert found["distance"].to_list() == [0.5]


def test_who_goes_from_jazz_to_rock_has_moved_and_who_mixes_has_not() -> None:
    mixes = np.random.default_rng(0).permutation(60).tolist()
    log = pl.concat([
        listened("moves", [*range(0, 60, 2), *range(1, 60, 2)], list(range(60))),
        listened("mixes", mixes, list(range(60))),
        listened("stays", list(range(0, 120, 2)), list(range(60))),
    ])  # fmt: skip
    found = drift(choices_in_order(log, SONGS), SONGS).sort("user_id")
    assert found["user_id"].to_list() == ["mixes", "moves", "stays"]
    mixed, moved, stayed = found.iter_rows(named=True)
    assert (moved["distance"], moved["p_value"]) == (pytest.approx(1), 1 / 200)
    assert mixed["p_value"] > 0.05
    assert (stayed["distance"], stayed["by_lot"]) == pytest.approx((0, 0))
    assert stayed["p_value"] == 1


def test_the_lots_are_halves_of_the_same_choices() -> None:
    # Of four choices, two of jazz: in 4 of 6 halvings they are apart from each other and the distance is 0, else 1.
    log = listened("u", [0, 2, 1, 3], [0, 1, 2, 3])
    found = drift(choices_in_order(log, SONGS), SONGS, fewest=2, draws=3000)
    assert found["by_lot"][0] == pytest.approx(1 / 3, abs=0.03)
    assert found["p_value"][0] == pytest.approx(1 / 3, abs=0.03)


def test_an_evening_of_one_genre_is_movement_by_choice_and_none_by_sitting() -> None:
    rng = np.random.default_rng(5)
    logs = []
    for user in range(60):  # twelve evenings of five songs, each of one genre that is drawn by lot
        genres = np.repeat(rng.integers(2, size=12), 5)
        numbers = (rng.permutation(100)[:60] * 2 + genres).tolist()
        days = (np.repeat(np.arange(12), 5) + np.tile(np.arange(5), 12) / 1440).tolist()
        logs.append(listened(f"u{user:02}", numbers, days))
    choices = choices_in_order(pl.concat(logs), SONGS)
    by_choice, by_sitting = (drift(choices, SONGS, unit=unit)["p_value"].to_numpy() for unit in ("choice", "sitting"))
    assert (by_choice <= 0.05).mean() > 0.3
    assert (by_sitting <= 0.05).mean() < 0.15


def test_by_chance_no_more_users_move_than_the_level_says() -> None:
    rng = np.random.default_rng(1)
    logs = [listened(f"u{user:03}", rng.permutation(200)[:30].tolist(), list(range(30))) for user in range(400)]
    p_values = drift(choices_in_order(pl.concat(logs), SONGS), SONGS)["p_value"].to_numpy()
    assert (p_values <= 0.05).mean() <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


def test_who_chose_too_little_is_left_out_and_the_same_seed_gives_the_same() -> None:
    log = pl.concat([listened("few", list(range(9)), list(range(9))), listened("u", list(range(12)), list(range(12)))])
    choices = choices_in_order(log, SONGS)
    first, again = (drift(choices, SONGS, seed=3) for _ in range(2))
    assert first.equals(again)
    assert first["user_id"].to_list() == ["u"]
    nobody = drift(choices, SONGS, fewest=100)
    assert nobody.height == 0
    assert nobody.columns == first.columns


def test_bad_input_says_what_is_wrong() -> None:
    with pytest.raises(DataError, match="both a time and an item with a label"):
        choices_in_order(events_of([("u", "a", None)]), ITEMS)
    with pytest.raises(UsageError, match="kind of interest"):
        choices_in_order(events_of([("u", "a", 1)]), ITEMS, "mood")
    choices = choices_in_order(events_of([("u", "a", 1), ("u", "b", 2)]), ITEMS)
    with pytest.raises(UsageError, match="Did you mean sitting"):
        drift(choices, ITEMS, unit="siting")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="draws must be 1 or more"):
        drift(choices, ITEMS, draws=0)
