"""The front of accuracy against diversity."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.diversity import intra_list_diversity
from avrec_lib.evaluate.lists import Lists
from avrec_lib.evaluate.ranking import ranking_values
from avrec_lib.rerank import ItemVectors, MaximalMarginalRelevance, MaxSumDiversity, accuracy_diversity_front, rerank
from avrec_lib.schema import Ranked

RNG = np.random.default_rng(0)
NAMES = [f"item {number}" for number in range(50)]


def vectors() -> ItemVectors:
    unit = RNG.normal(size=(50, 3)).astype(np.float32)
    return ItemVectors(pl.Series("item_id", NAMES), unit / np.linalg.norm(unit, axis=1, keepdims=True))


OPTIMISED, REPORTED = vectors(), vectors()
RANKED = pl.DataFrame(
    [
        (f"q{query}", f"u{query % 40}", NAMES[item], rank + 1, float(-rank))
        for query in range(80)
        for rank, item in enumerate(RNG.permutation(50)[:20])
    ],
    schema=Ranked.create_empty().schema,
    orient="row",
)
TRUTH = RANKED.filter(pl.col("rank") == (pl.col("query_id").str.slice(1).cast(pl.Int32) % 12) + 1).select(
    "query_id", "user_id", "item_id", relevance=pl.lit(1.0)
)
METHODS = {"marginal": lambda t: MaximalMarginalRelevance(t, OPTIMISED), "sum": lambda t: MaxSumDiversity(t, OPTIMISED)}
FRONT = accuracy_diversity_front(
    RANKED, TRUTH, 5, METHODS, [0, 0.5, 1], optimised=OPTIMISED, reported=REPORTED, depth=20, resamples=200
)


def test_the_front_has_a_row_a_method_and_trade_off_between_its_two_ends():
    assert FRONT["method"].to_list() == ["as ranked", *["marginal"] * 3, *["sum"] * 3, "most diverse"]
    assert FRONT["trade_off"].to_list() == [None, 0, 0.5, 1, 0, 0.5, 1, None]


def test_its_numbers_are_those_of_the_metrics():
    row = FRONT.row(2, named=True)
    table = rerank(RANKED, 5, MaximalMarginalRelevance(0.5, OPTIMISED), depth=20)
    queries = RANKED.select("query_id", "user_id").unique(maintain_order=True)
    lists = Lists.of(table, queries, 5)
    assert row["ndcg"] == pytest.approx(
        ranking_values(table, TRUTH, queries, k=5, metrics=["ndcg"], model="x")["value"].mean()
    )
    for name, side in (("optimised", OPTIMISED), ("reported", REPORTED)):
        assert row[name] == pytest.approx(intra_list_diversity(lists, side.of_items(lists.item_ids), 5).mean())


def test_loss_and_gap_are_shares_of_the_ends():
    first, last = FRONT["ndcg"][0], FRONT["reported"][-1]
    assert FRONT["loss"].to_list() == pytest.approx((1 - FRONT["ndcg"] / first).to_list())
    start = FRONT["reported"][0]
    assert FRONT["gap_closed"].to_list() == pytest.approx(((FRONT["reported"] - start) / (last - start)).to_list())
    row = FRONT.row(3, named=True)
    assert row["loss_low"] < row["loss"] < row["loss_high"]
    assert row["gap_closed_low"] < row["gap_closed"] < row["gap_closed_high"]


def test_what_is_optimised_rises_with_the_trade_off():
    assert FRONT["optimised"][1:4].is_sorted()
    assert FRONT["optimised"][4:7].is_sorted()


def test_the_diversity_that_is_optimised_is_not_reported():
    copy = ItemVectors(OPTIMISED.item_ids, OPTIMISED.unit.copy())
    for same in (OPTIMISED, copy):
        with pytest.raises(UsageError, match="must not be the one"):
            accuracy_diversity_front(RANKED, TRUTH, 5, METHODS, [0.5], optimised=OPTIMISED, reported=same)
