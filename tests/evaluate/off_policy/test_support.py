"""What the weights alone say: mass without support, effective size, and what clipping buys."""

from __future__ import annotations

import numpy as np
import pytest
from bandit_logs import always, four_rounds, world

from avrec_lib.evaluate.off_policy.estimators import Evidence, evidence_of
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.support import effective_by_clip, support_of


def test_with_full_support_weights_average_one() -> None:
    log, target, _ = world(20_000)
    support = support_of(log, target, evidence_of(log, target))
    assert support.mean_weight == pytest.approx(1, abs=4 * support.error)
    assert support.known_missing == 0
    assert support.never_taken == 0


def test_known_probabilities_of_zero_are_counted_exactly() -> None:
    logging = np.array([[0.5, 0.5, 0.0]] * 4)
    log = LoggedFeedback(np.array([0, 1, 0, 1]), np.ones(4), np.full(4, 0.5), np.array(["a", "b", "c"]), logging)
    target = TargetPolicy.of("new", log, np.array([[0.2, 0.2, 0.6]] * 4))
    assert support_of(log, target, evidence_of(log, target)).known_missing == pytest.approx(0.6)


def test_mass_that_only_the_mean_weight_lacks_counts_when_it_is_more_than_chance() -> None:
    log, target, _ = world(20_000, never=1)
    support = support_of(log, TargetPolicy.of_taken("new", log, target.of_logged), evidence_of(log, target))
    assert support.known_missing == 0, "without all probabilities nobody knows"
    assert support.missing == pytest.approx(1 - support.mean_weight)
    assert support.missing > 0.1


def test_an_action_with_probability_one_leaves_the_rest_of_the_target_without_support() -> None:
    log = four_rounds()
    certain = LoggedFeedback(log.actions, log.rewards, np.ones(4), log.action_ids)
    support = support_of(certain, always(0, certain), evidence_of(certain, always(0, certain)))
    assert support.known_missing == pytest.approx(0.25)
    assert support.certain == 1


def test_weights_that_never_vary_are_right_or_wrong() -> None:
    log = four_rounds()
    for share, off in ((1.0, 0.0), (0.5, -np.inf)):
        target = TargetPolicy.of_taken("scaled", log, log.propensities * share)
        assert support_of(log, target, evidence_of(log, target)).z == off


def test_effective_size_is_that_of_kish_by_user() -> None:
    evidence = Evidence(np.array([1.0, 1.0, 2.0, 4.0]), np.ones(4), users=np.array([0, 0, 1, 2]))
    table = effective_by_clip(evidence, [4.0, 1.0])
    assert table["effective"].to_list() == pytest.approx([64 / 24, 16 / 6])
    assert table["cut"].to_list() == pytest.approx([0, 1 - 4 / 8])
