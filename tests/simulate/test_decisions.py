from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from avrec_lib.protocols import Policy, Requests
from avrec_lib.simulate.decisions import LOGGING, ScoredPolicy

SCORES = np.log([1.0, 2.0, 5.0])


def of_scores(requests: Requests, candidates: np.ndarray) -> np.ndarray:
    return np.broadcast_to(SCORES[: candidates.shape[-1]], (len(requests), candidates.shape[-1]))


def test_it_is_a_policy() -> None:
    assert isinstance(LOGGING, Policy)


def test_probabilities_are_the_softmax_mixed_with_an_even_choice() -> None:
    policy = ScoredPolicy("p", of_scores, exploration=0.4)
    found = policy.probabilities(Requests(np.arange(2)), np.array([7, 8, 9]))
    expected = [0.6 * 1 / 8 + 0.4 / 3, 0.6 * 2 / 8 + 0.4 / 3, 0.6 * 5 / 8 + 0.4 / 3]
    assert found == pytest.approx(np.array([expected, expected]))


def test_a_temperature_is_a_power_of_the_odds() -> None:
    policy = ScoredPolicy("p", of_scores, temperature=0.5)
    assert policy.probabilities(Requests(np.arange(1)), np.arange(3))[0] == pytest.approx(np.array([1, 4, 25]) / 30)


@pytest.mark.parametrize("exploration", [0.0, 0.3, 1.0])
def test_slates_come_as_often_as_their_propensities_say(exploration: float) -> None:
    policy, n = ScoredPolicy("p", of_scores, exploration=exploration), 30_000
    slates, propensities = policy.act(Requests(np.arange(n)), np.arange(3), np.random.default_rng(0), slots=3)

    def place(above: list[int], item: int) -> float:
        left = [other for other in range(3) if other not in above]
        softmax = np.exp(SCORES[item]) / np.exp(SCORES[left]).sum()
        return (1 - exploration) * softmax + exploration / len(left)

    for slate in permutations(range(3)):
        chain = [place(list(slate[:slot]), slate[slot]) for slot in range(3)]
        same = (slates == slate).all(1)
        assert np.allclose(propensities[same], chain)
        assert same.mean() == pytest.approx(np.prod(chain), abs=4 * np.sqrt(0.25 / n))


def test_a_slate_repeats_nothing_even_when_a_score_is_out_of_all_proportion() -> None:
    policy = ScoredPolicy("p", lambda requests, candidates: np.array([[0.0, 0.0, 9000.0, 0.0]]))
    slates, propensities = policy.act(Requests(np.arange(500)), np.arange(4), np.random.default_rng(1), slots=4)
    assert (np.sort(slates, axis=1) == np.arange(4)).all()
    assert np.isfinite(propensities).all()
    assert propensities[0] == pytest.approx([1, 1 / 3, 1 / 2, 1])


def test_candidates_may_be_each_requests_own() -> None:
    candidates = np.array([[10, 11, 12], [20, 21, 22]])
    slates, _ = LOGGING_LIKE.act(Requests(np.arange(2)), candidates, np.random.default_rng(0), slots=3)
    assert [sorted(row) for row in slates.tolist()] == candidates.tolist()


LOGGING_LIKE = ScoredPolicy("p", of_scores, exploration=0.1)
