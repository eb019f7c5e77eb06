"""Estimated propensities against counting by hand and against a policy that is known."""

import numpy as np
import pytest

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback
from avrec_lib.evaluate.off_policy.propensities import estimate_propensities, with_estimated_propensities


def fold_of(users: int, folds: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).permutation(users) % folds


def test_frequencies_are_those_of_the_rounds_of_other_folds_with_one_round_added_for_each_action():
    rng = np.random.default_rng(4)
    actions, positions = rng.integers(3, size=60), rng.integers(2, size=60)
    users = np.repeat(np.arange(12), 5)
    found = estimate_propensities(actions, 3, positions=positions, users=users, folds=4)
    folds = fold_of(12, 4)[users]
    for row in range(60):
        others = (folds != folds[row]) & (positions == positions[row])
        counts = np.bincount(actions[others], minlength=3)
        np.testing.assert_allclose(found.logging[row], (counts + 1) / (others.sum() + 3))
    np.testing.assert_allclose(found.of_logged, found.logging[np.arange(60), actions])
    assert (found.method, found.folds) == ("frequency", 4)


@pytest.mark.parametrize("method", ["frequency", "logistic"])
def test_no_round_weighs_itself_nor_another_of_its_user(method):
    rng = np.random.default_rng(1)
    users = np.repeat(np.arange(20), 4)
    contexts, actions = rng.normal(size=(80, 2)), rng.integers(3, size=80)
    before = estimate_propensities(actions, 3, contexts=contexts, users=users, method=method)
    swapped = actions.copy()
    swapped[users == 7] = (swapped[users == 7] + 1) % 3
    after = estimate_propensities(swapped, 3, contexts=contexts, users=users, method=method)
    own_fold = fold_of(20, 5)[users] == fold_of(20, 5)[7]
    np.testing.assert_array_equal(before.logging[own_fold], after.logging[own_fold])
    assert not np.allclose(before.logging[~own_fold], after.logging[~own_fold])


def logged(n: int = 6000, seed: int = 2) -> tuple[LoggedFeedback, np.ndarray]:
    """A log of a softmax policy of two numbers, and its true probabilities."""
    rng = np.random.default_rng(seed)
    contexts = rng.normal(size=(n, 2))
    logits = contexts @ np.array([[1.0, 0, -1], [0, 1, 0.5]])
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    actions = (truth.cumsum(axis=1) > rng.random(n)[:, None]).argmax(axis=1)
    rewards = (rng.random(n) < 0.2 + 0.2 * actions).astype(float)
    return LoggedFeedback(actions, rewards, truth[np.arange(n), actions], np.array(["a", "b", "c"]), contexts=contexts,
                          users=np.arange(n) // 3), truth  # fmt: skip


def test_a_regression_finds_the_policy_that_looked_at_the_context_and_counting_does_not():
    log, truth = logged()
    regression = with_estimated_propensities(log)
    assert regression.propensities_estimated
    assert np.abs(regression.logging - truth).mean() < 0.01
    counted = with_estimated_propensities(log, method="frequency")
    assert np.abs(counted.logging - truth).mean() > 0.1
    # The value of taking each action alike is (.2 + .4 + .6) / 3 = .4.
    weights = 1 / 3 / regression.propensities
    assert (weights * log.rewards).sum() / weights.sum() == pytest.approx(0.4, abs=0.02)


def test_what_is_unknown_of_a_round_counts_as_the_mean():
    log, truth = logged()
    contexts = log.contexts.copy()
    contexts[:600, 0] = np.nan
    found = estimate_propensities(log.actions, 3, contexts=contexts, users=log.users)
    assert found.method == "logistic"
    assert np.abs(found.logging[600:] - truth[600:]).mean() < 0.01
    np.testing.assert_allclose(found.logging.sum(axis=1), 1)


def test_an_action_that_the_other_folds_never_took_is_rare_and_counted():
    actions = np.zeros(100, dtype=int)
    actions[1::2], actions[37] = 1, 2
    contexts = np.random.default_rng(0).normal(size=(100, 1))
    found = estimate_propensities(actions, 4, contexts=contexts)
    others = 100 - (fold_of(100, 5) == fold_of(100, 5)[37]).sum()
    assert found.of_logged[37] == pytest.approx(1 / (others + 4))
    np.testing.assert_allclose(found.logging.sum(axis=1), 1)
    tiny = next(fact for fact in found.facts if fact.name == "tiny_propensities")
    assert (tiny.value, tiny.level) == (0, "info")
    # Of 1,000 rounds one took an action that the others never did: expected less than once in 1,000.
    rare = estimate_propensities(np.r_[np.zeros(999, dtype=int), 1], 300)
    tiny = next(fact for fact in rare.facts if fact.name == "tiny_propensities")
    assert rare.of_logged[-1] == pytest.approx(1 / (800 + 300))
    assert (tiny.value, tiny.level) == (1, "amber")


def test_many_actions_are_counted_by_segment_where_one_is_given():
    segments = np.tile([0, 1], 200)
    found = estimate_propensities(segments * 30, 60, contexts=segments[:, None] * 1.0, segments=segments)
    assert found.method == "frequency"
    assert found.of_logged.min() > 0.7  # (160 + 1) / (160 + 60)


def test_the_same_seed_deals_the_same_folds():
    log, _ = logged(300)
    one, again, other = (with_estimated_propensities(log, seed=seed).propensities for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"users": np.zeros(10, dtype=int)}, DataError, "5 folds and 1 users"),
        ({"folds": 1}, DataError, "1 folds and 10 users"),
        ({"method": "forest"}, UsageError, "no method named 'forest'"),
    ],
    ids=["one user", "one fold", "method"],
)
def test_what_cannot_be_estimated_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        estimate_propensities(np.tile([0, 1], 5), 2, **options)
