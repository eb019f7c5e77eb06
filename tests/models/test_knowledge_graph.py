"""A walk over a knowledge graph: the contract, and chances that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract

from avrec_lib.data.triples import Graph
from avrec_lib.errors import DataError
from avrec_lib.models import KnowledgeGraph
from avrec_lib.protocols import Query, Recommender


def graph(*facts: str, **links: str) -> Graph:
    """Facts such as "x by ann", and item_id=entity; without links the one-letter heads are the items."""
    triples = pl.DataFrame([fact.split() for fact in facts], ["head", "relation", "tail"], orient="row")
    items = links or {name: name for name in triples["head"].unique(maintain_order=True)}
    return Graph(triples, pl.DataFrame({"item_id": list(items), "entity": list(items.values())}))


def scores(model: KnowledgeGraph, history: str, items: str) -> list[float]:
    found = model.score([Query("q", "new", history=list(history))], list(items))["score"]
    return found.fill_null(0).to_list()


def log(items: str) -> pl.DataFrame:
    return pl.DataFrame({"user_id": ["u"] * len(items), "item_id": list(items)})


class TestKnowledgeGraph(RecommenderContract):
    def make(self) -> Recommender:
        facts = [f"i{n} is {('even', 'odd')[n % 2]}" for n in range(40)]
        return KnowledgeGraph(graph(*facts))

    def test_two_steps_of_a_walk(self) -> None:
        facts = graph("x by ann", "y by ann", "x in 1999", "y in 1999", "z in 1999")
        model = KnowledgeGraph(facts, restart=0, steps=2).fit(log("xyz"))
        # from x by either relation ½; from ann to x and y ½ each; from 1999 to x, y and z a third each
        third = 1 / 3
        assert scores(model, "x", "xyz") == pytest.approx([0.25 + third / 2, 0.25 + third / 2, third / 2], rel=1e-5)

    def test_the_walk_starts_again_with_the_chance_of_a_restart(self) -> None:
        model = KnowledgeGraph(graph("x by ann", "y by ann"), restart=0.2, steps=2).fit(log("xy"))
        # p₁ = .2 x + .8 ann; p₂ = .8 (.2 ann + .4 x + .4 y) + .2 x
        assert scores(model, "x", "xy") == pytest.approx([0.8 * 0.4 + 0.2, 0.8 * 0.4], rel=1e-5)

    def test_each_relation_has_the_same_say_however_many_edges_it_has(self) -> None:
        cast = [f"{film} cast a{n}" for film in "xy" for n in (1, 2, 3)]
        facts = graph(*cast, "x by ann", "z by ann")
        found = scores(KnowledgeGraph(facts, restart=0, steps=2).fit(log("xyz")), "x", "yz")
        assert found == pytest.approx([0.25, 0.25], rel=1e-5)

    def test_what_many_share_says_less_where_it_is_damped(self) -> None:
        facts = graph("x of rare", "y of rare", "x of wide", *(f"{name} of wide" for name in "yzvw"))
        model = KnowledgeGraph(facts, restart=0, steps=2, damping=1).fit(log("xyzvw"))
        # rare has 2 edges and wide 5: chances ½ and ⅕, brought to 5/7 and 2/7
        assert scores(model, "x", "z") == pytest.approx([2 / 7 / 5], rel=1e-5)

    def test_older_items_start_with_less(self) -> None:
        facts = graph("x by ann", "a by ann", "y by bob", "b by bob")
        model = KnowledgeGraph(facts, restart=0, steps=2, decay=0.5).fit(log("xyab"))
        assert scores(model, "xy", "ab") == pytest.approx([1 / 6, 1 / 3], rel=1e-5)

    def test_a_fact_told_from_both_sides_is_one_edge_and_a_dead_end_is_none(self) -> None:
        plain = graph("x by ann", "y by ann", "x in 1999", "z in 1999")
        told = graph(
            "x by ann", "ann wrote x", "y by ann", "x in 1999", "z in 1999", "x about nothing", "x is x",
            **dict(zip("xyz", "xyz", strict=True)),
        )  # fmt: skip
        one, other = (scores(KnowledgeGraph(each).fit(log("xyz")), "x", "xyz") for each in (plain, told))
        assert one == pytest.approx(other)

    def test_it_is_personalised_pagerank_in_the_long_run(self) -> None:
        rng = np.random.default_rng(0)
        facts = {f"{item} of e{entity}" for item in "vwxyz" for entity in rng.integers(0, 4, 3)}
        model = KnowledgeGraph(graph(*sorted(facts)), restart=0.3, steps=60).fit(log("vwxyz"))
        walk = model._backwards.toarray().astype(float)  # column v: the chances to go on from v
        start = (model._links.toarray()[model._fitted().rows_of(["x"])][0]).astype(float)
        exact = 0.3 * np.linalg.solve(np.eye(len(walk)) - 0.7 * walk, start)
        expected = model._links.toarray()[model._fitted().item_rows.sort("item_id")["item_row"].to_numpy()] @ exact
        assert scores(model, "x", "vwxyz") == pytest.approx(expected, rel=1e-4, abs=1e-7)

    def test_items_are_linked_by_any_number_of_entities(self) -> None:
        facts = graph("m1 by ann", "m2 by bob", "m3 by ann", x="m1", y="m3")
        facts = Graph(facts.triples, pl.concat([facts.links, pl.DataFrame({"item_id": ["x"], "entity": ["m2"]})]))
        # half of x starts at m2, whose bob leads nowhere else
        assert scores(KnowledgeGraph(facts, restart=0, steps=2).fit(log("xy")), "x", "y") == pytest.approx([0.25])


def test_a_graph_of_other_items_is_refused() -> None:
    with pytest.raises(DataError, match="No item of the catalogue"):
        KnowledgeGraph(graph("x by ann")).fit(log("ab"))
