"""Models that rank by what is known of items: the contract, cosines by hand, and items that say nothing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from boards import knowing_parity
from contract import RecommenderContract

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models import Blend, ContentAttributes, ContentNeighbours, KnowledgeGraph, NaiveBayes, Popularity
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.protocols import Query, Recommender

LOG = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["x", "y"]})


def scores(model: MatrixRecommender, history: str, items: str) -> list[float | None]:
    return model.score([Query("q", "new", history=list(history))], list(items))["score"].to_list()


def embeddings(**vectors: list) -> pl.DataFrame:
    return pl.DataFrame({"item_id": list(vectors), "vector": list(vectors.values())})


def tagged(**tags: list[str] | None) -> pl.DataFrame:
    schema = {"item_id": pl.String, "tags": pl.List(pl.String)}
    return pl.DataFrame({"item_id": list(tags), "tags": list(tags.values())}, schema=schema)


class TestContentNeighbours(RecommenderContract):
    def make(self) -> Recommender:
        board = {f"i{n}": [n % 2, 1 - n % 2] for n in range(40)}
        return ContentNeighbours(embeddings(**board))

    def test_it_is_the_cosine_to_the_decayed_mixture(self) -> None:
        model = ContentNeighbours(embeddings(x=[2, 0], y=[0, 3], z=[1, 1]), decay=0.5).fit(LOG, tagged(z=None))
        # lengths do not count: ½ (1, 0) + (0, 1), of length sqrt(5)/2
        found = scores(model, "xy", "xyz")
        assert found == pytest.approx([1 / math.sqrt(5), 2 / math.sqrt(5), 3 / math.sqrt(10)], rel=1e-5)

    def test_an_item_without_an_embedding_is_not_ranked_and_opposites_leave_nothing_to_say(self) -> None:
        model = ContentNeighbours(embeddings(x=[1, 0], y=[-1, 0], z=[0, 0]), decay=1).fit(LOG, tagged(z=None, w=None))
        assert scores(model, "x", "yzw") == [pytest.approx(-1), None, None]
        assert scores(model, "xy", "xy") == [None, None]
        assert scores(model, "z", "xy") == [None, None]

    def test_text_is_read_where_no_embeddings_are_given(self, tmp_path: Path) -> None:
        items = pl.DataFrame({"item_id": ["x", "y", "z"], "title": ["red fox", "blue hen", "the red fox"]})
        model = ContentNeighbours().fit(LOG, items)
        model.save(tmp_path / "model")
        for one in (model, ContentNeighbours.load(tmp_path / "model")):
            near, far = scores(one, "x", "zy")
            assert near is not None
            assert far is not None
            assert near > 0.5 > abs(far)

    @pytest.mark.parametrize("wrong", [math.nan, math.inf, None], ids=["NaN", "infinity", "null"])
    def test_embeddings_that_are_no_numbers_are_refused(self, wrong: float | None) -> None:
        with pytest.raises(DataError, match="nulls, NaN or infinity"):
            ContentNeighbours(embeddings(x=[1.0, wrong], y=[1.0, 1.0])).fit(LOG)

    def test_embeddings_of_other_items_are_refused(self) -> None:
        with pytest.raises(DataError, match="No item of the catalogue"):
            ContentNeighbours(embeddings(other=[1.0, 2.0])).fit(LOG)


class TestContentAttributes(RecommenderContract):
    def make(self) -> Recommender:
        return knowing_parity(ContentAttributes())

    def test_it_is_the_cosine_of_decayed_rare_labels(self) -> None:
        items = tagged(x=["a"], y=["a", "b"], z=["b"], w=["c"])
        model = ContentAttributes(["tags"], decay=0.5).fit(LOG, items)
        common = math.log(1 + 4 / 2)  # both a and b are labels of two of four items
        length = math.sqrt(2) * common
        user = np.array([0.5 + common / length, common / length])  # x, then y: ½ (1, 0) + (1, 1)/√2
        expected = [user[0], user.sum() / math.sqrt(2), user[1]] / np.linalg.norm(user)
        assert scores(model, "xy", "xyzw") == [*(pytest.approx(each, rel=1e-5) for each in expected), None]

    def test_a_rare_label_counts_more(self) -> None:
        items = tagged(x=["rare", "common"], y=["common"], z=["rare"], w=["common"], v=["common"])
        near, far = scores(ContentAttributes(["tags"]).fit(LOG, items), "x", "zw")
        # ln(1 + 5/2) against ln(1 + 5/4)
        assert near is not None
        assert far is not None
        assert near / far == pytest.approx(math.log(3.5) / math.log(2.25), rel=1e-5)


class TestNaiveBayes(RecommenderContract):
    def make(self) -> Recommender:
        return knowing_parity(NaiveBayes())

    def test_it_is_the_logarithm_of_bayes(self) -> None:
        log = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["x", "y", "z"]})
        model = NaiveBayes(["tags"]).fit(log, tagged(x=["a"], y=["a"], z=["b"], new=["a", "b"]))
        # P(u) = 2/3, P(v) = 1/3; P(a | u) = (2 + 1)/(2 + 2), P(b | u) = 1/4; P(a | v) = 1/3, P(b | v) = 2/3
        only_a = (2 / 3 * 3 / 4) / (2 / 3 * 3 / 4 + 1 / 3 * 1 / 3)
        both = (2 / 3 * 3 / 16) / (2 / 3 * 3 / 16 + 1 / 3 * 2 / 9)
        found = model.score(["u"], ["x", "new"])["score"].to_list()
        assert found == pytest.approx([math.log(only_a), math.log(both)], rel=1e-5)

    def test_the_posteriors_of_all_users_sum_to_one(self) -> None:
        log = pl.DataFrame({"user_id": list("uuvvw"), "item_id": list("xyyzz")})
        items = tagged(x=["a", "b"], y=["b"], z=["c"]).with_columns(category=pl.lit("one"))
        model = NaiveBayes(smoothing=0.3).fit(log, items)
        found = model.score(list("uvw"), list("xyz")).group_by("item_id").agg(pl.col("score").exp().sum())
        assert found["score"].to_list() == pytest.approx([1, 1, 1], rel=1e-5)

    def test_each_attribute_has_labels_of_its_own(self) -> None:
        log = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["x", "y"]})
        items = tagged(x=["a"], y=["b"]).with_columns(category=pl.Series(["a", "a"]))
        # The category is the same for all, so it says nothing: P(u | x) = (½ · 2/3) / (½ · 2/3 + ½ · 1/3)
        found = NaiveBayes(["tags", "category"]).fit(log, items).score(["u"], ["x"])["score"][0]
        assert found == pytest.approx(math.log(2 / 3), rel=1e-5)


MODELS = [ContentNeighbours, ContentAttributes, NaiveBayes, KnowledgeGraph]


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_without_a_table_of_items_it_says_what_to_do(kind: type[MatrixRecommender]) -> None:
    with pytest.raises(DataError, match=r"Call fit\(train, items=items\)"):
        kind().fit(LOG)


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_items_of_which_nothing_is_known_are_refused(kind: type[MatrixRecommender]) -> None:
    with pytest.raises(DataError):
        kind().fit(LOG, tagged(x=None, y=[]))


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_a_new_item_is_ranked_and_one_without_labels_is_not(kind: type[MatrixRecommender]) -> None:
    model = kind().fit(LOG, tagged(x=["fox"], y=["hen"], new=["fox"], bare=None))
    ranked = model.recommend([Query("q", "stranger", history=["x", "nowhere"])], k=9)["item_id"].to_list()
    assert ranked[0] == "new"
    assert "bare" not in ranked


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_a_catalogue_of_one_is_answered(kind: type[MatrixRecommender]) -> None:
    model = kind().fit(LOG.head(1), tagged(x=["fox"]))
    assert model.recommend(["u"], k=3).is_empty()
    assert model.recommend(["u"], k=3, exclude_seen=False)["item_id"].to_list() in (["x"], [])


@pytest.mark.parametrize(
    "make",
    [
        lambda: ContentNeighbours(decay=0), lambda: ContentAttributes(decay=1.5), lambda: ContentAttributes([]),
        lambda: ContentAttributes("tags"), lambda: NaiveBayes(smoothing=0), lambda: NaiveBayes("tags"),
        lambda: KnowledgeGraph(restart=1), lambda: KnowledgeGraph(steps=0), lambda: KnowledgeGraph(damping=-1),
    ],
    ids=range(9),
)  # fmt: skip
def test_options_out_of_range_are_refused(make) -> None:
    with pytest.raises(UsageError):
        make()


def test_in_a_blend_they_learn_from_the_same_table_of_items() -> None:
    log = pl.DataFrame({"user_id": list("abc"), "item_id": list("yyx")})
    items = tagged(x=["fox", "red"], y=["hen"], new=["fox", "red"], other=["fox", "sea"])
    blend = Blend([Popularity(), ContentAttributes(["tags"]), KnowledgeGraph()], [0.1, 1, 1]).fit(log, items)
    assert blend.recommend([Query("q", "stranger", history=["x"])], k=1)["item_id"].to_list() == ["new"]
