"""Slates against enumeration: the chance of every ordered slate of three or four items is written out and compared."""

from itertools import permutations

import numpy as np
import pytest

from avrec_lib.errors import DataError, UsageError
from avrec_lib.policies import EpsilonMix, Fixed, Greedy, SlatePolicy, SoftmaxScores, Uniform, slot_probabilities
from avrec_lib.protocols import Policy, Requests

ONE = Requests(np.zeros(1, dtype=int))
ITEMS = np.arange(4)
SHARES = np.array([0.5, 0.3, 0.15, 0.05])


def asked(count: int) -> Requests:
    return Requests(np.zeros(count, dtype=int))


def softmax(temperature: float = 1.0) -> SoftmaxScores:
    """Chances of the first slot are SHARES at temperature 1."""
    scores = np.log(SHARES)
    return SoftmaxScores(lambda requests, items: np.tile(scores[items], (len(requests), 1)), temperature)


class FirstAgain:
    """A stranger's policy: by protocol only."""

    name = "stranger"

    def probabilities(self, requests, candidates):
        return np.tile(SHARES[candidates], (len(requests), 1))

    def act(self, requests, candidates, rng, slots=1):
        raise NotImplementedError


def chance_by_hand(slate: tuple[int, ...], epsilon: float = 0.0) -> list[float]:
    """Each slot: (1 − ε) · share / Σ shares left + ε / number left."""
    left, chances = dict(enumerate(SHARES)), []
    for item in slate:
        chances.append((1 - epsilon) * left[item] / sum(left.values()) + epsilon / len(left))
        del left[item]
    return chances


@pytest.mark.parametrize("slots", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("policy", "epsilon"),
    [
        (softmax(), 0.0), (Fixed(SHARES * 7), 0.0), (EpsilonMix(softmax(), 0.3), 0.3),
        (EpsilonMix(FirstAgain(), 0.2), 0.2),
    ],
    ids=["softmax", "fixed", "softmax with a mix", "a stranger's with a mix"],
)  # fmt: skip
def test_the_propensities_of_every_slate_are_those_of_the_enumeration_and_sum_to_one(policy, epsilon, slots):
    slates = np.array(list(permutations(range(4), slots)))
    by_hand = np.array([chance_by_hand(tuple(slate), epsilon) for slate in slates])
    computed = slot_probabilities(policy, asked(len(slates)), ITEMS, slates)
    np.testing.assert_allclose(computed, by_hand, rtol=1e-12)
    assert computed.prod(axis=1).sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("policy", "epsilon"), [(softmax(), 0.0), (EpsilonMix(softmax(), 0.3), 0.3)], ids=["softmax", "with a mix"]
)
def test_slates_are_drawn_as_often_as_their_propensity_says(policy: SlatePolicy, epsilon):
    slates, propensities = policy.act(asked(200_000), ITEMS, np.random.default_rng(5), slots=3)
    for slate in permutations(range(4), 3):
        drawn = (slates == slate).all(axis=1)
        chance = np.prod(chance_by_hand(slate, epsilon))
        assert drawn.mean() == pytest.approx(chance, abs=5 * np.sqrt(chance / 200_000))
        np.testing.assert_allclose(propensities[drawn], [chance_by_hand(slate, epsilon)] * drawn.sum(), rtol=1e-12)


def test_the_same_seed_draws_the_same_slates():
    first, again = (EpsilonMix(softmax(), 0.1).act(asked(50), ITEMS, np.random.default_rng(3), 2) for _ in range(2))
    assert (first[0] == again[0]).all()
    assert (first[1] == again[1]).all()


def test_candidates_of_each_request_are_its_own():
    candidates = np.array([[3, 1], [0, 2]])
    np.testing.assert_allclose(
        softmax_of_rows().probabilities(asked(2), candidates), [[0.05 / 0.35, 0.3 / 0.35], [0.5 / 0.65, 0.15 / 0.65]]
    )
    slates, _ = softmax_of_rows().act(asked(2), candidates, np.random.default_rng(0), slots=2)
    assert [set(slate) for slate in slates.tolist()] == [{1, 3}, {0, 2}]
    chances = slot_probabilities(softmax_of_rows(), asked(2), candidates, np.array([[1, 3], [2, 3]]))
    np.testing.assert_allclose(chances, [[0.3 / 0.35, 1], [0.15 / 0.65, 0]])


def softmax_of_rows() -> SoftmaxScores:
    return SoftmaxScores(lambda requests, items: np.log(SHARES)[items])


def test_a_slate_that_ends_early_chooses_nothing_more():
    chances = slot_probabilities(softmax(), ONE, ITEMS, np.array([[1, -1, -1]]))
    np.testing.assert_allclose(chances, [[0.3, 1, 1]])


def test_items_by_any_row_number_are_found_among_unordered_candidates():
    weights = np.zeros(100)
    weights[[90, 7, 40]] = [1, 2, 5]
    slates = np.array([[40, 90], [7, 3]])
    np.testing.assert_allclose(
        slot_probabilities(Fixed(weights), asked(2), np.array([90, 7, 40]), slates), [[5 / 8, 1 / 3], [2 / 8, 0]]
    )


def test_the_best_first_has_no_chance_in_it_and_a_mix_gives_it_some():
    scores = np.array([1.0, 3.0, 3.0, 2.0])
    best = Greedy(lambda requests, items: np.tile(scores[items], (len(requests), 1)))
    slates, propensities = best.act(ONE, ITEMS, np.random.default_rng(0), slots=4)
    assert slates.tolist() == [[1, 2, 3, 0]]
    assert propensities.tolist() == [[1, 1, 1, 1]]
    assert best.probabilities(ONE, ITEMS).tolist() == [[0, 1, 0, 0]]
    # 0.8 + 0.2/4 for the best; then, of three left, 0.2/3 for what is not the best of them.
    mixed = slot_probabilities(EpsilonMix(best, 0.2), ONE, ITEMS, np.array([[1, 0]]))
    np.testing.assert_allclose(mixed, [[0.85, 0.2 / 3]])


def test_a_mix_goes_on_where_the_policy_has_nothing_left():
    only_first = Fixed(np.array([1.0, 0, 0, 0]))
    slates, propensities = EpsilonMix(only_first, 0.1).act(asked(500), ITEMS, np.random.default_rng(1), slots=2)
    after = slates[:, 0] == 0
    np.testing.assert_allclose(propensities[after], [[0.925, 1 / 3]] * after.sum())
    with pytest.raises(DataError, match=r"^2 of 2 requests have fewer candidates with a chance to be shown than the 2"):
        only_first.act(asked(2), ITEMS, np.random.default_rng(1), slots=2)
    with pytest.raises(DataError, match="fewer candidates with a chance"):
        EpsilonMix(only_first, 0.0).law(asked(2), ITEMS).law.draw(np.random.default_rng(1), 2)


def test_a_temperature_near_zero_is_the_best_first_and_a_large_one_is_uniform():
    np.testing.assert_allclose(softmax(1e-300).probabilities(ONE, ITEMS), [[1, 0, 0, 0]])
    np.testing.assert_allclose(softmax(1e9).probabilities(ONE, ITEMS), [[0.25] * 4], rtol=1e-8)
    np.testing.assert_allclose(Uniform().probabilities(ONE, ITEMS), [[0.25] * 4])


def test_what_is_left_of_almost_nothing_is_still_exact():
    # One minus what was taken would be 0 here: the second slot divides e^-50 and e^-51.
    scores = np.array([0.0, -50.0, -51.0])
    policy = SoftmaxScores(lambda requests, items: np.tile(scores[items], (len(requests), 1)))
    chances = slot_probabilities(policy, ONE, np.arange(3), np.array([[0, 1, 2]]))
    np.testing.assert_allclose(chances[0, 1], 1 / (1 + np.exp(-1)), rtol=1e-12)


@pytest.mark.parametrize("policy", [softmax(), Uniform(), Fixed(SHARES), EpsilonMix(Uniform(), 0.5)],
                         ids=["softmax", "uniform", "fixed", "mix"])  # fmt: skip
def test_every_policy_keeps_the_protocol(policy):
    assert isinstance(policy, Policy)


def test_a_mix_is_named_after_what_it_mixes():
    assert EpsilonMix(Uniform(), 0.05).name == "uniform + 0.05 uniform"
    assert EpsilonMix(Uniform(), 0.05, "mine").name == "mine"


BAD = {
    "a temperature of 0": (lambda: softmax(0.0), UsageError, "must be above 0 and finite, but is 0.0"),
    "an epsilon above 1": (lambda: EpsilonMix(Uniform(), 1.1), UsageError, "within 0 and 1, but is 1.1"),
    "a negative weight": (lambda: Fixed(np.array([1, -1.0])), DataError, "1 of 2 weights of the policy 'fixed'"),
    "more slots than candidates": (
        lambda: Uniform().act(ONE, ITEMS, np.random.default_rng(0), 5), UsageError, "has 1 to 4 slots here, not 5"
    ),
    "no weight among the candidates": (
        lambda: Fixed(np.array([1.0, 0, 0])).probabilities(ONE, np.array([1, 2])), DataError, "gives no candidate"
    ),
    "scores that are no numbers": (
        lambda: SoftmaxScores(lambda requests, items: np.full((1, 4), np.nan)).probabilities(ONE, ITEMS), DataError,
        "no finite best score for 1 of 1 requests",
    ),
    "scores of another shape": (
        lambda: Greedy(lambda requests, items: np.zeros(4)).probabilities(ONE, ITEMS), DataError,
        r"scores of shape \(4,\) for 1 requests and 4 candidates",
    ),
    "a slate with an item twice": (
        lambda: slot_probabilities(Uniform(), asked(2), ITEMS, np.array([[0, 1], [2, 2]])), DataError,
        "1 of 2 slates show an item twice; the first is slate 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_no_policy_can_do_is_refused(what):
    act, error, message = BAD[what]
    with pytest.raises(error, match=message):
        act()
