"""LightGCN without users: the contract, what it reaches, and what it gives to others."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract, checkerboard

from avrec_lib.data.triples import Graph
from avrec_lib.errors import DataError, UsageError
from avrec_lib.models import EASE, Blend, ContentNeighbours, LearnedRanker, LightGCN
from avrec_lib.protocols import Query, Recommender


def tiny(**options) -> LightGCN:
    return LightGCN(**{"width": 8, "epochs": 6, "batch": 64, "threads": 1, **options})


class TestLightGCN(RecommenderContract):
    def make(self) -> Recommender:
        return tiny()

    def test_a_catalogue_of_one_item(self) -> None:
        with pytest.raises(DataError, match="no user of this log has two items"):
            tiny().fit(checkerboard(1, 1))

    def test_it_can_stop_where_validation_says(self) -> None:
        model = tiny(patience=2, epochs=40).fit(checkerboard(12, 12, hide_diagonal=True))
        assert set(model.curves["curve"]) == {"train loss", "gradient norm", "validation ndcg@10"}


def board_with_labels(*new: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Choices of a checkerboard of 12 items, and a table of these and `new` items: tagged even or odd as they are."""
    items = [f"i{n}" for n in range(12)] + list(new)
    tags = [["odd" if int("".join(filter(str.isdigit, item))) % 2 else "even"] for item in items]
    return checkerboard(12, 12, hide_diagonal=True), pl.DataFrame({"item_id": items, "tags": tags})


def graph_of_parity(*items: str) -> Graph:
    triples = pl.DataFrame(
        [(item, "is", "odd" if int(item[1:]) % 2 else "even") for item in items], ["head", "relation", "tail"],
        orient="row",
    )  # fmt: skip
    return Graph(triples, pl.DataFrame({"item_id": items, "entity": items}))


@pytest.mark.parametrize("relation", ["labels", "knowledge graph"])
def test_new_items_are_reached_by_what_they_share_and_by_nothing_else(relation: str) -> None:
    train, items = board_with_labels("n12", "n13")
    items = pl.concat([items, pl.DataFrame({"item_id": ["alone"], "tags": [["unheard of"]]})])
    graph = graph_of_parity(*items["item_id"].to_list()[:-1]) if relation == "knowledge graph" else None
    model = tiny(relations=("co-choice", relation), graph=graph, epochs=20).fit(train, items=items)
    new = ["n12", "n13", "alone"]
    ranked = model.recommend(["u4", "u5"], k=3, candidates=new)
    assert "alone" not in ranked["item_id"]
    first = ranked.filter(rank=1)["item_id"].to_list()
    assert first == ["n12", "n13"]  # users of even items, and of odd ones
    assert tiny().fit(train, items=items).recommend(["u4"], k=3, candidates=new).is_empty()


def test_the_table_of_items_makes_the_graph_where_none_is_given() -> None:
    train, items = board_with_labels("n12")
    model = tiny(relations=("knowledge graph",)).fit(train, items=items)
    assert model.recommend(["u4"], k=1, candidates=["n12"]).height == 1


def test_a_known_user_is_answered_like_a_stranger_with_the_same_history() -> None:
    train = checkerboard(12, 12, hide_diagonal=True)
    model = tiny().fit(train)
    own = train.filter(user_id="u4")["item_id"].to_list()
    known, strange = (model.recommend([query], k=5) for query in ("u4", Query("q", "new", history=own)))
    assert known["item_id"].equals(strange["item_id"])
    assert known["score"].to_list() == pytest.approx(strange["score"].to_list(), rel=1e-5)


def test_the_score_is_the_sum_of_what_was_chosen_less_of_what_was_chosen_long_ago() -> None:
    model = tiny(decay=0.5).fit(checkerboard(12, 12, hide_diagonal=True))
    rows = dict(zip(model._fitted().item_ids, range(12), strict=True))
    older, newer, asked = (rows[item] for item in ("i1", "i3", "i5"))
    state = sum(weight * model.scales[row] * model.vectors[row] for weight, row in ((0.5, older), (1.0, newer)))
    found = model.score([Query("q", "new", history=["i1", "i3"])], ["i5"])["score"].item()
    assert found == pytest.approx(state @ model.vectors[asked] / np.sqrt(1.5), rel=1e-4)


def test_its_embeddings_are_a_source_of_candidates_and_it_is_one_itself() -> None:
    train = checkerboard(20, 20, hide_diagonal=True)
    model = tiny(epochs=20).fit(train)
    embeddings = model.item_embeddings()
    assert embeddings.height == 20 and embeddings["vector"].list.len().unique().to_list() == [8]
    users = [f"u{n}" for n in range(20)]
    for source in (
        ContentNeighbours(embeddings=embeddings),
        Blend([tiny(), EASE(1.0)]),
        LearnedRanker([tiny(), EASE(1.0)], questions=2, trees=5),
    ):
        top = source.fit(train).recommend(users, k=1)
        assert top["item_id"].to_list() == [f"i{n}" for n in range(20)]


def test_relations_are_weighed_by_what_was_learned_and_stand_in_one_order() -> None:
    train, items = board_with_labels()
    model = tiny(relations=("labels", "co-choice")).fit(train, items=items)
    assert model.relations == ("co-choice", "labels")
    assert model.shares.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"relations": ("labelz",)}, "no relation named 'labelz'"),
        ({"relations": ()}, "one relation or more"),
        ({"loss": "hinge"}, "no loss named 'hinge'"),
        ({"hidden": 1.0}, "hidden between 0 and 1"),
        ({"decay": 0.0}, "decay above 0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LightGCN(**options)


def test_an_item_whose_only_choice_is_held_out_is_not_ranked_by_vectors_drawn_by_lot() -> None:
    # Without the relation of choices nothing reaches an item but what was learned of it, and labels.
    train, items = board_with_labels()
    late = pl.DataFrame({"user_id": ["u0", "u1"], "item_id": ["late", "later"]})
    late = late.with_columns(pl.lit(train["timestamp"].max()).cast(train["timestamp"].dtype).alias("timestamp"))
    train = pl.concat([train.select("user_id", "item_id", "timestamp"), late])
    stopped = tiny(relations=("labels",), patience=3).fit(train, items=items)
    assert not {"late", "later"} & set(stopped.item_embeddings()["item_id"])
    whole = tiny(relations=("labels",)).fit(train, items=items)
    assert {"late", "later"} <= set(whole.item_embeddings()["item_id"])


def test_labels_need_a_table_of_items() -> None:
    with pytest.raises(DataError, match="no table of items"):
        tiny(relations=("labels",)).fit(checkerboard(4, 4))


def test_a_graph_of_other_items_is_refused() -> None:
    with pytest.raises(DataError, match="No item of the catalogue is linked"):
        tiny(relations=("knowledge graph",), graph=graph_of_parity("n1", "n2")).fit(checkerboard(4, 4))
