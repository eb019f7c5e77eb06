"""Stated interests: the contract, and scores that can be worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest
from boards import knowing_parity
from contract import RecommenderContract

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models import StatedInterests
from avrec_lib.models.promises import a_query_may_bring_its_own_history
from avrec_lib.protocols import Recommender

TRAIN = pl.DataFrame({"user_id": ["a", "b", "b"], "item_id": ["x", "x", "y"]})
ITEMS = pl.DataFrame(
    {"item_id": ["x", "y", "z", "w"], "tags": [["jazz"], ["funk"], ["jazz", "funk"], None]},
    schema_overrides={"tags": pl.List(pl.String)},
)


def stated(*rows: tuple[str, str, float]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), ["user_id", "label", "weight"], orient="row")


def scores(model: Recommender, user: str) -> dict[str, float]:
    return dict(model.recommend([user], k=9, exclude_seen=False).select("item_id", "score").iter_rows())


class TestStatedInterests(RecommenderContract):
    personal = False  # who stated nothing is given what most choose
    unkept = (a_query_may_bring_its_own_history,)  # as it is asked: what users stated, not what they did
    test_an_empty_history_is_answered_like_an_unknown_user = None  # what was stated is known without a history
    test_a_history_of_items_nobody_has_seen_is_an_empty_one = None

    def make(self) -> Recommender:
        said = [(f"u{n}", "odd" if n % 2 else "even", 1.0) for n in range(40)]
        return knowing_parity(StatedInterests(stated(*said)))

    def test_the_score_mixes_what_was_stated_with_popularity(self, tmp_path: Path) -> None:
        model = StatedInterests(stated(("n", "jazz", 2.0), ("n", "polka", 9.0)), popularity=0.2).fit(TRAIN, ITEMS)
        model.save(tmp_path / "model")
        for each in (model, StatedInterests.load(tmp_path / "model")):
            # two of four items have each tag, so both weigh the same; x has two users, y one
            expected = {"x": 0.8 + 0.2, "z": 0.8 / math.sqrt(2), "y": 0.2 / 2}
            assert scores(each, "n") == pytest.approx(expected)
            assert scores(each, "stranger") == pytest.approx({"x": 1, "y": 0.5})

    def test_weights_say_how_much(self) -> None:
        model = StatedInterests(stated(("n", "jazz", 3), ("n", "funk", 4)), popularity=0).fit(TRAIN, ITEMS)
        assert scores(model, "n") == pytest.approx({"x": 3 / 5, "y": 4 / 5, "z": 7 / 5 / math.sqrt(2)})

    def test_what_makes_no_sense_is_refused(self) -> None:
        with pytest.raises(UsageError, match="share from 0 to 1"):
            StatedInterests(popularity=2)
        with pytest.raises(DataError, match=r"Call fit\(train, items=items\)"):
            StatedInterests().fit(TRAIN)
