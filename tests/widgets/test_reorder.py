from __future__ import annotations

import numpy as np
import pytest
from small_shop import FILMS, events, items

from avrec_lib.widgets.item_facts import ItemFacts
from avrec_lib.widgets.pools import Pool
from avrec_lib.widgets.reorder import Sliders, reorder

FACTS = ItemFacts.of(events(), items())


def pool(*names: str) -> Pool:
    """The films in this order, scores falling evenly from 1 to 0."""
    return Pool(FACTS.places(names), np.linspace(1, 0, len(names)), np.full(len(names), -1))


def names(offer: Pool, sliders: Sliders, k: int = 3, **more) -> list[str]:
    return [str(FACTS.ids[place]) for place in offer.places[reorder(offer, FACTS, sliders, k, **more)]]


def test_sliders_at_0_leave_the_order_of_the_model() -> None:
    assert names(pool("comedy 4", "drama 1", "comedy 0"), Sliders()) == ["comedy 4", "drama 1", "comedy 0"]


@pytest.mark.parametrize(("slider", "first"), [("novelty", "comedy 1"), ("freshness", "comedy 4")])
def test_a_slider_at_1_orders_by_its_own_measure_alone(slider: str, first: str) -> None:
    # comedy 1 lacks users 1 and 7, comedy 4 only user 4, comedy 0 nobody; the years are 1990, 1991 and 1994.
    assert names(pool("comedy 0", "comedy 4", "comedy 1"), Sliders(**{slider: 1.0}))[0] == first


def test_diversity_is_maximal_marginal_relevance() -> None:
    offer, weight = pool(*FILMS), 0.6
    chosen: list[int] = []
    for _ in range(5):
        left = [place for place in range(len(FILMS)) if place not in chosen]
        nearest = {
            place: max((FACTS.similarity(offer.places[[place]], offer.places[[other]])[0, 0] for other in chosen),
                       default=0.0)
            for place in left
        }  # fmt: skip
        chosen.append(max(left, key=lambda place: (1 - weight) * offer.scores[place] - weight * nearest[place]))
    assert reorder(offer, FACTS, Sliders(diversity=weight), 5).tolist() == chosen


def test_the_tail_gets_its_share_of_every_beginning_of_the_list() -> None:
    is_tail = np.array([name.startswith("drama") for name in FACTS.ids])
    facts = ItemFacts(**{**vars(FACTS), "is_tail": is_tail})
    order = pool(*FILMS)
    shown = order.places[reorder(order, facts, Sliders(tail_share=0.5), 8)]
    tail = np.cumsum(is_tail[shown])
    assert (tail >= np.floor(0.5 * np.arange(1, 9))).all()
    assert tail[-1] == 4, "and no more than its share, where the model prefers the rest"


def test_hidden_items_are_left_out_and_lowered_ones_pull_down_what_is_near() -> None:
    offer = pool("comedy 1", "drama 1", "comedy 2")
    assert names(offer, Sliders(), hidden=FACTS.places(["comedy 1"])) == ["drama 1", "comedy 2"]
    assert names(offer, Sliders(), lowered=FACTS.places(["comedy 0"]))[0] == "drama 1"


def test_similarity_is_the_mean_of_tags_and_users_and_users_alone_without_tags() -> None:
    places = FACTS.places(["comedy 0", "comedy 1", "drama 0", "drama 5"])
    found = FACTS.similarity(places, places)
    users = {name: set(events().filter(item_id=name)["user_id"]) for name in FILMS}

    def cosine(one: str, other: str) -> float:
        return len(users[one] & users[other]) / np.sqrt(len(users[one]) * len(users[other]))

    assert found[0, 1] == pytest.approx((1 + cosine("comedy 0", "comedy 1")) / 2)
    assert found[0, 2] == 0
    assert found[2, 3] == pytest.approx(cosine("drama 0", "drama 5"))
