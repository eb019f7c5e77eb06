"""Every metric beyond accuracy against its definition in plain Python, and the front against real and poor data."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from beyond_twins import START, World, diversity, gini, miscalibration, novelty, popularity_lift, random_world
from beyond_twins import mean as mean_of
from beyond_twins import serendipity as serendipity_of
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate import exposure, popularity, taste
from avrec_lib.evaluate.beyond_accuracy import METRICS, answered_share, beyond_accuracy_values
from avrec_lib.evaluate.beyond_inputs import Background
from avrec_lib.evaluate.diversity import item_labels
from avrec_lib.evaluate.lists import Lists
from avrec_lib.evaluate.popularity import item_popularity, popularity_bands
from avrec_lib.evaluate.taste import histories_of

worlds = st.integers(0, 2**32 - 1).map(random_world)
cuts = st.integers(1, 6)


def lists_of(world: World) -> Lists:
    return Lists.of(world.ranked, world.queries, 6)


def measured(world: World, k: int) -> dict[str, dict[str, float | None]]:
    found = beyond_accuracy_values(
        lists_of(world), k=k, model="m", queries=world.queries, train=world.train, items=world.items, truth=world.truth
    )
    by_metric = found.values.group_by("metric", maintain_order=True).agg("query_id", "value")
    return {metric: dict(zip(ids, values, strict=True)) for metric, ids, values in by_metric.iter_rows()}


def same(found: float | None, expected: float | None) -> bool:
    return found is expected is None or (found is not None and found == pytest.approx(expected, abs=1e-5))


@settings(max_examples=40)
@given(worlds, cuts)
def test_values_equal_their_definitions(world: World, k: int):
    found, users = measured(world, k), world.users_of()
    wanted = {query: set(world.truth.filter(pl.col("query_id") == query)["item_id"]) for query in world.lists(k)}
    born = {item: time for item, time in world.items.select("item_id", "published_at").iter_rows() if time is not None}
    for query, shown in world.lists(k).items():
        history = world.history(query)
        expected = {
            "novelty": novelty(shown, users),
            "unknown_item_share": mean_of([float(item not in users) for item in shown]),
            "popularity_lift": popularity_lift(shown, history, users),
            "serendipity": serendipity_of(shown, wanted[query], history, users, k),
        }
        for column in ("tags", "category"):
            labels = world.labels(column)
            expected[f"intra_list_diversity_{column}"] = diversity(shown, labels)
            expected[f"miscalibration_{column}"] = miscalibration(shown, history, labels, 0.01, False)
        if born:
            cut = START + timedelta(days=7)
            expected["item_age"] = mean_of([(cut - born[item]) / timedelta(days=1) for item in shown if item in born])
        for metric, value in expected.items():
            if metric in found:  # else left out: no item of this world has a tag, say
                assert same(found[metric][query], value), (metric, query)


@settings(max_examples=40)
@given(worlds, cuts)
def test_head_mid_tail_and_unknown_make_up_the_list(world: World, k: int):
    found = measured(world, k)
    parts = ("head_share", "mid_share", "tail_share", "unknown_item_share")
    for query, shown in world.lists(k).items():
        shares = [found[part][query] for part in parts]
        assert sum(shares) == pytest.approx(1) if shown else shares == [None] * 4


@settings(max_examples=40)
@given(worlds, cuts)
def test_calibration_weighs_ranks_when_told_to(world: World, k: int):
    labels, histories = item_labels(world.items, "tags"), histories_of(world.queries, world.train)
    if labels.height:
        found = taste.miscalibration(lists_of(world), histories, labels, k, alpha=0.1, discounted=True)
        for value, (query, shown) in zip(found, world.lists(k).items(), strict=True):
            expected = miscalibration(shown, world.history(query), world.labels("tags"), 0.1, True)
            assert same(None if math.isnan(value) else float(value), expected)


@settings(max_examples=40)
@given(worlds, cuts)
def test_exposure_of_items_and_creators_equals_its_count(world: World, k: int):
    shown = [item for items in world.lists(k).values() for item in items]
    of_items = exposure.item_exposure(lists_of(world), world.items["item_id"], k)
    assert dict(of_items.iter_rows()) == {item: shown.count(item) for item in world.items["item_id"]}
    creators = dict(world.items.select("item_id", "creator_id").drop_nulls().iter_rows())
    expected = {creator: sum(creators.get(item) == creator for item in shown) for creator in creators.values()}
    of_creators = exposure.creator_exposure(of_items, world.items)
    assert dict(of_creators.iter_rows()) == expected
    for amounts in (of_items["exposure"], of_creators["exposure"]):
        assert same(exposure.gini(amounts), gini(amounts.to_list()))


@settings(max_examples=20)
@given(worlds, cuts)
def test_a_background_worked_out_once_says_the_same_of_every_list(world: World, k: int):
    tables = {"train": world.train, "items": world.items, "truth": world.truth}
    background = Background.of(world.queries, **tables)
    for ranked in (world.ranked, world.ranked.filter(pl.col("rank") < 4)):
        lists = Lists.of(ranked, world.queries, 6)
        once = beyond_accuracy_values(lists, k=k, model="m", background=background)
        anew = beyond_accuracy_values(lists, k=k, model="m", queries=world.queries, **tables)
        for one, other in zip(once, anew, strict=True):
            assert_frame_equal(one, other)


def test_an_item_that_nobody_chose_has_no_popularity_and_a_user_counts_once():
    train = pl.DataFrame({"user_id": ["u", "u", "v", "w", "x"], "item_id": ["a", "a", "a", "b", None]})
    found = item_popularity(train).select("item_id", "users", "share")
    assert found.rows() == [("a", 2, 2 / 3), ("b", 1, 1 / 3)]  # x chose nothing
    assert item_popularity(train.clear()).is_empty()


@settings(max_examples=40)
@given(worlds, cuts)
def test_coverage_of_lists_is_that_of_the_ranked_table(world: World, k: int):
    found = beyond_accuracy_values(lists_of(world), k=k, model="m", items=world.items).system
    system = dict(found.select("metric", "value").iter_rows())
    shown = {item for items in world.lists(k).values() for item in items}
    catalogue = set(world.items["item_id"])
    assert system["catalogue_coverage"] == len(shown & catalogue) / len(catalogue)
    assert system["answered_share"] == answered_share(world.ranked, world.queries, k)


def test_evenness_is_one_when_all_are_shown_alike_and_zero_when_one_has_it_all():
    assert exposure.entropy(pl.Series([2.0, 2.0, 2.0, 2.0])) == pytest.approx(1)
    assert exposure.gini(pl.Series([2.0, 2.0, 2.0, 2.0])) == 0
    assert exposure.entropy(pl.Series([0.0, 8.0, 0.0, 0.0])) == 0
    assert exposure.gini(pl.Series([0.0, 8.0, 0.0, 0.0])) == 1 - 1 / 4
    # Half of the items share everything: ln 2 of ln 4.
    assert exposure.entropy(pl.Series([1.0, 0.0, 1.0, 0.0])) == pytest.approx(0.5)
    assert exposure.entropy(pl.Series([5.0])) is None
    assert exposure.gini(pl.Series([0.0, 0.0])) is None


def test_discounted_exposure_counts_a_place_by_its_rank():
    ranked = pl.DataFrame({"query_id": ["q", "q"], "item_id": ["a", "b"], "rank": [1, 3]})
    lists = Lists.of(ranked, pl.DataFrame({"query_id": ["q"], "user_id": ["q"]}), 3)
    found = exposure.item_exposure(lists, pl.Series(["b", "a", "c"]), 3, discounted=True)
    assert dict(found.iter_rows()) == {"a": 1 / math.log2(2), "b": 1 / math.log2(4), "c": 0}


def test_a_bootstrap_over_users_misses_the_number_itself():
    rng = np.random.default_rng(0)
    lists = np.array([rng.choice(400, 10, replace=False) for _ in range(300)])
    observed = exposure.gini(pl.Series(np.bincount(lists.ravel(), minlength=400).astype(float)))
    resampled = []
    for _ in range(200):
        weights = np.repeat(rng.poisson(1, len(lists)), 10)
        resampled.append(exposure.gini(pl.Series(np.bincount(lists.ravel(), weights, 400))))
    assert observed < np.quantile(resampled, 0.025)


def test_bands_are_cut_where_more_popular_items_carry_enough():
    counts = {"a": 5, "b": 2, "c": 2, "d": 1}  # above them: 0, .5, .5 and .9 of ten events
    train = pl.DataFrame([(f"u{n}", item) for item, count in counts.items() for n in range(count)],
                         ["user_id", "item_id"], orient="row")  # fmt: skip
    bands = popularity_bands(train)
    assert bands["band"].to_list() == ["head", "mid", "mid", "tail"]
    assert popularity_bands(train, head=0.6)["band"].to_list() == ["head", "head", "head", "tail"]
    alike = train.unique("item_id", maintain_order=True)
    assert set(popularity_bands(alike)["band"]) == {"head"}
    with pytest.raises(UsageError, match=r"head is 0\.9 and mid is 0\.5"):
        popularity_bands(train, head=0.9, mid=0.5)


def test_an_item_nobody_chose_is_as_novel_as_one_that_one_user_chose():
    train = pl.DataFrame({"user_id": ["u", "v", "w", "x", "u"], "item_id": ["a", "a", "a", "a", "b"]})
    ranked = pl.DataFrame({"query_id": ["p", "q", "r"], "item_id": ["a", "b", "new"], "rank": [1, 1, 1]})
    lists = Lists.of(ranked, pl.DataFrame({"query_id": ["p", "q", "r"], "user_id": ["p", "q", "r"]}), 1)
    # Chosen by 4, 1 and 0 of 4 users: −log2 1, −log2 1/4, and as if by 1.
    assert popularity.novelty(lists, item_popularity(train), 1).tolist() == [0, 2, 2]


def test_only_choices_count_as_popularity():
    train = pl.DataFrame({"user_id": ["u", "v", "w"], "item_id": ["a", "a", "b"], "event": ["click", "skip", "play"]})
    assert item_popularity(train).select("item_id", "users", "share").rows() == [("a", 1, 0.5), ("b", 1, 0.5)]


def test_age_falls_back_on_the_first_time_in_training():
    train = pl.DataFrame(
        {"user_id": ["u", "v"], "item_id": ["a", "a"], "timestamp": [START, START - timedelta(days=3)]}
    )
    ranked = pl.DataFrame({"query_id": ["q", "q"], "item_id": ["a", "new"], "rank": [1, 2]})
    queries = pl.DataFrame({"query_id": ["q"], "user_id": ["q"], "cut": [START + timedelta(days=1)]})
    found = beyond_accuracy_values(Lists.of(ranked, queries, 2), k=2, model="m", queries=queries, train=train)
    assert found.values.filter(pl.col("metric") == "item_age")["value"].to_list() == [4]
    assert found.gaps.rows() == [("time", 2, 2, 1)]


def test_the_most_popular_items_are_no_surprise():
    world = random_world(5)
    top = item_popularity(world.train).sort("users", descending=True)["item_id"].head(3).to_list()
    ranked = pl.DataFrame([("q", item, place) for place, item in enumerate(top, 1)],
                          {"query_id": pl.String, "item_id": pl.String, "rank": pl.Int32}, orient="row")  # fmt: skip
    truth = ranked.select("query_id", "item_id", user_id="query_id", relevance=1.0)
    queries = pl.DataFrame({"query_id": ["q"], "user_id": ["q"]})
    found = beyond_accuracy_values(Lists.of(ranked, queries, 3), k=3, model="m", train=world.train, truth=truth)
    assert found.values.filter(pl.col("metric") == "serendipity")["value"].to_list() == [0]


def test_a_query_s_own_history_stands_in_for_the_log():
    queries = pl.DataFrame({"query_id": ["q", "r"], "user_id": ["u", "u"], "history": [["b", "b", "c"], None]})
    train = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "a"]})
    assert sorted(histories_of(queries, train).rows()) == [("q", "b"), ("q", "c"), ("r", "a")]


def test_what_the_data_cannot_show_is_left_out_with_its_reason():
    world = random_world(1)
    found = beyond_accuracy_values(lists_of(world), k=(2, 4), model="m")
    reasons = dict(found.left_out.iter_rows())
    assert reasons["novelty"] == "There are no training rows."
    assert reasons["gini_items"].startswith("Neither training rows nor an item table")
    assert found.values.is_empty()
    assert found.system.select("metric", "k").rows() == [("answered_share", 2), ("answered_share", 4)]
    assert {*reasons, "answered_share"} == set(METRICS)
    bare = world.items.select("item_id", tags=pl.lit([], pl.List(pl.String)), category=pl.lit(None, pl.String))
    reasons = dict(beyond_accuracy_values(lists_of(world), k=2, model="m", items=bare).left_out.iter_rows())
    assert reasons["intra_list_diversity_tags"] == "No item has a tag."
    assert reasons["miscalibration_category"] == "No query has a history."


def test_every_metric_has_its_entry():
    world = random_world(3)
    vectors = pl.DataFrame(
        {"item_id": world.items["item_id"], "vector": [[1.0, float(n)] for n in range(len(world.items))]}
    )
    found = beyond_accuracy_values(
        lists_of(world), k=3, model="m", queries=world.queries, train=world.train, items=world.items,
        truth=world.truth, embeddings=vectors,
    )  # fmt: skip
    assert {*found.values["metric"], *found.system["metric"]} == set(METRICS)
    assert found.left_out.is_empty()


def test_nobody_asked_and_nothing_ranked_is_no_error():
    world = random_world(1)
    nobody = world._replace(queries=world.queries.clear(), ranked=world.ranked.clear(), truth=world.truth.clear())
    assert set(measured(nobody, 3)) <= set(METRICS)
    nothing = world._replace(ranked=world.ranked.clear())
    assert all(value is None for value in measured(nothing, 3)["novelty"].values())


def test_bad_input_is_named():
    world = random_world(1)
    with pytest.raises(UsageError, match="k must lie between 1 and 6, where the lists are cut, but is 7"):
        beyond_accuracy_values(lists_of(world), k=7, model="m")
    with pytest.raises(DataError, match="lists belong to none of the queries"):
        beyond_accuracy_values(lists_of(world), k=2, model="m", queries=world.queries.clear())
    with pytest.raises(DataError, match="no times to cut"):
        timeless = world.train.drop("timestamp")
        beyond_accuracy_values(lists_of(world), k=2, model="m", queries=world.queries, train=timeless)
    with pytest.raises(DataError, match="no column item_id"):
        beyond_accuracy_values(lists_of(world), k=2, model="m", items=pl.DataFrame({"tags": [["a"]]}))
    with pytest.raises(UsageError, match="alpha must lie between 0 and 1"):
        taste.miscalibration(lists_of(world), histories_of(world.queries, world.train), pl.DataFrame(), 2, alpha=0)
