"""Slates: two lists whose products the eye can check, a twin that loops, and a cascade whose value is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.off_policy.estimators import (
    Estimator,
    InversePropensity,
    SelfNormalised,
    contributions,
    estimate,
    evidence_of,
)
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.intervals import estimates_table
from avrec_lib.evaluate.off_policy.slates import (
    CascadeDoublyRobust,
    SlateCascade,
    SlateEvidence,
    SlateIndependent,
    SlateStandard,
    slate_evidence,
)

FORMS: list[Estimator] = [
    form(own) for form in (SlateStandard, SlateIndependent, SlateCascade) for own in (False, True)
]


def two_slates(**more: Any) -> tuple[LoggedFeedback, TargetPolicy]:
    """Not in order: request 8 has weights 2, 3, ½ and rewards 1, 0, 4; request 5 has the weight 4 and the reward 2."""
    fields: dict[str, Any] = {
        "actions": np.array([1, 0, 1, 0]), "rewards": np.array([4.0, 2.0, 1.0, 0.0]),
        "propensities": np.array([0.8, 0.2, 0.3, 0.2]), "action_ids": np.array(["a", "b"]),
        "requests": np.array([8, 5, 8, 8]), "positions": np.array([3, 1, 1, 2]), "users": np.array([1, 0, 1, 1]),
    }  # fmt: skip
    log = LoggedFeedback(**(fields | more))
    return log, TargetPolicy.of_taken("target", log, np.array([0.4, 0.8, 0.6, 0.6]))


def random_slates(seed: int, slates: int = 30, longest: int = 6) -> tuple[LoggedFeedback, TargetPolicy, np.ndarray]:
    """Shuffled rounds of slates of 1 to `longest` items with gaps between the positions, three actions."""
    rng = np.random.default_rng(seed)
    places = [np.sort(rng.permutation(longest)[: rng.integers(1, longest + 1)]) for _ in range(slates)]
    requests, positions = np.repeat(np.arange(slates), [len(one) for one in places]), np.concatenate(places)
    order = rng.permutation(len(requests))
    logging, asked = rng.dirichlet(np.ones(3), (2, len(requests)))
    actions = rng.integers(0, 3, len(requests))
    log = LoggedFeedback(
        actions, rng.random(len(requests)).round(2), logging[np.arange(len(requests)), actions], np.arange(3),
        requests=requests[order], positions=positions[order], users=(requests // 3)[order],
    )  # fmt: skip
    return log, TargetPolicy.of("target", log, asked), rng.random((len(requests), 3))


def test_products_from_the_top_are_as_the_eye_sees_them():
    log, target = two_slates()
    evidence = slate_evidence(log, target)
    assert evidence.weights.tolist() == pytest.approx([4, 2 * 3 * 0.5])
    assert evidence.rewards.tolist() == [2, 5]
    assert evidence.users is not None
    assert evidence.users.tolist() == [0, 1]
    expected = {
        "SIPS": (4 * 2 + 3 * 5) / 2,
        "SNSIPS": (4 * 2 + 3 * 5) / (4 + 3),
        "IIPS": (4 * 2 + 2 * 1 + 3 * 0 + 0.5 * 4) / 2,
        # Places 1, 2, 3; request 5 has no second and third, and weighs 1 there.
        "SNIIPS": (4 * 2 + 2 * 1) / (4 + 2) + (3 * 0) / (1 + 3) + (0.5 * 4) / (1 + 0.5),
        "RIPS": (4 * 2 + 2 * 1 + 6 * 0 + 3 * 4) / 2,
        "SNRIPS": (4 * 2 + 2 * 1) / (4 + 2) + (6 * 0) / (4 + 6) + (3 * 4) / (4 + 3),
    }
    assert {form.name: estimate(form, evidence) for form in FORMS} == pytest.approx(expected)
    assert estimate(InversePropensity(), evidence) == pytest.approx(expected["SIPS"])
    assert estimate(SelfNormalised(), evidence) == pytest.approx(expected["SNSIPS"])


@pytest.mark.parametrize("seed", range(3))
def test_estimates_are_those_of_a_loop_over_slates(seed: int):
    log, target, predicted = random_slates(seed)
    assert log.requests is not None and log.positions is not None and target.probabilities is not None
    weights = target.of_logged / log.propensities
    told = dict.fromkeys(("SIPS", "IIPS", "RIPS", "cascade DR"), 0.0)
    below: dict[str, np.ndarray] = {"SNIIPS": np.ones((30, 6)), "SNRIPS": np.ones((30, 6))}
    above = {name: np.zeros((30, 6)) for name in below}
    for slate in range(30):
        rounds = sorted(np.flatnonzero(log.requests == slate), key=lambda row: log.positions[row])
        product = 1.0
        for row in rounds:
            expected = float(target.probabilities[row] @ predicted[row])
            told["cascade DR"] += product * expected
            product *= weights[row]
            told["cascade DR"] += product * (log.rewards[row] - predicted[row, log.actions[row]])
            told["IIPS"] += weights[row] * log.rewards[row]
            told["RIPS"] += product * log.rewards[row]
            place = log.positions[row]
            above["SNIIPS"][slate, place] = weights[row] * log.rewards[row]
            below["SNIIPS"][slate, place] = weights[row]
            above["SNRIPS"][slate, place] = product * log.rewards[row]
            below["SNRIPS"][slate, place:] = product
        told["SIPS"] += product * sum(log.rewards[rounds])
    evidence = slate_evidence(log, target, predicted)
    found = {form.name: estimate(form, evidence) for form in [*FORMS, CascadeDoublyRobust()]}
    for name, total in told.items():
        assert found[name] == pytest.approx(total / 30), name
    for name in below:
        assert found[name] == pytest.approx((above[name].sum(axis=0) / below[name].sum(axis=0)).sum()), name


def test_slates_of_one_item_are_single_rounds():
    log, target = two_slates(requests=np.arange(4), positions=np.zeros(4, dtype=int), users=None)
    alone = estimate(InversePropensity(), evidence_of(log, target))
    for form in FORMS[::2]:
        assert estimate(form, slate_evidence(log, target)) == pytest.approx(alone)


def cascade_world(slates: int, seed: int) -> tuple[LoggedFeedback, TargetPolicy, float]:
    """Three places, two items, chosen independently; who clicked looks no further, so a reward knows what is above."""
    rng = np.random.default_rng(seed)
    appeal, logging, asked = np.array([0.2, 0.6]), np.array([0.7, 0.3]), np.array([0.4, 0.6])
    actions = (rng.random((slates, 3)) < logging[1]).astype(int)
    would = rng.random((slates, 3)) < appeal[actions]
    rewards = would & (np.cumsum(would, axis=1) == 1)
    log = LoggedFeedback(
        actions.ravel(), rewards.ravel().astype(float), logging[actions].ravel(), np.arange(2),
        requests=np.repeat(np.arange(slates), 3), positions=np.tile(np.arange(3), slates),
        users=np.repeat(np.arange(slates) // 2, 3),
    )  # fmt: skip
    passes = 1 - float(asked @ appeal)
    return log, TargetPolicy.of("target", log, np.tile(asked, (len(log), 1))), 1 - passes**3


def test_under_a_cascade_the_cascade_form_is_right_narrower_than_the_standard_one_and_the_independent_one_is_wrong():
    found = []
    for seed in range(60):
        log, target, truth = cascade_world(400, seed)
        evidence = slate_evidence(log, target)
        found.append(
            [estimate(form, evidence) - truth for form in (SlateStandard(), SlateIndependent(), SlateCascade())]
        )
    errors = np.array(found)
    standard, independent, cascade = np.abs(errors.mean(axis=0)) / (errors.std(axis=0) / np.sqrt(60))
    assert max(standard, cascade) < 3
    assert independent > 5
    assert errors.std(axis=0)[2] < 0.9 * errors.std(axis=0)[0]


def test_a_right_model_makes_the_cascade_form_narrower():
    found = []
    for seed in range(40):
        log, target, truth = cascade_world(400, seed)
        # Expected clicks from a place down, given that nobody clicked above; 0 below a click.
        appeal, passes = np.array([0.2, 0.6]), 1 - (0.4 * 0.2 + 0.6 * 0.6)
        below = 1 - passes ** np.array([2, 1, 0])
        clicks = log.rewards.reshape(-1, 3)
        still = (np.cumsum(clicks, axis=1) - clicks == 0).ravel()
        onward = appeal + (1 - appeal) * np.tile(below, len(clicks))[:, None]
        evidence = slate_evidence(log, target, onward * still[:, None])
        found.append([estimate(form, evidence) - truth for form in (SlateCascade(), CascadeDoublyRobust())])
    plain, helped = np.array(found).std(axis=0)
    assert helped < 0.8 * plain


def test_intervals_draw_the_slates_of_a_user_together():
    log, target, _ = cascade_world(400, 0)
    evidence = slate_evidence(log, target)
    table = estimates_table(FORMS, evidence, resamples=200)
    assert table["users"].to_list() == [200] * 6
    assert table["says"].to_list() == ["95 %"] * 2 + ["variance only"] * 4
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    # A user asked twice: the standard error is that of the means of 200 pairs of slates.
    pairs = contributions(SlateCascade(), evidence).reshape(200, 2).mean(axis=1)
    row = table.row(4, named=True)
    assert row["estimator"] == "RIPS"
    assert row["value"] == pytest.approx(pairs.mean())
    assert row["standard_error"] == pytest.approx(pairs.std(ddof=1) / np.sqrt(200))


def test_weights_of_items_alone_enter_the_independent_form_only():
    log, target = two_slates()
    # In the order of the log: the third of request 8, request 5, then the first and the second of request 8.
    evidence = slate_evidence(log, target, alone=np.array([10.0, 20.0, 30.0, 40.0]))
    assert estimate(SlateIndependent(), evidence) == pytest.approx((10 * 4 + 20 * 2 + 30 * 1 + 0) / 2)
    assert estimate(SlateCascade(), evidence) == pytest.approx((4 * 2 + 2 * 1 + 6 * 0 + 3 * 4) / 2)


def test_many_slates_are_multiplied_as_a_matrix_would_be():
    log, target, _ = cascade_world(100_000, 0)
    evidence = slate_evidence(log, target)
    weights = (target.of_logged / log.propensities).reshape(-1, 3)
    np.testing.assert_allclose(evidence.slots.cascade.reshape(-1, 3), np.cumprod(weights, axis=1))


def test_products_below_the_smallest_number_are_nothing_and_above_the_largest_are_refused():
    n = 400
    fields: dict[str, Any] = {
        "actions": np.zeros(n, dtype=int), "rewards": np.ones(n), "action_ids": np.arange(2),
        "requests": np.zeros(n, dtype=int), "positions": np.arange(n),
    }  # fmt: skip
    log = LoggedFeedback(propensities=np.ones(n), **fields)
    evidence = slate_evidence(log, TargetPolicy.of_taken("rare", log, np.full(n, 0.1)))
    assert evidence.weights.tolist() == [0]
    assert estimate(SlateCascade(), evidence) == pytest.approx(0.1 / 0.9)
    log = LoggedFeedback(propensities=np.full(n, 0.1), **fields)
    with pytest.raises(DataError, match="weights of 1 slates have a product that is too large"):
        slate_evidence(log, TargetPolicy.of_taken("sure", log, np.ones(n)))


def test_what_is_missing_or_does_not_fit_is_said():
    log, target = two_slates()
    with pytest.raises(UsageError, match="requests and positions"):
        slate_evidence(replace(log, requests=None), target)
    with pytest.raises(UsageError, match="requests and positions"):
        slate_evidence(replace(log, positions=None), target)
    with pytest.raises(DataError, match=r"1 rounds stand at a position .* position 3 of the request 8"):
        slate_evidence(*two_slates(positions=np.array([3, 1, 3, 2])))
    with pytest.raises(DataError, match="1 requests have rounds of more than one user"):
        slate_evidence(*two_slates(users=np.array([1, 0, 0, 1])))
    with pytest.raises(UsageError, match="weights of single items"):
        slate_evidence(log, target, alone=np.ones(3))
    with pytest.raises(UsageError, match="evidence is of single rounds"):
        estimate(SlateCascade(), evidence_of(log, target))
    with pytest.raises(UsageError, match="needs a reward model"):
        estimate(CascadeDoublyRobust(), slate_evidence(log, target))
    assert isinstance(slate_evidence(log, target), SlateEvidence)
