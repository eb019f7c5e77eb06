"""Intervals: normalised in each resample, drawn by user, the same resamples for every estimator."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from bandit_logs import always, four_rounds, world

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.bootstrap import bootstrap_means
from avrec_lib.evaluate.off_policy.estimators import (
    DoublyRobust,
    Evidence,
    InversePropensity,
    Ratio,
    SelfNormalised,
    SelfNormalisedDoublyRobust,
    SwitchDoublyRobust,
    evidence_of,
)
from avrec_lib.evaluate.off_policy.intervals import Totals, estimates_table, standard_error


def test_a_table_says_which_intervals_know_nothing_of_a_bias() -> None:
    log, target, _ = world()
    evidence = evidence_of(log, target, np.full((len(log), log.action_count), 0.3))
    table = estimates_table([InversePropensity(), SwitchDoublyRobust(2.0)], evidence)
    assert table["says"].to_list() == ["95 %", "variance only"]
    assert table.filter((pl.col("low") < pl.col("value")) & (pl.col("value") < pl.col("high"))).height == 2


def test_resamples_are_those_of_the_house_bootstrap() -> None:
    log, target, _ = world(500, user_size=4)
    evidence = evidence_of(log, target)
    totals = Totals.of([SelfNormalised().ratios(evidence)], log.users)
    sums, counts = (array[:, None] for array in (totals.tops[0], totals.bottoms[0]))
    np.testing.assert_allclose(totals.resampled(50, seed=3), bootstrap_means(sums, counts, resamples=50, seed=3),
                               rtol=1e-5)  # fmt: skip


def test_linearised_errors_and_resamples_agree() -> None:
    log, target, _ = world(4000, user_size=3)
    evidence = evidence_of(log, target, np.full((len(log), log.action_count), 0.3))
    estimators = [InversePropensity(), SelfNormalised(), DoublyRobust(), SelfNormalisedDoublyRobust()]
    totals = Totals.of([one.ratios(evidence) for one in estimators], log.users)
    drawn = totals.resampled(2000, seed=0).std(axis=0)
    for place, spread in enumerate(drawn):
        assert standard_error(totals.influence(place)) == pytest.approx(spread, rel=0.06)


def test_all_values_are_resampled_with_the_same_users() -> None:
    log, target, _ = world()
    evidence = evidence_of(log, target)
    twice = Totals.of([InversePropensity().ratios(evidence), InversePropensity().ratios(evidence)], None)
    drawn = twice.resampled(100, seed=1)
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 1])


def test_dividing_by_the_weights_before_resampling_would_be_another_interval() -> None:
    weights = np.r_[np.full(90, 0.5), np.full(10, 5.5)]
    evidence = Evidence(weights, np.ones(100))
    # Every resample of a constant reward is that constant, once it is normalised inside.
    inside = Totals.of([SelfNormalised().ratios(evidence)], None).resampled(200, seed=0)
    before = Totals.of([(Ratio(weights * evidence.rewards / weights.mean()),)], None).resampled(200, seed=0)
    assert inside.std() < 1e-6
    assert before.std() > 0.1


def test_rounds_of_one_user_stay_together() -> None:
    rng = np.random.default_rng(0)
    of_user = rng.random(200)
    rewards, users = np.repeat(of_user, 10), np.repeat(np.arange(200), 10)
    clustered = Totals.of([(Ratio(rewards),)], users)
    alone = Totals.of([(Ratio(rewards),)], None)
    assert standard_error(clustered.influence(0)) == pytest.approx(
        10**0.5 * standard_error(alone.influence(0)), rel=0.01
    )


def test_one_user_has_no_interval() -> None:
    log = four_rounds(users=np.zeros(4, dtype=int))
    table = estimates_table([SelfNormalised()], evidence_of(log, always(0, log)))
    assert table.select("low", "high", "standard_error").row(0) == (None, None, None)


def test_no_estimator_is_an_error() -> None:
    log = four_rounds()
    with pytest.raises(UsageError, match="No estimator"):
        estimates_table([], evidence_of(log, always(0, log)))


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    hits = {"IPS": 0, "SNIPS": 0, "DR": 0, "SNDR": 0}
    worlds = 400
    values = [world(1500, seed=seed)[2] for seed in range(worlds)]
    truth = float(np.mean(values))  # of fresh contexts: the interval is for the policy, not for these users
    for seed in range(worlds):
        log, target, _ = world(1500, seed=seed)
        evidence = evidence_of(log, target, np.full((len(log), log.action_count), 0.3))
        estimators = [InversePropensity(), SelfNormalised(), DoublyRobust(), SelfNormalisedDoublyRobust()]
        for row in estimates_table(estimators, evidence, resamples=400).iter_rows(named=True):
            hits[row["estimator"]] += row["low"] <= truth <= row["high"]
    for name, count in hits.items():
        assert 0.92 <= count / worlds <= 0.975, (name, count)
