"""Media metrics: seconds, completion, skips, repeats and near-duplicates, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import DataError
from avrec_lib.evaluate.lists import Lists
from avrec_lib.evaluate.media import METRICS, completion_by_length, repeat_values, watch_values
from avrec_lib.evaluate.near_duplicates import near_duplicate_values, same_title_values, title_groups
from avrec_lib.evaluate.watch_time import WatchTimeGain, length_bands

QUERIES = pl.DataFrame({"query_id": ["q1", "q2"], "user_id": ["u1", "u2"]})
ITEMS = pl.DataFrame({"item_id": ["a", "b", "c", "d"], "duration_seconds": [10.0, 100.0, 40.0, None]})


def lists_of(**items: str) -> Lists:
    rows = [(query, f"u{query[1:]}", item, place) for query, row in items.items() for place, item in enumerate(row, 1)]
    ranked = pl.DataFrame(rows, schema=["query_id", "user_id", "item_id", "rank"], orient="row")
    return Lists.of(ranked, QUERIES, depth=3)


def watched(*rows: tuple[str, str, str, float | None]) -> pl.DataFrame:
    schema = {"user_id": pl.String, "item_id": pl.String, "event": pl.String, "watch_seconds": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def found(values: pl.DataFrame, query: str = "q1") -> dict[str, float | None]:
    return dict(values.filter(query_id=query).select("metric", "value").rows())


def test_seconds_completion_and_skips_are_of_the_places_the_user_met():
    test = watched(("u1", "a", "play", 5.0), ("u1", "b", "play", 20.0), ("u1", "b", "skip", 10.0),
                     ("u1", "d", "play", 15.0))  # fmt: skip
    values = found(watch_values(lists_of(q1="acb", q2="a"), test, items=ITEMS, k=3, model="m"))
    third = 1 / math.log2(4)
    assert values == pytest.approx({
        "met_share": 2 / 3,  # c was not met
        "watch_seconds": 5 + 30,
        "watch_share": 35 / 50,
        "expected_watch_seconds": (1 * 5 + third * 30) / (1 + third),
        "completion": (5 / 10 + 20 / 100) / 2,  # of b the longest event counts
        "skip_rate": 1 / 2,
    })  # fmt: skip


def test_what_lists_may_not_show_is_no_part_of_what_they_could_cover():
    test = watched(("u1", "a", "play", 5.0), ("u1", "b", "play", 20.0), ("u2", "b", "play", 9.0))
    hidden = pl.DataFrame({"user_id": ["u1", "u2", "u2"], "item_id": ["b", "b", "a"]})
    values = watch_values(lists_of(q1="ac", q2="a"), test, hidden=hidden, k=3, model="m")
    assert found(values)["watch_share"] == 1  # of 25 seconds, 20 were of what must not be listed
    assert found(values)["watch_seconds"] == 5
    assert found(values, "q2")["watch_share"] is None  # nothing was left to cover
    assert found(values, "q2")["watch_seconds"] == 0
    # Lists that show it all the same do not cover more than there is.
    assert found(watch_values(lists_of(q1="ab"), test, hidden=hidden, k=3, model="m"))["watch_share"] == 1


def test_who_met_nothing_has_no_value():
    test = watched(("u1", "a", "play", 5.0))
    values = found(watch_values(lists_of(q1="a", q2="a"), test, items=ITEMS, k=3, model="m", skip_below=2.0), "q2")
    assert values.pop("met_share") == 0
    assert set(values.values()) == {None}


def test_a_short_watch_is_a_skip_where_one_asks_for_it():
    test = watched(("u1", "a", "play", 1.0), ("u1", "b", "play", 1.0), ("u1", "b", "play", 9.0))
    values = watch_values(lists_of(q1="ab"), test, k=3, model="m", skip_below=3.0)
    assert found(values)["skip_rate"] == 1 / 2


def test_what_the_log_lacks_is_left_out():
    without_watch = watched(("u1", "a", "click", None))
    assert set(found(watch_values(lists_of(q1="a"), without_watch, items=ITEMS, k=1, model="m"))) == {"met_share"}
    without_lengths = watched(("u1", "a", "play", 3.0))
    assert "completion" not in found(watch_values(lists_of(q1="a"), without_lengths, k=1, model="m"))


def test_every_metric_is_registered_under_its_name():
    assert all(name == metric.name for name, metric in METRICS.items())


def test_the_gain_is_watch_time_against_clips_of_the_same_length():
    items = pl.DataFrame({"item_id": ["short", "long"], "duration_seconds": [10.0, 100.0]})
    seconds = [4.0, 8.0] * 15 + [40.0, 80.0] * 15
    train = pl.DataFrame({"item_id": ["short"] * 30 + ["long"] * 30, "watch_seconds": seconds})
    gain = WatchTimeGain.fit(train, items, bands=2)
    # Short clips: 6 ± 2 s; long ones: 60 ± 20 s. Eight seconds are much for a short clip and little for a long one.
    assert gain.of(np.array([8.0, 8.0, 8.0]), np.array([10.0, 100.0, np.nan])) == pytest.approx(
        [1.0, -2.6, np.nan], nan_ok=True
    )


def test_a_band_that_is_too_thin_or_too_even_gives_no_gain():
    items = pl.DataFrame({"item_id": ["x"], "duration_seconds": [10.0]})
    for train in ([5.0] * 50, [1.0, 2.0]):
        gain = WatchTimeGain.fit(pl.DataFrame({"item_id": ["x"] * len(train), "watch_seconds": train}), items)
        assert np.isnan(gain.of(np.array([5.0]), np.array([10.0]))).all()


def test_a_gain_without_lengths_is_refused():
    train = pl.DataFrame({"item_id": ["x"], "watch_seconds": [1.0]})
    with pytest.raises(DataError, match="duration_seconds"):
        WatchTimeGain.fit(train, ITEMS)


def test_gain_enters_the_values_of_a_list():
    train = pl.DataFrame({"item_id": ["a"] * 40, "watch_seconds": [2.0, 6.0] * 20})  # 4 ± 2 s
    test = watched(("u1", "a", "play", 8.0))
    gain = WatchTimeGain.fit(train, ITEMS)
    values = watch_values(lists_of(q1="ab"), test, items=ITEMS, gain=gain, k=2, model="m")
    assert found(values)["watch_time_gain"] == pytest.approx(2.0)


def test_completion_is_told_by_the_length_of_the_clip():
    test = watched(("u1", "a", "play", 20.0), ("u1", "b", "play", 50.0), ("u1", "c", "play", 10.0),
                   ("u2", "d", "play", 9.0))  # fmt: skip
    values = completion_by_length(lists_of(q1="abc", q2="d"), test, ITEMS, bands=2, k=3, model="m")
    # a (10 s) was watched twice over and counts as whole, c (40 s) to a quarter, b (100 s) to a half; d has no length.
    assert values.select("query_id", "group", "value").rows() == [("q1", "10–40 s", 0.625), ("q1", "40–100 s", 0.5)]


def test_bands_of_length_hold_equally_many_items():
    items = pl.DataFrame({"item_id": list("abcd"), "duration_seconds": [1.0, 2.0, 3.0, 4.0]})
    assert length_bands(items, 2).select("item_id", "band").rows() == [
        ("a", "1–2.5 s"),
        ("b", "1–2.5 s"),
        ("c", "2.5–4 s"),
        ("d", "2.5–4 s"),
    ]
    assert length_bands(items.with_columns(duration_seconds=7.0))["band"].unique().to_list() == ["7 s"]
    assert length_bands(items.clear()).is_empty()


def test_repeats_are_the_share_of_the_filled_places():
    known = pl.DataFrame({"user_id": ["u1", "u1", "u2"], "item_id": ["a", "z", "b"]})
    values = repeat_values(lists_of(q1="ab", q2=""), known, k=3, model="m")
    assert found(values) == {"repeat_share": 1 / 2}
    assert found(values, "q2") == {"repeat_share": None}


def test_near_duplicates_repeat_an_earlier_place():
    vectors = pl.DataFrame({"item_id": ["a", "b", "c"], "vector": [[1.0, 0.0], [2.0, 0.01], [0.0, 1.0]]})
    values = near_duplicate_values(lists_of(q1="abc", q2="ad"), vectors, k=3, model="m")
    assert found(values) == {"near_duplicates": pytest.approx(1 / 3)}
    assert found(values, "q2") == {"near_duplicates": None}  # d has no vector, and one clip repeats nothing


def test_titles_are_the_same_but_for_case_punctuation_spaces_and_a_year_in_brackets():
    of_cats = ["Cat & Mouse (1999)", "cat mouse", "CAT-MOUSE [2001–2003]", "Cat Mouse 2"]
    titles = [*of_cats, "猫（2020）", "猫!", "(1999)", "?", None]
    found = title_groups(pl.DataFrame({"item_id": [str(n) for n in range(9)], "title": titles}))
    by_group = found.group_by("group").agg("item_id")["item_id"].to_list()
    assert sorted(by_group) == [["0", "1", "2"], ["3"], ["4", "5"]]


def test_the_same_title_by_another_creator_is_another_clip():
    items = pl.DataFrame({"item_id": list("abcde"), "title": ["Vlog"] * 5, "creator_id": ["x", "x", "y", None, None]})
    by_group = title_groups(items).group_by("group").agg("item_id")["item_id"].to_list()
    assert sorted(by_group) == [["a", "b"], ["c"], ["d", "e"]]


def test_a_place_with_the_title_of_an_earlier_one_is_a_near_duplicate():
    items = pl.DataFrame({"item_id": list("abcdx"), "title": ["One", "one!", "Two", None, "One"]})
    values = same_title_values(lists_of(q1="acb", q2="ad"), items, k=3, model="m")
    assert found(values) == {"near_duplicates": 1 / 3}
    assert found(values, "q2") == {"near_duplicates": None}  # d has no title, and one clip repeats nothing
    assert found(same_title_values(lists_of(q1="acb"), items, k=2, model="m")) == {"near_duplicates": 0}
    nobody = items.with_columns(title=pl.lit(None, pl.String))
    assert found(same_title_values(lists_of(q1="acb"), nobody, k=2, model="m")) == {"near_duplicates": None}


def test_near_duplicates_agree_with_all_pairs():
    rng = np.random.default_rng(3)
    table = rng.normal(size=(12, 3))
    ids = [chr(97 + n) for n in range(12)]
    lists = lists_of(q1="".join(rng.permutation(ids)[:3]), q2="".join(rng.permutation(ids)[:3]))
    values = near_duplicate_values(
        lists, pl.DataFrame({"item_id": ids, "vector": table.tolist()}), threshold=0.3, k=3, model="m"
    )
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    for row, query in enumerate(("q1", "q2")):
        places = [ids.index(lists.item_ids[int(code)]) for code in lists.items[row]]
        expected = sum(any(unit[i] @ unit[j] >= 0.3 for j in places[:n]) for n, i in enumerate(places)) / 3
        assert found(values, query)["near_duplicates"] == pytest.approx(expected)
