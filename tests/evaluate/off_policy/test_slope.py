"""SLOPE: the last candidate that still agrees with all less biased ones."""

from __future__ import annotations

import numpy as np
from bandit_logs import world

from avrec_lib.evaluate.off_policy.estimators import Evidence, InversePropensity, contributions, evidence_of
from avrec_lib.evaluate.off_policy.slope import FAMILIES, settings, slope, tuned


def test_bounds_go_from_the_largest_weight_down_to_one() -> None:
    bounds = settings(Evidence(np.array([0.2, 16.0]), np.ones(2)), steps=5)
    np.testing.assert_allclose(bounds, [16, 8, 4, 2, 1])


def test_where_all_weights_are_small_nothing_is_clipped() -> None:
    choice = tuned("clipped IPS", Evidence(np.array([0.5, 0.9, 1.0]), np.ones(3)))
    assert choice.path.height == 1


def test_a_clip_that_contradicts_the_data_is_not_chosen() -> None:
    # 50,000 rounds, half with weight 2 and reward 1: clipping at 1 halves the value, far outside of any interval.
    weights = np.tile([2.0, 0.0], 25_000)
    choice = slope([InversePropensity(2.0), InversePropensity(1.0)], [2.0, 1.0], Evidence(weights, np.ones(50_000)))
    assert choice.path["chosen"].to_list() == [True, False]


def test_a_clip_that_only_calms_is_chosen() -> None:
    # Rewards are as good as independent of a few huge weights.
    rng = np.random.default_rng(0)
    weights = np.where(rng.random(2000) < 0.002, 100.0, 0.8)
    choice = slope([InversePropensity(100.0), InversePropensity(5.0)], [100.0, 5.0],
                   Evidence(weights, rng.random(2000)))  # fmt: skip
    assert choice.path["chosen"].to_list() == [False, True]


def test_every_family_shows_its_path() -> None:
    log, target, _ = world(sharpness=1.0)
    evidence = evidence_of(log, target, np.full((len(log), log.action_count), 0.3))
    for family in ("clipped IPS", "Switch-DR", "DRos"):
        choice = tuned(family, evidence)
        assert choice.estimator.name in (family, "IPS")
        # The rule by hand: how far two settings lie apart on the same rounds, against the error of that difference.
        members = [FAMILIES[family](bound) for bound in choice.path["setting"]]
        parts = [contributions(member, evidence) for member in members]
        kept = 1
        while kept < len(parts):
            apart = [parts[kept] - before for before in parts[:kept]]
            if any(abs(one.mean()) > 1.96 * one.std(ddof=1) / len(one) ** 0.5 for one in apart):
                break
            kept += 1
        assert choice.path["chosen"].arg_true().to_list() == [kept - 1]
