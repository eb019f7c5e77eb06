"""A guaranteed lower bound: never broken more often than it says, and honest about what it cannot bound."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bandit_logs import world

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.off_policy.bounds import empirical_bernstein, guaranteed_value
from avrec_lib.evaluate.off_policy.estimators import Evidence, evidence_of


def test_the_formula_of_maurer_and_pontil() -> None:
    values = np.tile([0.0, 1.0], 500)
    log_term, variance = math.log(2 / 0.05), values.var(ddof=1)
    slack = math.sqrt(2 * variance * log_term / 1000) + 7 * log_term / (3 * 999)
    assert empirical_bernstein(values, 1.0) == pytest.approx(0.5 - slack)


def test_it_holds_where_the_bootstrap_fails() -> None:
    # One in 500 earns 100: most samples of 200 have seen none of them.
    rng = np.random.default_rng(0)
    bounds = [empirical_bernstein(100 * (rng.random(200) < 0.002), 100.0) for _ in range(300)]
    assert np.mean(np.array(bounds) <= 0.2) >= 0.95


def test_the_value_is_above_the_bound_also_without_support() -> None:
    for seed in range(40):
        log, target, value = world(3000, never=1, seed=seed)
        assert guaranteed_value(evidence_of(log, target), 1.0) <= value


def test_more_rounds_bring_the_bound_nearer() -> None:
    few, many = (guaranteed_value(evidence_of(*world(rounds)[:2]), 1.0) for rounds in (1000, 50_000))
    assert few < many


def test_users_with_many_rounds_make_it_wider() -> None:
    log, target, _ = world(5000)
    alone = evidence_of(log, target)
    together = Evidence(alone.weights, alone.rewards, users=np.arange(5000) // 50)
    assert guaranteed_value(together, 1.0) < guaranteed_value(alone, 1.0)


def test_it_says_nothing_of_rewards_outside_its_range() -> None:
    assert math.isnan(guaranteed_value(Evidence(np.ones(10), np.full(10, 3.0)), 1.0))
    assert math.isnan(guaranteed_value(Evidence(np.ones(10), np.full(10, -1.0)), 1.0))
    with pytest.raises(UsageError, match="from 0 to 1"):
        empirical_bernstein(np.array([2.0, 0.0]), 1.0)
