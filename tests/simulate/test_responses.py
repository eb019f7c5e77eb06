from __future__ import annotations

import numpy as np
import pytest

from avrec_lib.simulate.catalogue import START_SECONDS
from avrec_lib.simulate.chance import keys, sigmoid
from avrec_lib.simulate.responses import Moment, attraction, examination, respond, true_match
from avrec_lib.simulate.world import make_world

N = 40_000


def moment(taste: list[float], platform: int = 0, hour: float = 13.0) -> Moment:
    return Moment(
        np.tile(np.array(taste, np.float32), (N, 1)), np.full(N, platform), np.full(N, hour),
        np.full(N, START_SECONDS), keys(0, np.arange(N)),
    )  # fmt: skip


def test_a_place_is_looked_at_with_its_number_to_the_minus_steepness() -> None:
    options = make_world("video", steepness=(1.0, 0.5, 0.0)).options
    found = examination(options, np.array([0, 1, 2]), 4)
    assert found == pytest.approx(np.array([[1, 1 / 2, 1 / 3, 1 / 4], [1, 2**-0.5, 3**-0.5, 1 / 2], [1, 1, 1, 1]]))


def test_a_match_is_the_blend_of_the_tastes_for_an_items_two_topics() -> None:
    world = make_world("video", items=80, topics=3, candidates=20, mood_to_click=0.0)
    catalogue, taste = world.catalogue, [0.5, -1.0, 2.0]
    found = true_match(world, moment(taste), np.tile(np.arange(5), (N, 1)))[0]
    first, second = (np.array(taste)[topic[:5]] for topic in (catalogue.topic, catalogue.second_topic))
    expected = catalogue.blend[:5] * first + (1 - catalogue.blend[:5]) * second
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_chance_of_a_click_is_the_sigmoid_of_its_terms() -> None:
    world = make_world("video", items=80, topics=3, candidates=20, newness_to_click=0.0, length_to_click=0.0)
    items, match, known = np.array([[3, 4]]), np.array([[0.7, -0.2]]), np.array([[False, True]])
    glow = np.linspace(-1, 1, 80)
    one = Moment(np.zeros((1, 3)), np.zeros(1, int), np.array([13.0]), np.array([START_SECONDS]), keys(0, np.arange(1)))
    found = attraction(world, one, items, match, glow, known)
    appeal = world.hidden.appeal
    expected = [
        -2.6 + 1.0 * 0.7 + 0.6 * appeal[3] + 0.25 * glow[3],
        -2.6 - 1.0 * 0.2 + 0.6 * appeal[4] + 0.25 * glow[4] - 3.5,
    ]
    assert found[0] == pytest.approx(sigmoid(np.array(expected)), rel=1e-5)


def test_clicks_come_as_often_as_look_times_attraction_says_and_only_after_a_look() -> None:
    world = make_world("video", items=80, topics=3, candidates=20)
    items, glow = np.tile(np.array([5, 6, 7]), (N, 1)), np.zeros(80)
    here = moment([1.0, 0.0, 0.5])
    known = np.zeros(items.shape, bool)
    done = respond(world, here, items, glow, known)
    chance = attraction(world, here, items, true_match(world, here, items), glow, known)
    expected = (examination(world.options, here.platform, 3) * chance)[0]
    assert done.clicked.mean(0) == pytest.approx(expected, abs=4 * np.sqrt(0.25 / N))
    assert not (done.clicked & ~done.looked).any()


def test_nobody_watches_longer_than_the_item_or_without_a_click() -> None:
    world = make_world("video", items=80, topics=3, candidates=20, click=0.0)
    items = np.tile(np.arange(6), (N, 1))
    done = respond(world, moment([0.0, 0.0, 0.0]), items, np.zeros(80), np.zeros(items.shape, bool))
    assert (done.watched[~done.clicked] == 0).all() and (done.watched[done.clicked] > 0).all()
    assert (done.watched <= world.catalogue.seconds[items]).all()
    assert not ((done.liked | done.shared) & ~done.clicked).any()


def test_a_better_match_is_watched_longer_and_enjoyed_more() -> None:
    world = make_world("video", items=80, topics=3, candidates=20, click=0.0, mood_to_click=0.0)
    items = np.tile(np.arange(6), (N, 1))
    low, high = (
        respond(world, moment([taste] * 3), items, np.zeros(80), np.zeros(items.shape, bool)) for taste in (-1.0, 1.0)
    )
    assert high.watched[high.clicked].mean() > 1.3 * low.watched[low.clicked].mean()
    assert high.experience.mean() > low.experience.mean()


def test_watching_one_item_ends_before_the_next_is_clicked() -> None:
    world = make_world("video", items=80, topics=3, candidates=20, click=2.0)
    items = np.tile(np.arange(6), (N, 1))
    done = respond(world, moment([0.0] * 3), items, np.zeros(80), np.zeros(items.shape, bool))
    ends = done.at + done.watched
    assert (done.at[:, 1:] > ends[:, :-1]).all() and (done.busy > ends[:, -1]).all()
