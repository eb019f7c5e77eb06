"""What a place is worth, learned from lists whose answers are known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import DataError
from avrec_lib.rerank import HitChance
from avrec_lib.schema import Ranked


def lists_with_answers(queries: int) -> tuple[pl.DataFrame, pl.DataFrame, np.ndarray]:
    """Lists of ten whose items hit with chance 1 / (1 + exp(1 + log rank − score)), each alone."""
    rng = np.random.default_rng(0)
    score = rng.normal(size=(queries, 10))
    rank = np.arange(1, 11)
    chance = 1 / (1 + np.exp(1 + np.log(rank) - score))
    names = np.repeat([f"q{query}" for query in range(queries)], 10)
    table = pl.DataFrame(
        {
            "query_id": names, "user_id": names, "item_id": [str(item) for item in np.tile(rank, queries)],
            "rank": np.tile(rank, queries).astype(np.int32), "score": score.ravel(),
        }
    )  # fmt: skip
    hit = rng.random(chance.shape) < chance
    truth = table.filter(pl.Series(hit.ravel())).select("query_id", "user_id", "item_id", relevance=pl.lit(1.0))
    return table.select(Ranked.column_names()), truth, chance


def test_the_chance_is_found_again():
    table, truth, chance = lists_with_answers(4000)
    told = HitChance.fit(table, truth, 10).apply(table)
    assert np.abs(told["score"].to_numpy() - chance.ravel()).max() < 0.05
    assert told.drop("score").equals(table.drop("score"))


def test_the_mean_chance_is_the_share_of_hits():
    table, truth, _ = lists_with_answers(200)
    told = HitChance.fit(table, truth, 10).apply(table)
    assert told["score"].mean() == pytest.approx(truth.height / table.height)


def test_places_below_its_depth_are_left_out():
    table, truth, _ = lists_with_answers(200)
    assert HitChance.fit(table, truth, 4).apply(table)["rank"].max() == 4


def test_without_a_hit_there_is_nothing_to_learn():
    table, truth, _ = lists_with_answers(5)
    with pytest.raises(DataError, match="0 of 50"):
        HitChance.fit(table, truth.clear(), 10)
