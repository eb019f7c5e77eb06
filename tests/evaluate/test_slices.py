"""A metric by group is the mean over the queries of the group, or over the answers among the items of the group."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.compare import summarise
from avrec_lib.evaluate.ranking import ranking_values
from avrec_lib.evaluate.slices import item_groups, item_values, query_groups, slice_table

CUT = datetime(2024, 1, 31, tzinfo=UTC)
COLUMNS = ["model", "metric", "k", "slice", "group", "value", "low", "high", "n", "users", "overall", "gap", "ratio",
           "small", "p_value", "p_adjusted"]  # fmt: skip


def train(*pairs: tuple[str, str], **columns: list) -> pl.DataFrame:
    users, items = zip(*pairs, strict=True) if pairs else ((), ())
    times = [CUT - timedelta(days=len(pairs) - place) for place in range(len(pairs))]
    return pl.DataFrame(
        {"user_id": users, "item_id": items, "timestamp": times} | columns,
        schema_overrides={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")},
    )


def queries(*users: str, **columns: list) -> pl.DataFrame:
    return pl.DataFrame({"query_id": users, "user_id": users, "cut": [CUT] * len(users)} | columns)


def values(**of_users: float | None) -> pl.DataFrame:
    rows = [("EASE", 0, 0, user, user, "ndcg", 10, value) for user, value in of_users.items()]
    schema = {"model": pl.String, "seed": pl.Int64, "window": pl.Int32, "query_id": pl.String, "user_id": pl.String,
              "metric": pl.String, "k": pl.Int32, "value": pl.Float64}  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def groups_of(table: pl.DataFrame, name: str) -> dict[str, str]:
    rows = table.filter(slice=name)
    return dict(zip(rows[table.columns[0]], rows["group"], strict=True))


def test_users_fall_into_bands_by_their_training_events_in_the_order_of_the_bands():
    events = train(*[("b", str(item)) for item in range(4)], *[("a", str(item)) for item in range(5)])
    table = query_groups(queries("a", "b", "c"), events).table
    activity = table.filter(slice="activity (training events)")
    assert activity.select("query_id", "group").rows() == [("c", "0"), ("b", "1–4"), ("a", "5–19")]
    assert groups_of(table, "known or new user") == {"a": "known from training", "b": "known from training", "c": "new"}


def test_a_history_of_the_querys_own_stands_for_the_training_events():
    asked = queries("a", "b", history=[["1", "2", "3", "4", "5"], None])
    table = query_groups(asked, train(("b", "1"))).table
    assert groups_of(table, "activity (training events)") == {"a": "5–19", "b": "1–4"}


def test_a_user_stands_on_the_platform_of_most_of_the_training_events():
    events = train(("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), platform=["tv", "web", "tv", "web"])
    table = query_groups(queries("a", "b", "c"), events).table
    assert groups_of(table, "platform") == {"a": "tv", "b": "web", "c": "unknown"}


def test_the_platform_of_the_query_itself_goes_first():
    events = train(("a", "1"), platform=["tv"])
    table = query_groups(queries("a", "b", platform=["web", "app"]), events).table
    assert groups_of(table, "platform") == {"a": "web", "b": "app"}


def test_age_stands_in_bands_and_is_read_off_the_birth_year_where_only_that_is_known():
    users = pl.DataFrame({"user_id": ["a", "b", "c"], "age": [17, None, None], "birth_year": [None, 1964, None]})
    table = query_groups(queries("a", "b", "c"), train(("a", "1")), users).table
    assert groups_of(table, "age") == {"a": "0–17", "b": "55+", "c": "unknown"}


def test_a_column_has_its_largest_groups_then_other_then_unknown():
    users = pl.DataFrame({"user_id": list("abcdef"), "country": ["de", "de", "fr", "it", None, "  "]})
    table = query_groups(queries(*"fedcba"), train(("a", "1")), users.lazy(), top=1).table
    country = table.filter(slice="country").unique("group", maintain_order=True)
    assert country["group"].to_list() == ["de", "other", "unknown"]
    assert groups_of(table, "country")["f"] == "unknown"


def test_what_the_log_lacks_is_left_out_with_its_reason():
    users = pl.DataFrame({"user_id": ["a", "b"], "gender": ["x", "x"], "country": [None, None]})
    found = query_groups(queries("a", "b"), train(("a", "1"), ("b", "1")), users)
    assert found.table.is_empty()
    assert found.table.columns == ["query_id", "slice", "group", "place"]
    reasons = dict(found.left_out.iter_rows())
    assert reasons["gender"] == reasons["known or new user"] == "All of them fall into one group."
    assert reasons["country"] == reasons["language of the user"] == "No user who is asked has a value here."
    assert reasons["platform"] == "No training event names a platform."


def test_items_stand_in_head_mid_and_tail_by_their_share_of_the_training_events():
    counts = {"1": 5, "2": 4, "3": 1}
    events = train(*[(f"u{place}", item) for item, count in counts.items() for place in range(count)])
    truth = pl.DataFrame({"item_id": ["4"]})
    table = item_groups(events, truth=truth).table
    # before item 2 stand 5 of 10 events, before item 3 nine of ten
    assert groups_of(table, "popularity of the item") == {"1": "head", "2": "mid", "3": "tail", "4": "new"}
    assert groups_of(table, "known or new item")["4"] == "new"


def test_the_age_of_an_item_counts_from_its_publication_to_the_cut():
    ages = {"a": -1, "b": 0, "c": 7, "d": 30, "e": 365, "f": 6 * 366, "g": None}
    items = pl.DataFrame({
        "item_id": list(ages),
        "published_at": [None if days is None else CUT - timedelta(days=days) for days in ages.values()],
    })  # fmt: skip
    found = groups_of(item_groups(train(("u", "a")), items, CUT).table, "age of the item")
    assert list(found.values()) == ["published after the cut", "under a week", "a week to a month",
                                    "a month to a year", "1 to 5 years", "over 5 years", "unknown"]  # fmt: skip


def test_without_publication_the_age_counts_from_the_first_training_event():
    events = train(*[("u", str(item)) for item in range(10)])
    table = item_groups(events, None, CUT).table
    assert groups_of(table, "time since the item's first event")["0"] == "a week to a month"
    assert groups_of(table, "time since the item's first event")["9"] == "under a week"


def test_without_a_category_the_first_tag_stands_in():
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "tags": [["rock", "live"], ["jazz"], None]})
    table = item_groups(train(("u", "a")), items).table
    assert groups_of(table, "first tag") == {"a": "rock", "b": "jazz", "c": "unknown"}


def test_a_log_without_times_and_items_says_what_it_cannot_show():
    events = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"]})
    found = item_groups(events)
    assert set(found.left_out["slice"]) >= {"time since the item's first event", "category", "language of the item"}


def test_the_table_holds_mean_overall_gap_and_ratio_of_each_group():
    groups = pl.DataFrame({"query_id": ["a", "b", "c"], "slice": ["sex"] * 3, "group": ["f", "f", "m"]})
    table = slice_table(values(a=0.1, b=0.3, c=0.8), groups)
    assert table.columns == COLUMNS
    first, second = table.iter_rows(named=True)
    assert (first["group"], first["value"], first["n"]) == ("f", pytest.approx(0.2), 2)
    assert first["overall"] == pytest.approx(0.4)  # (.1 + .3 + .8) / 3
    assert first["gap"] == pytest.approx(-0.2)
    assert second["ratio"] == pytest.approx(2.0)
    assert first["small"] and second["low"] is None


def test_an_undefined_value_is_counted_out_of_its_group_and_an_overall_of_zero_has_no_ratio():
    groups = pl.DataFrame({"query_id": ["a", "b"], "slice": ["s"] * 2, "group": ["x"] * 2})
    (row,) = slice_table(values(a=0.0, b=None), groups).iter_rows(named=True)
    assert (row["n"], row["value"], row["ratio"]) == (1, 0.0, None)


def test_a_group_of_thirty_users_is_not_small():
    asked = {f"u{place}": place / 100 for place in range(59)}
    groups = pl.DataFrame(
        {
            "query_id": list(asked),
            "slice": ["s"] * 59,
            "group": ["many" if place < 30 else "few" for place in range(59)],
        }
    )
    table = slice_table(values(**asked), groups)
    assert dict(table.select("group", "small").iter_rows()) == {"many": False, "few": True}
    assert dict(table.select("group", pl.col("p_value").is_null()).iter_rows()) == {"many": False, "few": True}


def test_windows_keep_their_own_groups():
    both = pl.concat([values(a=0.0), values(a=1.0).with_columns(window=pl.lit(1, dtype=pl.Int32))])
    groups = pl.DataFrame(
        {"query_id": ["a", "a"], "window": [0, 1], "slice": ["s", "s"], "group": ["early", "late"]},
        schema_overrides={"window": pl.Int32},
    )
    table = slice_table(both, groups)
    assert dict(table.select("group", "value").iter_rows()) == {"early": 0.0, "late": 1.0}


def test_a_band_that_only_a_later_window_has_stands_at_its_place():
    both = pl.concat([values(a=0.0, b=1.0), values(a=1.0).with_columns(window=pl.lit(1, dtype=pl.Int32))])
    groups = pl.DataFrame(
        {"query_id": ["a", "b", "a"], "window": [0, 0, 1], "slice": ["s"] * 3, "group": ["0", "5–19", "1–4"],
         "place": [0, 2, 1]}, schema_overrides={"window": pl.Int32},
    )  # fmt: skip
    assert slice_table(both, groups)["group"].to_list() == ["0", "1–4", "5–19"]


def test_a_group_whose_values_are_all_the_same_is_held_against_as_many_users_of_the_whole():
    asked = {f"u{place}": 0.0 if place < 50 else 1.0 for place in range(100)}
    groups = pl.DataFrame({"query_id": list(asked), "slice": ["s"] * 100, "group": ["none"] * 50 + ["all"] * 50})
    table = slice_table(values(**asked), groups, fewest=50)
    assert table["low"].to_list() == [None, None]
    # All users deviate by 0.5, so 50 of them err by 0.5 / √50 = 0.0707; a gap of 0.5 is 7.07 errors.
    expected = 2 * stats.t.sf(0.5 / (0.5 / 50**0.5), 49)
    for p_value, p_adjusted in table.select("p_value", "p_adjusted").iter_rows():
        assert math.log10(p_value) == pytest.approx(math.log10(expected), abs=0.5)  # the error is a bootstrap's
        assert p_adjusted == pytest.approx(2 * table["p_value"].min(), rel=0.2)


def test_p_is_corrected_over_all_groups_and_models_of_a_metric():
    rng = np.random.default_rng(5)
    parts, users = [], [f"u{place}" for place in range(200)]
    for model, metric in (("EASE", "ndcg"), ("iALS", "ndcg"), ("EASE", "recall")):
        drawn = values(**dict(zip(users, rng.random(200), strict=True)))
        parts.append(drawn.with_columns(model=pl.lit(model), metric=pl.lit(metric)))
    names = [f"g{place % 4}" for place in range(200)]
    groups = pl.DataFrame({"query_id": users, "slice": ["s"] * 200, "group": names})
    table = slice_table(pl.concat(parts), groups, resamples=500)
    for metric, family in (("ndcg", 8), ("recall", 4)):
        of_metric = table.filter(metric=metric)
        first = of_metric.sort("p_value").row(0, named=True)
        assert of_metric.height == family
        assert first["p_adjusted"] == pytest.approx(min(1, family * first["p_value"]))


def test_a_group_that_is_served_worse_is_found_among_thirty():
    rng = np.random.default_rng(2)
    users = [f"u{place}" for place in range(1200)]
    drawn = rng.beta(0.6, 2.0, 1200) * np.where(np.arange(1200) % 30 == 7, 0.2, 1.0)
    names = [f"g{place % 30}" for place in range(1200)]
    groups = pl.DataFrame({"query_id": users, "slice": ["s"] * 1200, "group": names})
    table = slice_table(values(**dict(zip(users, drawn, strict=True))), groups, resamples=500)
    assert table.filter(pl.col("p_adjusted") < 0.05)["group"].to_list() == ["g7"]


def test_where_all_users_have_the_same_value_nothing_can_be_told_apart():
    asked = {f"u{place}": 0.25 for place in range(60)}
    groups = pl.DataFrame({"query_id": list(asked), "slice": ["s"] * 60, "group": ["x", "y"] * 30})
    assert slice_table(values(**asked), groups)["p_adjusted"].to_list() == [None, None]


def test_a_group_of_skewed_values_is_small_until_it_has_as_many_users_as_they_take():
    asked = {f"u{place}": 1.0 if place % 40 == 0 else 0.0 for place in range(200)}
    # z holds no hit at all, which says nothing of how skewed its values would be of more users.
    names = ["x"] * 120 + ["z" if place % 40 else "y" for place in range(120, 200)]
    groups = pl.DataFrame({"query_id": list(asked), "slice": ["s"] * 200, "group": names})
    table = slice_table(values(**asked), groups)
    fewest = summarise(values(**asked).head(120))["fewest"].item()
    assert fewest > 120  # one hit in forty users
    assert table.select("small", "p_value").unique().rows() == [(True, None)]


def test_a_misspelt_column_of_users_names_the_nearest():
    with pytest.raises(UsageError, match="Did you mean gender"):
        query_groups(queries("a"), train(("a", "1")), columns=["gendr"])


def test_plain_user_ids_are_queries_too():
    table = query_groups(["a", "b"], train(("a", "1"))).table
    assert groups_of(table, "known or new user") == {"a": "known from training", "b": "new"}


def test_groups_of_other_queries_are_refused():
    groups = pl.DataFrame({"query_id": ["z"], "slice": ["s"], "group": ["x"]})
    with pytest.raises(DataError, match="they are of other queries"):
        slice_table(values(a=0.5), groups)


def test_a_table_without_groups_names_the_missing_column():
    with pytest.raises(DataError, match=r"The table groups has no column slice, group\."):
        slice_table(values(a=0.5), pl.DataFrame({"query_id": ["a"]}))


def test_nothing_has_no_slices():
    nobody = values()
    groups = pl.DataFrame(schema={"query_id": pl.String, "slice": pl.String, "group": pl.String})
    assert slice_table(nobody, groups).columns == COLUMNS


ITEMS = "abcdef"
LISTS = st.lists(st.permutations(ITEMS).map(lambda items: items[:4]), min_size=1, max_size=4)
ANSWERS = st.lists(st.sets(st.sampled_from(ITEMS), min_size=1), min_size=4, max_size=4)


@given(LISTS, ANSWERS, st.lists(st.sampled_from(["x", "y", "z"]), min_size=6, max_size=6))
def test_the_metric_of_an_item_group_judges_the_same_list_by_the_answers_of_that_group(lists, answers, kinds):
    users = [f"u{place}" for place in range(len(lists))]
    ranked = pl.DataFrame(
        [(user, user, item, rank, None) for user, shown in zip(users, lists, strict=True)
         for rank, item in enumerate(shown, start=1)],
        schema={"query_id": pl.String, "user_id": pl.String, "item_id": pl.String, "rank": pl.Int32,
                "score": pl.Float64}, orient="row",
    )  # fmt: skip
    truth = pl.DataFrame(
        [(user, user, item, 1.0) for user, chosen in zip(users, answers, strict=False) for item in sorted(chosen)],
        schema={"query_id": pl.String, "user_id": pl.String, "item_id": pl.String, "relevance": pl.Float64},
        orient="row",
    )
    groups = pl.DataFrame({"item_id": list(ITEMS), "slice": ["kind"] * 6, "group": kinds})
    found = item_values(ranked, truth, queries(*users), groups, k=[3], model="EASE", metrics=["ndcg", "recall"])
    expected = {}
    for user, shown, chosen in zip(users, lists, answers, strict=False):
        for kind in set(kinds):
            wanted = {item for item in chosen if kinds[ITEMS.index(item)] == kind}
            if wanted:
                at = [rank for rank, item in enumerate(shown[:3], start=1) if item in wanted]
                best = sum(1 / math.log2(rank + 1) for rank in range(1, min(3, len(wanted)) + 1))
                expected[kind, user, "recall"] = len(at) / len(wanted)
                expected[kind, user, "ndcg"] = sum(1 / math.log2(rank + 1) for rank in at) / best
    got = {tuple(row[:3]): row[3] for row in found.select("group", "query_id", "metric", "value").iter_rows()}
    assert got == pytest.approx(expected)
    # The groups of all items together are the whole.
    together = groups.with_columns(group=pl.lit("all"))
    whole = ranking_values(ranked, truth, queries(*users), k=[3], model="EASE")
    parts = item_values(ranked, truth, queries(*users), together, k=[3], model="EASE")
    assert parts.drop("slice", "group", "place").equals(whole)


def test_items_of_no_group_in_the_truth_are_said():
    ranked = pl.DataFrame(
        {"query_id": ["a"], "user_id": ["a"], "item_id": ["1"], "rank": [1], "score": [None]},
        schema_overrides={"rank": pl.Int32, "score": pl.Float64},
    )
    truth = ranked.select("query_id", "user_id", "item_id", relevance=pl.lit(1.0))
    groups = pl.DataFrame({"item_id": ["2"], "slice": ["s"], "group": ["x"]})
    with pytest.raises(DataError, match="No item of the truth"):
        item_values(ranked, truth, queries("a"), groups, model="EASE")


def test_a_log_that_shows_no_group_has_no_slices():
    groups = pl.DataFrame(schema={"query_id": pl.String, "slice": pl.String, "group": pl.String})
    assert slice_table(values(a=0.5, b=1.0), groups).is_empty()
