"""The border of off-policy evaluation: arrays that fit together, and one clear error for each that does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bandit_logs import always, four_rounds

from avrec_lib.errors import DataError
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy


def log_with(**changed: object) -> LoggedFeedback:
    given: dict[str, object] = {
        "actions": np.array([0, 1]), "rewards": np.array([1.0, 0.0]), "propensities": np.array([0.5, 0.5]),
        "action_ids": np.array(["a", "b"]),
    }  # fmt: skip
    return LoggedFeedback(**(given | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(("changed", "words"), [
    ({"propensities": np.array([0.5, 0.0])}, "0 or below"),
    ({"propensities": np.array([0.5, 1.2])}, "above 1"),
    ({"propensities": np.array([0.5, math.nan])}, "missing"),
    ({"rewards": np.array([1.0, math.inf])}, "not finite"),
    ({"rewards": np.array([1.0])}, "1 entries for 2 rounds"),
    ({"action_ids": np.array(["a"])}, "only one action"),
    ({"actions": np.array([0, 2])}, "outside of the 2 known ones"),
    ({"actions": np.array([], dtype=int)}, "no rounds"),
    ({"logging": np.array([[0.5, 0.5], [0.5, 0.6]])}, "do not add up to one in 1 of 2 rounds"),
    ({"action_features": np.array([[1]])}, "1 rows for 2 actions"),
], ids=lambda value: value if isinstance(value, str) else next(iter(value)))  # fmt: skip
def test_each_broken_log_is_one_clear_error(changed: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        log_with(**changed)


def test_a_target_takes_its_probability_of_what_was_logged() -> None:
    log = four_rounds()
    target = TargetPolicy.of("new", log, np.array([[0.3, 0.7], [1, 0], [0.4, 0.6], [0, 1]]))
    assert target.of_logged.tolist() == [0.3, 1, 0.6, 0]


@pytest.mark.parametrize(("probabilities", "words"), [
    (np.full((4, 2), 0.4), "do not add up to one in 4 of 4 rounds; the first adds up to 0.8"),
    (np.array([[0.5, 0.5], [1.5, -0.5], [1, 0], [1, 0]]), "1 of 4 rounds .* below 0"),
    (np.array([[0.5, 0.5], [math.nan, 1], [1, 0], [1, 0]]), "missing or below 0"),
    (np.full((4, 3), 1 / 3), "4 rounds and 2 actions"),
], ids=["sums", "negative", "missing", "shape"])  # fmt: skip
def test_probabilities_that_are_none_are_one_clear_error(probabilities: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        TargetPolicy.of("new", four_rounds(), probabilities)


def test_probabilities_of_the_logged_action_alone_will_do_but_must_be_probabilities() -> None:
    assert TargetPolicy.of_taken("new", four_rounds(), np.array([0.0, 0.5, 1.0, 1.0])).probabilities is None
    with pytest.raises(DataError, match="1 of 4 probabilities"):
        TargetPolicy.of_taken("new", four_rounds(), np.array([0.0, 0.5, 1.3, 1.0]))
    with pytest.raises(DataError, match="for 4 rounds"):
        TargetPolicy.of_taken("new", four_rounds(), np.array([0.0]))


def test_some_rounds_of_a_log_keep_their_actions_and_number_users_anew() -> None:
    log = four_rounds(users=np.array([0, 3, 3, 5]), times=np.arange(4.0))
    some = log.of(np.array([False, True, True, True]))
    assert some.users is not None
    assert some.users.tolist() == [0, 0, 1]
    assert some.clusters == 2
    assert some.action_count == 2
    assert always(1, some).of_logged.tolist() == [0, 1, 0]


def test_clicks_as_whole_numbers_or_truth_values_are_numbers_and_users_need_no_order() -> None:
    for rewards in (np.array([True, False]), np.array([1, 0], dtype=np.uint8)):
        log = log_with(rewards=rewards, users=np.array([4000, -7]))
        assert log.rewards.tolist() == [1.0, 0.0]
        assert (-log.rewards).min() == -1.0
        assert log.clusters == 2
        assert log.users is not None
        assert sorted(log.users) == [0, 1]
