"""The same arrays, the same numbers: obp 0.5.7 (written down by `tests/benchmarks/make_obp_numbers.py`) and ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import obp_arrays
import pytest

from avrec_lib.evaluate.off_policy.embeddings import Embeddings, MarginalInversePropensity, marginal_weights
from avrec_lib.evaluate.off_policy.estimators import (
    DirectMethod,
    DoublyRobust,
    Estimator,
    InversePropensity,
    SelfNormalised,
    SelfNormalisedDoublyRobust,
    ShrunkDoublyRobust,
    SwitchDoublyRobust,
    estimate,
    evidence_of,
)
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.slates import (
    CascadeDoublyRobust,
    SlateCascade,
    SlateIndependent,
    SlateStandard,
    slate_evidence,
)

NUMBERS = json.loads((Path(__file__).parent / "obp_numbers.json").read_text("utf-8"))
ROUNDS: list[Estimator] = [
    InversePropensity(), InversePropensity(obp_arrays.CLIP), SelfNormalised(), DirectMethod(), DoublyRobust(),
    SelfNormalisedDoublyRobust(), SwitchDoublyRobust(obp_arrays.THRESHOLD), ShrunkDoublyRobust(obp_arrays.SHRINKAGE),
]  # fmt: skip
SLATES: list[Estimator] = [
    form(normalised) for form in (SlateStandard, SlateIndependent, SlateCascade) for normalised in (False, True)
]


def log_of(arrays: dict[str, np.ndarray]) -> tuple[LoggedFeedback, TargetPolicy]:
    actions, logging = arrays["action"], arrays["logging"]
    log = LoggedFeedback(
        actions, arrays["reward"], logging[np.arange(len(actions)), actions], np.arange(logging.shape[1]), logging,
        requests=arrays.get("slate"), positions=arrays.get("place"),
    )  # fmt: skip
    return log, TargetPolicy.of("target", log, arrays["target"])


@pytest.mark.parametrize("estimator", ROUNDS, ids=lambda one: one.name)
def test_estimates_of_rounds_are_those_of_obp(estimator: Estimator):
    arrays = obp_arrays.rounds()
    evidence = evidence_of(*log_of(arrays), arrays["predicted"])
    assert estimate(estimator, evidence) == pytest.approx(NUMBERS["rounds"][estimator.name], abs=1e-10)


def test_mips_of_known_embeddings_is_that_of_obp():
    arrays = obp_arrays.rounds()
    log, target = log_of(arrays)
    embeddings = Embeddings(arrays["codes"], tuple(np.moveaxis(arrays["likelihoods"], 2, 0)))
    mips = MarginalInversePropensity(marginal_weights(log, target, embeddings))
    assert estimate(mips, evidence_of(log, target)) == pytest.approx(NUMBERS["rounds"]["MIPS"], abs=1e-10)


@pytest.mark.parametrize("estimator", [*SLATES, CascadeDoublyRobust()], ids=lambda one: one.name)
def test_estimates_of_slates_are_those_of_obp(estimator: Estimator):
    arrays = obp_arrays.slates(ragged=False)
    evidence = slate_evidence(*log_of(arrays), arrays["predicted"])
    assert estimate(estimator, evidence) == pytest.approx(NUMBERS["slates"][estimator.name], abs=1e-10)


@pytest.mark.parametrize("estimator", SLATES[::2], ids=lambda one: one.name)
def test_estimates_of_slates_that_differ_in_length_are_those_of_obp(estimator: Estimator):
    evidence = slate_evidence(*log_of(obp_arrays.slates(ragged=True)))
    assert estimate(estimator, evidence) == pytest.approx(NUMBERS["ragged slates"][estimator.name], abs=1e-10)


def test_every_number_of_obp_has_a_counterpart():
    told = {name: set(numbers) for name, numbers in NUMBERS.items() if name != "obp"}
    assert told == {
        "rounds": {"MIPS", *(one.name for one in ROUNDS)},
        "slates": {"cascade DR", *(one.name for one in SLATES)},
        "ragged slates": {one.name for one in SLATES[::2]},
    }
