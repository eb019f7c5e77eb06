"""What slates are worth by a model: the mean over every slate there is, each as often as the law draws it."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from avrec_lib.policies.slate_laws import BestFirst, Mixture, PlackettLuce
from avrec_lib.policies.slate_values import expected_rewards

WEIGHTS = np.array([4.0, 2.0, 1.0, 1.0])
MODEL = np.arange(1.0, 9.0).reshape(2, 4) ** 2
"""Rewards of four candidates at two places."""


def by_every_slate() -> float:
    total = 0.0
    for first, second in permutations(range(4), 2):
        chance = WEIGHTS[first] / 8 * WEIGHTS[second] / (8 - WEIGHTS[first])
        total += chance * (MODEL[0, first] + MODEL[1, second])
    return total


def test_many_draws_come_near_the_mean_over_all_slates() -> None:
    n = 4000
    law = PlackettLuce(np.tile(np.log(WEIGHTS), (n, 1)))
    models = [np.tile(MODEL, (n, 1, 1)), np.ones((n, 2, 4))]
    values, ones = expected_rewards(law, models, np.random.default_rng(0), draws=2)
    assert values.mean() == pytest.approx(by_every_slate(), abs=4 * values.std() / np.sqrt(n))
    assert ones == pytest.approx(2.0), "two places of one each, whatever is drawn"


def test_without_chance_one_draw_is_exact() -> None:
    law = BestFirst(np.array([[0.0, 3.0, 2.0, 1.0]]))
    values = expected_rewards(law, [MODEL[None]], np.random.default_rng(0))[0]
    assert values.tolist() == [MODEL[0, 1] + MODEL[1, 2]]


def test_the_first_place_needs_no_draw() -> None:
    law = Mixture(PlackettLuce(np.log(WEIGHTS)[None]), 0.5)
    value = expected_rewards(law, [MODEL[None, :1]], np.random.default_rng(0))[0]
    assert value[0] == pytest.approx((0.5 * WEIGHTS / 8 + 0.5 / 4) @ MODEL[0])
