"""Two towers: the contract, and who is new on either side."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from boards import parity
from contract import RecommenderContract, checkerboard

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models import TwoTower
from avrec_lib.protocols import Query, Recommender

BOARD = checkerboard(12, 12)
NEW = pl.DataFrame(
    {
        "item_id": ["new odd", "new even", "unlike any", "bare"],
        "tags": [["odd"], ["even"], ["strange"], None],
    }
)


def small(**options: Any) -> TwoTower:
    told: dict[str, Any] = {"width": 8, "epochs": 25, "learning_rate": 0.05, "decay": 1.0, "in_order": False} | options
    return TwoTower(**{"strangers": 0.0, "threads": 1, "dimensions": 0, "temperature": None, **told})


def first(model: Recommender, *queries: str | Query, **more: Any) -> list[str]:
    ranked = model.recommend(queries, k=1, **more)
    return ranked["item_id"].to_list()


class TestTwoTower(RecommenderContract):
    def make(self) -> Recommender:
        return small()


class TestWithContentAndDirections(RecommenderContract):
    def make(self) -> Recommender:
        model = small(temperature=0.3, epochs=40)

        def fit(train: pl.DataFrame, items: pl.DataFrame | None = None, users: Any = None) -> TwoTower:
            return TwoTower.fit(model, train, parity(train) if items is None else items, users)

        model.fit = fit
        return model


def test_a_new_item_is_ranked_by_its_content_and_one_without_is_not(tmp_path: Path) -> None:
    items = pl.concat([parity(BOARD).select("item_id", "tags"), NEW])
    model = small().fit(BOARD, items)
    model.save(tmp_path / "model")
    for each in (model, TwoTower.load(tmp_path / "model")):
        assert first(each, "u0", "u1") == ["new even", "new odd"]
        assert first(each, Query("q", "stranger", history=["new even"]), candidates=["new odd", "i2"]) == ["i2"]
        assert each.recommend([Query("q", "stranger", history=["bare"])], k=3).is_empty()
        ranked = each.recommend(["u0"], k=20)["item_id"].to_list()
        assert not {"bare", "unlike any"} & set(ranked)
        assert each.score(["u0"], ["bare", "nowhere"])["score"].to_list() == [None, None]


def test_a_new_item_is_known_by_an_embedding_too_and_the_saved_model_needs_no_table(tmp_path: Path) -> None:
    board = {f"i{n}": [1.0, -1.0] if n % 2 else [-1.0, 1.0] for n in range(12)} | {"new": [2.0, -2.0]}
    table = pl.DataFrame({"item_id": list(board), "vector": list(board.values())})
    items = pl.DataFrame({"item_id": list(board)})
    model = small(embeddings=table).fit(BOARD, items)
    model.save(tmp_path / "model")
    again = TwoTower.load(tmp_path / "model")
    assert again.embeddings is None
    assert first(again, "u1") == first(model, "u1") == ["new"]


@pytest.mark.parametrize("wrong", [math.nan, math.inf, None], ids=["NaN", "infinity", "null"])
def test_embeddings_that_are_no_numbers_are_refused(wrong: float | None) -> None:
    table = pl.DataFrame({"item_id": ["i0", "i1"], "vector": [[1.0, wrong], [1.0, 1.0]]})
    with pytest.raises(DataError, match="nulls, NaN or infinity"):
        small(embeddings=table).fit(BOARD)


def people() -> pl.DataFrame:
    """Who chooses even items is a woman; nobody has met n0 and n1, and nothing is known of the last."""
    return pl.DataFrame(
        {
            "user_id": [*(f"u{n}" for n in range(12)), "n0", "n1", "unknown"],
            "gender": [*["F", "M"] * 7, None],
            "age": [*[30] * 14, None],
            "country": pl.Series([None] * 15, dtype=pl.String),
        }
    )


def test_a_new_user_is_answered_from_the_profile_alone_and_not_without_any(tmp_path: Path) -> None:
    model = small(strangers=0.5).fit(BOARD, users=people())
    model.save(tmp_path / "model")
    for each in (model, TwoTower.load(tmp_path / "model")):
        lists = each.recommend(["n0", "n1", "unknown", "nobody"], k=6)
        found = {user: set(rows["item_id"]) for (user,), rows in lists.group_by("user_id")}
        assert found == {"n0": {f"i{n}" for n in range(0, 12, 2)}, "n1": {f"i{n}" for n in range(1, 12, 2)}}


def test_a_known_user_whose_profile_is_unknown_is_answered_by_history() -> None:
    users = people().with_columns(pl.when(pl.col("user_id") != "u4").then("gender").alias("gender"))
    model = small(strangers=0.3).fit(checkerboard(12, 12, hide_diagonal=True), users=users)
    assert first(model, "u4", "u5") == ["i4", "i5"]
    assert model.vectors.shape == (12, 8)


def test_a_new_user_is_answered_from_the_moment_alone() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    rows = [(f"u{n}", f"{'ab'[hour > 12]}{n % 3}", start + timedelta(days=n, hours=hour))
            for n in range(30) for hour in (8, 20)]  # fmt: skip
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    log = log.with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))
    model = small(strangers=0.5, epochs=60).fit(log)
    late = start + timedelta(days=40)
    asked = [Query("am", "new", cut=late.replace(hour=8)), Query("pm", "new", cut=late.replace(hour=20)), "new"]
    lists = {query: {item[0] for item in rows["item_id"]} for (query,), rows in
             model.recommend(asked, k=3).group_by("query_id")}  # fmt: skip
    assert lists == {"am": {"a"}, "pm": {"b"}}


def test_items_held_out_say_when_to_stop() -> None:
    model = small(patience=2, epochs=50).fit(checkerboard(30, 20))
    assert model.curves is not None
    assert "validation ndcg@10" in model.curves["curve"].to_list()


def test_an_item_whose_only_choice_is_held_out_is_not_placed_by_an_id_drawn_by_lot() -> None:
    board = checkerboard(12, 12).drop("timestamp")
    train = pl.concat([board, board.head(1).with_columns(item_id=pl.lit("late"))])
    lists = [small(patience=patience, epochs=2).fit(train).recommend(["u1"], k=20) for patience in (1, None)]
    assert ["late" in each["item_id"] for each in lists] == [False, True]


@pytest.mark.parametrize(
    "options",
    [{"decay": 0}, {"id_dropout": 1.0}, {"strangers": -0.1}, {"temperature": 0.0}, {"length": 0}, {"attributes": []}],
    ids=lambda options: next(iter(options)),
)
def test_options_that_make_no_sense_are_refused(options: dict) -> None:
    with pytest.raises(UsageError):
        TwoTower(**options)


def test_a_damaged_profile_is_refused(tmp_path: Path) -> None:
    model = small(epochs=1).fit(BOARD, users=people())
    model.profiles = model.profiles + 7
    model.save(tmp_path / "model")
    with pytest.raises(DataError, match="profiles"):
        TwoTower.load(tmp_path / "model")
