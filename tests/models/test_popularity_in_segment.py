"""Popularity among users alike, and of items alike: the contract, and answers that can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from contract import RecommenderContract, checkerboard

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models import ItemSegmentPopularity, SegmentPopularity
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import shared_labels
from avrec_lib.protocols import Recommender

TRAIN = pl.DataFrame({"user_id": list("abcde"), "item_id": list("xxyyy")})
USERS = pl.DataFrame({"user_id": list("abcdn"), "gender": ["F", "F", "M", "M", "F"]})  # n chose nothing, e is not here


def scores(model: Recommender, user: str) -> dict[str, float]:
    return dict(model.recommend([user], k=9, exclude_seen=False).select("item_id", "score").iter_rows())


class TestSegmentPopularity(RecommenderContract):
    personal = False
    test_the_withheld_item_ranks_first = None

    def make(self) -> Recommender:
        return SegmentPopularity(["gender"], smoothing=5)

    def fitted(self) -> Recommender:
        users = pl.DataFrame({"user_id": [f"u{n}" for n in range(12)], "gender": ["F"] * 12})
        return self.make().fit(checkerboard(12, 12, hide_diagonal=True), users=users)

    def test_the_score_is_the_share_in_the_segment_drawn_towards_that_among_all(self, tmp_path: Path) -> None:
        model = self.make().fit(TRAIN, users=USERS)
        model.save(tmp_path / "model")
        for each in (model, SegmentPopularity.load(tmp_path / "model")):
            # Two choices by F, both of x; two by M, both of y; of all five x has 2 and y 3.
            woman = {"x": (2 + 5 * 0.4) / (2 + 5), "y": (0 + 5 * 0.6) / (2 + 5)}
            assert scores(each, "a") == pytest.approx(woman)
            assert scores(each, "n") == pytest.approx(woman)
            assert scores(each, "c") == pytest.approx({"x": (0 + 5 * 0.4) / 7, "y": (2 + 5 * 0.6) / 7})
            assert scores(each, "e") == scores(each, "stranger") == pytest.approx({"x": 0.4, "y": 0.6})

    def test_users_of_one_decade_are_a_segment(self) -> None:
        ages = pl.DataFrame({"user_id": list("abcde"), "age": [20, 29, 30, 39, None]})
        model = SegmentPopularity(["age_band"], smoothing=1).fit(TRAIN, users=ages)
        assert scores(model, "a") == scores(model, "b") != scores(model, "c") == scores(model, "d")
        born = pl.DataFrame({"user_id": ["u0", "u1", "u2"], "birth_year": [2004, 1995, 1994]})  # 20, 29 and 30 in 2024
        model = SegmentPopularity(["age_band"], smoothing=1).fit(checkerboard(3, 4), users=born)
        assert model.segments.tolist() == [0, 0, 1]

    def test_a_table_in_which_nobody_has_a_segment_is_refused(self) -> None:
        with pytest.raises(DataError, match="country"):
            SegmentPopularity(["gender", "country"]).fit(TRAIN, users=USERS)

    def test_options_that_make_no_sense_are_refused(self) -> None:
        with pytest.raises(UsageError, match="smoothing"):
            SegmentPopularity(smoothing=0)
        with pytest.raises(UsageError, match="list of columns"):
            SegmentPopularity("gender")
        with pytest.raises(UsageError, match="Did you mean gender"):
            SegmentPopularity(["gendre"]).fit(TRAIN, users=USERS)


class TestItemSegmentPopularity(RecommenderContract):
    personal = False
    test_the_withheld_item_ranks_first = None

    def make(self) -> Recommender:
        return ItemSegmentPopularity()

    def test_an_item_nobody_chose_has_the_mean_popularity_of_those_like_it(self) -> None:
        train = pl.DataFrame({"user_id": list("abcdaba"), "item_id": list("ppppqqr")})
        items = pl.DataFrame(
            {
                "item_id": ["p", "q", "r", "new", "strange"],
                "creator_id": ["A", "A", "B", "A", "C"],
                "tags": [["war"], [], ["war"], ["war", None], None],
            }
        )
        mean = 7 / 3  # of 4, 2 and 1
        creator, tag = (4 + 2 + mean) / (2 + 1), (4 + 1 + mean) / (2 + 1)
        model = ItemSegmentPopularity(smoothing=1).fit(train, items)
        expected = {"p": 4, "new": (creator + tag) / 2, "strange": mean, "q": 2, "r": 1}
        assert scores(model, "stranger") == pytest.approx(expected)

    def test_options_that_make_no_sense_are_refused(self) -> None:
        with pytest.raises(UsageError, match="smoothing"):
            ItemSegmentPopularity(smoothing=-1)
        with pytest.raises(UsageError, match="Did you mean tags"):
            ItemSegmentPopularity(["tag"]).fit(TRAIN, pl.DataFrame({"item_id": ["x"]}))


def test_values_that_no_two_items_share_are_left_out() -> None:
    items = pl.DataFrame(
        {"item_id": ["x", "y", "z"], "category": ["war", "war", "love"], "tags": [["war", "war"], ["love"], ["war"]]}
    )
    log = Interactions.of(TRAIN, items)
    found = shared_labels(log, ["category", "tags"]).toarray()
    places = {item: row for row, item in enumerate(log.item_ids)}
    wanted = [[item in pair for item in sorted(places, key=places.__getitem__)] for pair in ({"x", "y"}, {"x", "z"})]
    assert found.tolist() == wanted  # category war, then tag war
    assert shared_labels(Interactions.of(TRAIN)).shape == (0, 2)
    strange = pl.DataFrame({"item_id": ["x", "y"], "category": ["war", "love"], "tags": [None, []]})
    assert shared_labels(Interactions.of(TRAIN, strange)).shape == (0, 2)
