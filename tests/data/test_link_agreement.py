from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.data.link_agreement import LinkAgreement, link_agreement
from avrec_lib.data.triples import Graph

TAGS = ["drama", "comedy", "crime", "western", "musical"]
ITEMS = pl.DataFrame({"item_id": [f"i{n}" for n in range(60)], "tags": [[TAGS[n % 5]] for n in range(60)]})
# The items i, i + 5 and so on of one director are of one tag.
DIRECTED = [(f"m{n}", "directed by", f"d{n % 5}.{n // 15}") for n in range(60)]
TRIPLES = pl.DataFrame(DIRECTED, ["head", "relation", "tail"], orient="row")


def linked(entities: list[int]) -> Graph:
    links = pl.DataFrame({"item_id": ITEMS["item_id"], "entity": [f"m{n}" for n in entities]})
    return Graph(TRIPLES, links)


def test_items_of_one_director_share_their_tag_where_the_links_are_right():
    found = link_agreement(linked(list(range(60))), ITEMS)
    # 20 directors with three films each: three pairs in a circle, all of one tag; 11 of 59 others have the same
    assert (found.pairs, found.share, found.agrees) == (60, 1.0, True)
    assert found.chance is not None
    assert abs(found.chance - 11 / 59) < 0.02


def test_links_that_name_other_items_look_like_chance():
    shuffled = np.random.default_rng(4).permutation(60).tolist()
    found = link_agreement(linked(shuffled), ITEMS)
    assert found.share is not None
    assert found.share < 0.4
    assert found.agrees is False


def test_without_a_shared_entity_nothing_can_be_said():
    assert link_agreement(Graph(TRIPLES.head(2), linked(list(range(60))).links.head(2)), ITEMS) == LinkAgreement(0)
    assert LinkAgreement(0).agrees is None
