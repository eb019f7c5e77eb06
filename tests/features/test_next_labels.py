"""What was known before each choice, and how surprised who knows it is by the next."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from feature_logs import ITEMS, events_of, items_of

from avrec_lib.errors import UsageError
from avrec_lib.features import best_weights, choices_in_order, memory, next_labels, surprise_by_user
from avrec_lib.features.next_labels import decayed_sums

SONGS = items_of(item_id=[f"s{n}" for n in range(400)], tags=[["rock"] if n % 2 else ["jazz"] for n in range(400)])


def test_decayed_sums_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    values, decay = rng.random(300), np.where(rng.random(300) < 0.05, 0, rng.random(300))
    slow, last = [], 0.0
    for value, keep in zip(values, decay, strict=True):
        last = keep * last + value
        slow.append(last)
    np.testing.assert_allclose(decayed_sums(values, decay), slow)


def test_what_was_known_of_a_label_fades_with_every_later_choice() -> None:
    log = events_of([("u", "a", 1), ("u", "c", 2), ("u", "b", 3)])
    rows = next_labels(choices_in_order(log, ITEMS), ITEMS, half_life=1)
    # `a` has x and y, half each; two choices later a half-life of one leaves a quarter of ½.
    assert rows.filter(label="x").select("place", "later", "part", "own", "known").rows() == [
        (0, False, 0.5, 0.0, 0.0), (2, True, 1.0, 0.125, 0.75),
    ]  # fmt: skip
    # Earlier halves hold ½ x and ½ y; of three labels.
    assert dict(rows.select("label", "general").unique().rows()) == {"x": 1.5 / 4, "y": 1.5 / 4, "z": 1 / 4}
    lasting = next_labels(choices_in_order(log, ITEMS), ITEMS)
    assert lasting.filter(label="x", place=2).select("own", "known").row(0) == (0.5, 2.0)


def test_the_surprise_is_the_cross_entropy_of_the_mixture() -> None:
    log = events_of([("u", "a", 1), ("u", "c", 2), ("u", "b", 3)])
    rows = next_labels(choices_in_order(log, ITEMS), ITEMS).filter("later", place=2)
    found = surprise_by_user(rows, {"own": 2.0})
    assert found.rows() == [("u", 1, pytest.approx(-math.log((1.5 / 4 + 2 * 0.5) / (1 + 2 * 2))))]


def test_stated_interests_are_shares_and_who_says_nothing_gets_everybodys() -> None:
    log = events_of([("u", "a", 1), ("u", "c", 2), ("v", "c", 1)])
    said = pl.DataFrame({"user_id": ["u", "u", "u"], "label": ["x", "z", "y"], "weight": [3.0, 1.0, -2.0]})
    rows = next_labels(choices_in_order(log, ITEMS), ITEMS, said=said)
    assert dict(rows.filter(user_id="u").select("label", "said").rows()) == {"x": 0.75, "y": 0.0, "z": 0.25}
    other = rows.filter(user_id="v")
    assert other["said"].to_list() == other["general"].to_list()


def moods(stretch: int) -> pl.DataFrame:
    """Users who go from jazz to rock and back after every `stretch` songs."""
    rows = [(f"u{user}", f"s{2 * n + (n // stretch + user) % 2}", n) for user in range(8) for n in range(160)]
    return events_of(rows)


def test_short_memory_tells_moods_and_long_memory_tells_lasting_taste() -> None:
    means = {}
    for name, log in (("moods", moods(10)), ("lasting", moods(1000))):
        found = memory(choices_in_order(log, SONGS), SONGS, half_lives=[2, math.inf])
        means[name] = dict(found.group_by("half_life").agg(pl.col("value").mean()).rows())
    assert means["moods"][2] < means["moods"][math.inf] - 0.1
    assert means["lasting"][math.inf] <= means["lasting"][2]


def test_the_weight_is_the_best_of_the_grid_on_the_rows_given() -> None:
    rows = next_labels(choices_in_order(moods(1000), SONGS), SONGS).filter(~pl.col("later"))
    best = best_weights(rows, ["own"])
    assert best["own"] == 8.0, "everyone likes one of two: the more one's own choices weigh, the better"
    assert best_weights(rows, []) == {}


def test_bad_input_says_what_is_wrong() -> None:
    choices = choices_in_order(events_of([("u", "a", 1)]), ITEMS)
    with pytest.raises(UsageError, match="half_life must be above 0"):
        next_labels(choices, ITEMS, half_life=0)
    with pytest.raises(UsageError, match="Did you mean said"):
        best_weights(next_labels(choices, ITEMS), ["sad"])  # type: ignore[list-item]
