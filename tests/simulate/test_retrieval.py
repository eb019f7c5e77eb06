from __future__ import annotations

import numpy as np
import pytest

from avrec_lib.simulate.chance import keys
from avrec_lib.simulate.people import LATEST
from avrec_lib.simulate.retrieval import retrieve, shelves_of
from avrec_lib.simulate.world import make_world

REQUESTS = 3000


def candidates_of(observed: np.ndarray | None = None, latest: int = -1, **changes: float) -> np.ndarray:
    only = {"popular_share": 0.0, "taste_share": 0.0, "new_share": 0.0, "known_share": 0.0} | changes
    world = make_world("video", items=800, topics=4, **only)
    taste = np.ones((REQUESTS, 4)) if observed is None else np.tile(observed, (REQUESTS, 1))
    shelves = shelves_of(world.options, world.catalogue, popularity_of(world), 3)
    own = np.full((REQUESTS, LATEST), latest, np.int32)
    return retrieve(world.options, shelves, taste, own, keys(0, np.arange(REQUESTS)))


def popularity_of(world) -> np.ndarray:
    return world.hidden.starting_popularity + 0.01


def test_candidates_are_distinct_in_order_and_out() -> None:
    world = make_world("video", items=800, topics=4)
    found = candidates_of(popular_share=0.6, taste_share=0.3, new_share=0.1)
    assert found.shape == (REQUESTS, 60)
    assert (np.diff(found, axis=1) > 0).all()
    assert found.min() >= 0 and found.max() < shelves_of(world.options, world.catalogue, popularity_of(world), 3).out


def test_without_shelves_every_item_that_is_out_comes_equally_often() -> None:
    found = candidates_of()
    counts = np.bincount(found.ravel())
    assert counts.mean() == pytest.approx(REQUESTS * 60 / len(counts))
    assert counts.std() / counts.mean() < 0.1


def test_popular_items_come_more_often() -> None:
    world = make_world("video", items=800, topics=4)
    counts = np.bincount(candidates_of(popular_share=0.5).ravel())
    popularity = popularity_of(world)[: len(counts)]
    assert np.corrcoef(np.log(popularity), counts)[0, 1] > 0.8


def test_a_taste_brings_its_topic() -> None:
    topic = make_world("video", items=800, topics=4).catalogue.topic
    found = candidates_of(np.array([0, 0, 1.0, 0]), taste_share=0.5)
    alone = candidates_of()
    assert (topic[found] == 2).mean() > (topic[alone] == 2).mean() + 0.2


def test_what_a_user_chose_last_comes_back_where_people_repeat() -> None:
    assert (candidates_of(latest=17, known_share=0.2) == 17).any(1).all()
    assert not (candidates_of(latest=17) == 17).any(1).all()


def test_with_no_number_of_candidates_everything_is_one() -> None:
    found = candidates_of(candidates=0)
    assert found.ndim == 1 and (found == np.arange(len(found))).all()
