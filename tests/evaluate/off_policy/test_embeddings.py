"""Marginal weights: sums the eye can check, a twin that loops, and worlds in which the category is all that matters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.off_policy import embeddings as module
from avrec_lib.evaluate.off_policy.embeddings import Embeddings, MarginalInversePropensity, marginal_weights
from avrec_lib.evaluate.off_policy.estimators import Evidence, InversePropensity, estimate, evidence_of
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy


def three_songs() -> tuple[LoggedFeedback, TargetPolicy]:
    """Actions 0 and 1 are music, 2 is a film; logged with .5, .3, .2, asked about with .1, .5, .4."""
    log = LoggedFeedback(
        actions=np.array([0, 2, 1, 0]), rewards=np.array([1.0, 1.0, 0.0, 2.0]),
        propensities=np.array([0.5, 0.2, 0.3, 0.5]), action_ids=np.array(["a", "b", "c"]),
        logging=np.tile([0.5, 0.3, 0.2], (4, 1)), action_features=np.array([[7], [7], [3]]),
    )  # fmt: skip
    return log, TargetPolicy.of("target", log, np.tile([0.1, 0.5, 0.4], (4, 1)))


def category_world(rounds: int, seed: int, actions: int = 60) -> tuple[LoggedFeedback, TargetPolicy, float]:
    """Rewards know only the category of the action (one of four); the embedding of a round is it, noisily logged."""
    rng = np.random.default_rng(seed)
    kind = np.arange(actions) % 4
    logging, asked = (rng.dirichlet(np.full(actions, 0.5), rounds) * 0.99 + 0.01 / actions for _ in range(2))
    logging, asked = (policy / policy.sum(axis=1, keepdims=True) for policy in (logging, asked))
    taken = (logging.cumsum(axis=1) > rng.random((rounds, 1))).argmax(axis=1)
    worth = np.array([0.1, 0.3, 0.6, 0.2])
    rows = np.arange(rounds)
    log = LoggedFeedback(
        actions=taken, rewards=(rng.random(rounds) < worth[kind[taken]]).astype(float),
        propensities=logging[rows, taken], action_ids=np.arange(actions), logging=logging,
        action_features=kind[:, None],
    )  # fmt: skip
    return log, TargetPolicy.of("target", log, asked), float((asked * worth[kind]).sum(axis=1).mean())


def test_the_weight_of_a_category_is_what_both_policies_give_it():
    log, target = three_songs()
    music, film = (0.1 + 0.5) / (0.5 + 0.3), 0.4 / 0.2
    weights = marginal_weights(log, target, Embeddings.of_actions(log))
    assert weights.tolist() == pytest.approx([music, film, music, music])
    mips = MarginalInversePropensity(weights)
    assert estimate(mips, evidence_of(log, target)) == pytest.approx((music * 1 + film * 1 + 0 + music * 2) / 4)
    normalised = MarginalInversePropensity(weights, self_normalised=True)
    assert estimate(normalised, evidence_of(log, target)) == pytest.approx(
        (music * 1 + film * 1 + 0 + music * 2) / (3 * music + film)
    )
    assert (mips.name, normalised.name, mips.consistent) == ("MIPS", "SNMIPS", False)


def test_the_weights_are_those_of_ips_where_every_action_is_a_category_of_its_own():
    log, target = three_songs()
    alone = replace(log, action_features=np.array([[2, 1], [2, 0], [1, 1]]))
    weights = marginal_weights(alone, target, Embeddings.of_actions(alone))
    np.testing.assert_allclose(weights, evidence_of(log, target).weights)
    assert estimate(InversePropensity(), Evidence(weights, log.rewards)) == pytest.approx(
        estimate(InversePropensity(), evidence_of(log, target))
    )


@pytest.mark.parametrize("cells", [7, 2**21])
def test_weights_are_the_sums_over_actions_written_out(cells: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CELLS_AT_ONCE", cells)
    log, target, _ = category_world(50, seed=1, actions=6)
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 3, (50, 2))
    embeddings = Embeddings.counted(log, codes, smoothing=2.0)
    assert log.logging is not None and target.probabilities is not None
    expected = []
    for row in range(50):
        sums = {"target": 0.0, "logging": 0.0}
        for action in range(6):
            likely = 1.0
            for dimension in range(2):
                same = codes[:, dimension] == codes[row, dimension]
                taken = log.actions == action
                likely *= ((same & taken).sum() + 2 * same.mean()) / (taken.sum() + 2)
            sums["target"] += target.probabilities[row, action] * likely
            sums["logging"] += log.logging[row, action] * likely
        expected.append(sums["target"] / sums["logging"])
    np.testing.assert_allclose(marginal_weights(log, target, embeddings), expected)


def test_codes_may_be_far_apart():
    log, target = three_songs()
    near, far = np.array([[0], [1], [0], [0]]), np.array([[5], [10**15], [5], [5]])
    weights = [marginal_weights(log, target, Embeddings.counted(log, codes)) for codes in (near, far)]
    assert weights[0].tolist() == weights[1].tolist()


def test_an_action_never_logged_has_the_embeddings_of_the_log():
    log, _ = three_songs()
    rare = replace(log, actions=np.array([0, 1, 1, 0]))
    table = Embeddings.counted(rare, np.array([[0], [0], [1], [0]]), smoothing=0.0).likelihoods[0]
    np.testing.assert_allclose(table, [[1, 0], [0.5, 0.5], [0.75, 0.25]])


def test_where_the_category_is_all_that_matters_mips_is_right_and_varies_less_than_ips():
    found = []
    for seed in range(40):
        log, target, truth = category_world(2000, seed)
        evidence = evidence_of(log, target)
        known = MarginalInversePropensity(marginal_weights(log, target, Embeddings.of_actions(log)))
        assert log.action_features is not None
        kinds = log.action_features[log.actions]
        counted = MarginalInversePropensity(marginal_weights(log, target, Embeddings.counted(log, kinds)))
        found.append([estimate(one, evidence) - truth for one in (known, counted, InversePropensity())])
    errors = np.array(found)
    spread = errors.std(axis=0)
    assert (np.abs(errors.mean(axis=0)[:2]) < 3 * spread[:2] / np.sqrt(40)).all()
    assert (spread[:2] < spread[2] / 3).all()


def test_what_is_missing_or_does_not_fit_is_said():
    log, target = three_songs()
    embeddings = Embeddings.of_actions(log)
    with pytest.raises(UsageError, match="what its actions have in common"):
        Embeddings.of_actions(replace(log, action_features=None))
    with pytest.raises(UsageError, match="probabilities of all actions"):
        marginal_weights(replace(log, logging=None), target, embeddings)
    with pytest.raises(UsageError, match="probabilities of all actions"):
        marginal_weights(log, TargetPolicy.of_taken("target", log, target.of_logged), embeddings)
    with pytest.raises(DataError, match="4 rounds and 3 actions, but the log has 2 rounds"):
        marginal_weights(log.of(np.array([0, 1])), target, embeddings)
    with pytest.raises(DataError, match="1 of 4 rounds have an embedding that no action"):
        marginal_weights(log, target, Embeddings(np.array([[0], [0], [2], [0]]), (np.tile([0.5, 0.5, 0], (3, 1)),)))
    with pytest.raises(UsageError, match="smoothing must be 0 or more"):
        Embeddings.counted(log, np.zeros((4, 1), dtype=int), smoothing=-1.0)
    with pytest.raises(DataError, match="one row for each of 4 rounds"):
        Embeddings.counted(log, np.zeros((3, 1), dtype=int))
    with pytest.raises(DataError, match="of the type float64"):
        Embeddings.counted(log, np.array([[0.0], [1.0], [np.nan], [0.0]]))
    with pytest.raises(DataError, match="outside of the 2 known"):
        Embeddings(np.array([[0], [2]]), (np.full((3, 2), 0.5),))
    with pytest.raises(DataError, match="do not add up to one"):
        Embeddings(np.array([[0], [1]]), (np.full((3, 2), 0.6),))
    with pytest.raises(DataError, match="probabilities of 1 dimensions"):
        Embeddings(np.zeros((2, 2), dtype=int), (np.full((3, 2), 0.5),))
