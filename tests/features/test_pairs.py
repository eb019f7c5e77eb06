from __future__ import annotations

import math
import time

import numpy as np
import polars as pl
import pytest
from feature_logs import ITEMS, asks, events_of, items_of

from avrec_lib.features import affinity, item_features, profile
from avrec_lib.features.pairs import BLOCK_PAIRS


def pairs_of(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(pairs, {"query_id": pl.String, "item_id": pl.String}, orient="row")


def test_the_affinity_of_a_user_to_items():
    log = events_of([("u", "a", 1), ("u", "c", 1)])
    found = profile(log, [asks("u", 2)], ITEMS)  # x and y a quarter each, z a half
    near = affinity(found, ITEMS, pairs_of(("u", "a"), ("u", "b"), ("u", "c"), ("u", "d")))
    assert near["tag_affinity"].to_list() == [0.5, 0.25, 0.5, None]
    length = math.sqrt(0.25**2 + 0.25**2 + 0.5**2)
    assert near["tag_cosine"].to_list()[:3] == pytest.approx([0.5 / length / math.sqrt(2), 0.25 / length, 0.5 / length])
    assert near["creator_affinity"].to_list() == [0.5, 0.5, 0.5, None]
    assert near.drop("query_id", "item_id").dtypes == [pl.Float32] * 6


def test_who_or_what_is_unknown_has_no_affinity():
    log = events_of([("u", "a", 1)])
    popularity = item_features(log, ITEMS)
    found = profile(log, [asks("u", 2), asks("v", 2)], ITEMS, popularity)
    pairs = pairs_of(("v", "a"), ("u", "new"), ("nobody", "a"), ("u", "c"))
    near = affinity(found, ITEMS, pairs, popularity)
    assert near["tag_affinity"].to_list() == [None, None, None, 0.0]
    # Of four items a is the most popular, and the three others share the mean rank 2.
    assert near["popularity_distance"].to_list() == [None, None, None, 1.5 / 4 - 3.5 / 4]
    assert near.select("query_id", "item_id").equals(pairs)


def test_distances_of_popularity_and_age():
    log = events_of([("u", "b", 1), ("v", "a", 1), ("v", "b", 2)])
    found = profile(log, [asks("u", 2)], ITEMS, item_features(log, ITEMS))
    near = affinity(found, ITEMS, pairs_of(("u", "a")), item_features(log, ITEMS))
    assert near["popularity_distance"].item() == pytest.approx(2.5 / 4 - 3.5 / 4)
    assert near["age_distance_days"].item() == 12 - 2  # a is 12 days old at the end of the log, b was 2 when chosen


def test_no_pairs_and_no_labels():
    found = profile(events_of([("u", "a", 1)]), [asks("u", 2)], ITEMS)
    assert affinity(found, ITEMS, pairs_of()).is_empty()
    bare = items_of(item_id=["a"])
    assert affinity(found, bare, pairs_of(("u", "a")))["tag_affinity"].to_list() == [None]


def test_affinity_equals_a_loop_over_pairs_in_every_block(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("avrec_lib.features.pairs.BLOCK_PAIRS", 7)
    rng = np.random.default_rng(0)
    names = [f"t{place}" for place in range(9)]
    items = items_of(
        item_id=[f"i{place}" for place in range(30)],
        tags=[list(rng.choice(names, rng.integers(0, 5))) for _ in range(30)],
    )
    log = events_of([(f"u{rng.integers(6)}", f"i{rng.integers(30)}", float(rng.random() * 90)) for _ in range(60)])
    found = profile(log, [asks(f"u{place}", 90) for place in range(6)], items)
    pairs = pairs_of(*[(f"u{rng.integers(6)}", f"i{rng.integers(30)}") for _ in range(40)])
    near = affinity(found, items, pairs)
    for query, item, *values in near.select("query_id", "item_id", "tag_affinity", "tag_cosine").iter_rows():
        own = found.interests.filter(pl.col("query_id") == query, pl.col("kind") == "tag")
        shares = dict(own.select("label", "weight").iter_rows())
        tags = set(items.filter(pl.col("item_id") == item)["tags"].item())
        total = sum(shares.get(tag, 0) for tag in tags)
        length = math.sqrt(sum(share**2 for share in shares.values()))
        expected = [total, total / length / math.sqrt(len(tags))] if tags and shares else [None, None]
        assert values == (pytest.approx(expected, rel=1e-5, abs=1e-7) if tags and shares else expected)


def test_a_hundred_thousand_pairs_take_less_than_half_a_second():
    rng = np.random.default_rng(0)
    ids = np.array([f"i{place}" for place in range(5000)])
    creators = [f"c{place}" for place in rng.integers(0, 900, 5000)]
    tags = rng.choice([f"t{place}" for place in range(40)], (5000, 4)).tolist()
    items = items_of(item_id=ids.tolist(), tags=tags, creator_id=creators)
    users = [f"u{place}" for place in rng.integers(0, 500, 40_000)]
    log = events_of(list(zip(users, ids[rng.integers(0, 5000, 40_000)], rng.random(40_000) * 90, strict=True)))
    popularity = item_features(log, items)
    found = profile(log, [asks(f"u{place}", 90) for place in range(500)], items, popularity)
    asked = np.array([f"u{place}" for place in range(500)])[rng.integers(0, 500, 100_000)]
    pairs = pl.DataFrame({"query_id": asked, "item_id": ids[rng.integers(0, 5000, 100_000)]})
    started = time.process_time()
    near = affinity(found, items, pairs, popularity)
    assert time.process_time() - started < 0.5
    assert near.height == 100_000 < BLOCK_PAIRS and near["tag_affinity"].null_count() == 0
