"""One policy on one log, from arrays to an answer: estimates, the lights, and a value with its interval, or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from avrec_lib.data.facts import LEVELS, Fact, Level
from avrec_lib.evaluate.off_policy.bounds import guaranteed_value
from avrec_lib.evaluate.off_policy.checks import lights, propensities_of_actions
from avrec_lib.evaluate.off_policy.embeddings import Embeddings, MarginalInversePropensity, marginal_weights
from avrec_lib.evaluate.off_policy.estimators import (
    DirectMethod,
    DoublyRobust,
    Estimator,
    Evidence,
    InversePropensity,
    Ratio,
    SelfNormalised,
    SelfNormalisedDoublyRobust,
    evidence_of,
)
from avrec_lib.evaluate.off_policy.feedback import SUM_TOLERANCE, LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.identification import Ends, Extremes, ends_of
from avrec_lib.evaluate.off_policy.intervals import VARIANCE_ONLY, Totals, estimates_table
from avrec_lib.evaluate.off_policy.planning import logging_plan
from avrec_lib.evaluate.off_policy.slates import (
    SlateCascade,
    SlateIndependent,
    SlateStandard,
    as_single_rounds,
    is_slated,
)
from avrec_lib.evaluate.off_policy.slope import Choice, tuned
from avrec_lib.evaluate.off_policy.support import Support, support_of

Verdict = Literal["better", "worse", "the same", "cannot be decided", "these logs cannot tell"]
REFUSED: Verdict = "these logs cannot tell"
HALF_WIDTH = 0.1  # of the mean logged reward: what a plan aims at
PRECISE_ENOUGH = 1e-12
MENDED_BY_ROUNDS = {"support", "exploration", "effective_size", "largest_weight", "rewarded_rounds"}
"""Red lights that another log of the same kind, longer or with more exploration, could turn off."""


@dataclass(frozen=True)
class Answer:
    """The value of a policy per round (per slate, where requests have several rounds) with its 95 % interval, and its
    difference from what the log itself earned.

    Where target mass has no support the ends are the 95 % ends of the worst and of the best that it could earn
    (`widened`, see `identification`); `assumed` says that the best is the largest reward seen. `guaranteed` is a lower
    bound that holds for any n and any shape; None where rewards have no known largest value, and for estimated
    propensities.
    """

    value: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float
    guaranteed: float | None
    widened: bool
    assumed: bool


@dataclass(frozen=True)
class Assessment:
    """What a log says of a policy. `answer` is None when a light is red; `estimates` are there all the same.

    - `estimates`: see `intervals.estimates_table`; `estimator` names the row that the answer is made of.
    - `paths`: how clip, switch and shrinkage were chosen (`slope.Choice.path`), by estimator.
    - `plan`: what logging would carry an answer of ± 10 % of the mean reward (`planning.logging_plan`); None where the
      red lights say that more rounds of the kind would not help.
    """

    policy: str
    estimator: str
    estimates: pl.DataFrame
    facts: tuple[Fact, ...]
    answer: Answer | None
    verdict: Verdict
    logged: float
    support: Support
    evidence: Evidence
    paths: dict[str, pl.DataFrame]
    plan: pl.DataFrame | None
    ends: Ends
    unit: str

    @property
    def level(self) -> Level:
        """The worst light."""
        return min((fact.level for fact in self.facts), key=LEVELS.index, default="info")

    @property
    def reasons(self) -> tuple[Fact, ...]:
        """The red lights."""
        return tuple(fact for fact in self.facts if fact.level == "red")


def assess(
    log: LoggedFeedback, target: TargetPolicy, predicted: np.ndarray | None = None, *, facts: Iterable[Fact] = (),
    largest_reward: float | None = None, resamples: int = 1000, seed: int = 0,
) -> Assessment:  # fmt: skip
    """Everything that `log` says of the value of `target`, answered only where it carries the answer.

    `predicted` (n, a) are cross-fitted rewards (`reward_models.predicted_rewards`); with them the answer is that of
    SNDR, without that of SNIPS: which one is said before the log is looked at, not picked among the results. Where
    requests have several rounds it is the value of a whole slate in the cascade form (SNRIPS), without a model; its
    probabilities are those of an item given the items above it. `facts` are what was found while the log was read: a
    red one refuses, too. `largest_reward` is the largest that a round can earn; clicks need none. Raises UsageError for
    a reward above it.
    """
    extremes = Extremes.of(log.rewards, largest_reward)
    choices: dict[str, Choice] = {}
    found = [*(fact for fact in facts if fact.level == "red"), *target.facts, propensities_of_actions(log)]
    evidence: Evidence
    if is_slated(log):
        longest = int(np.unique(log.requests, return_counts=True)[1].max())  # type: ignore[call-overload]
        log, target, evidence = as_single_rounds(log, target)
        extremes, predicted = extremes.times(longest), None
        headline: Estimator = SlateCascade(self_normalised=True)
        asked: list[Estimator] = [
            SlateStandard(), SlateStandard(self_normalised=True), SlateIndependent(self_normalised=True),
            SlateCascade(), headline,
        ]  # fmt: skip
        found.append(Fact("slates", longest, None, "amber", SLATES))
    else:
        evidence = evidence_of(log, target, predicted)
        predicted = predicted if evidence.expected is not None else None
        headline = SelfNormalised() if predicted is None else SelfNormalisedDoublyRobust()
        asked, choices = _single_estimators(log, target, evidence)
    support = support_of(log, target, evidence)
    facts = (*found, *lights(log, target, evidence, support, headline.ratios(evidence), predicted))
    red = {fact.name for fact in facts if fact.level == "red"}
    ends = ends_of(headline, log, target, evidence, support, extremes, predicted)
    estimates = estimates_table(asked, evidence, resamples=resamples, seed=seed)
    if support.missing > 0:
        estimates = estimates.with_columns(says=pl.lit(VARIANCE_ONLY))
    guaranteed = None if log.propensities_estimated or extremes.assumed else guaranteed_value(evidence, extremes.best)
    answer = None if red else _answer(ends, evidence, support, extremes, guaranteed, resamples, seed)
    same = bool(np.abs(evidence.weights - 1).max() < SUM_TOLERANCE)
    return Assessment(
        target.name, headline.name, estimates, facts, answer, verdict_of(answer, same=same),
        float(log.rewards.mean()), support, evidence, {name: choice.path for name, choice in choices.items()},
        _plan(log, target, evidence, support) if red <= MENDED_BY_ROUNDS else None, ends, log.unit,
    )  # fmt: skip


SLATES = (
    "Requests show up to {value} items: the value is that of a whole slate, if what an item earns depends on the items "
    "above it and not on those below (cascade)."
)


def _single_estimators(
    log: LoggedFeedback, target: TargetPolicy, evidence: Evidence
) -> tuple[list[Estimator], dict[str, Choice]]:
    """Every estimator that the evidence allows, and how the settings of three of them were chosen."""
    modelled = evidence.expected is not None
    families = ("clipped IPS", "Switch-DR", "DRos") if modelled else ("clipped IPS",)
    choices = {family: tuned(family, evidence) for family in families}
    asked: list[Estimator] = [InversePropensity(), SelfNormalised(), choices["clipped IPS"].estimator]
    if modelled:
        asked += [DirectMethod(), DoublyRobust(), SelfNormalisedDoublyRobust()]
        asked += [choices[family].estimator for family in families[1:]]
    if log.logging is not None and target.probabilities is not None and log.action_features is not None:
        asked.append(MarginalInversePropensity(marginal_weights(log, target, Embeddings.of_actions(log))))
    return asked, choices


def _answer(
    ends: Ends, evidence: Evidence, support: Support, extremes: Extremes, guaranteed: float | None, resamples: int,
    seed: int,
) -> Answer:  # fmt: skip
    logged = Ratio(-evidence.rewards)
    kinds = (ends.value, ends.low, ends.high)
    totals = Totals.of([*kinds, *((*kind, logged) for kind in kinds)], evidence.users)
    values = totals.estimates()
    lows, highs = totals.intervals(resamples, seed)
    if guaranteed is not None and np.isnan(guaranteed):
        guaranteed = None
    widened = support.missing > 0
    return Answer(
        float(values[0]), float(lows[1]), float(highs[2]), float(values[3]), float(lows[4]), float(highs[5]),
        guaranteed, widened, widened and extremes.assumed,
    )  # fmt: skip


def verdict_of(answer: Answer | None, *, same: bool = False) -> Verdict:
    """Whether the policy earns more than the log did, as far as the interval of the difference goes.

    With all weights 1 it is `same`: a reward model may still find a difference, which is its error.
    """
    if answer is None:
        return REFUSED
    if same:
        return "the same"
    if answer.difference_low > PRECISE_ENOUGH:
        return "better"
    return "worse" if answer.difference_high < -PRECISE_ENOUGH else "cannot be decided"


def _plan(log: LoggedFeedback, target: TargetPolicy, evidence: Evidence, support: Support) -> pl.DataFrame:
    scale = abs(float(log.rewards.mean())) or float(np.abs(log.rewards).max()) or 1.0
    return logging_plan(log, target, evidence, HALF_WIDTH * scale, missing=support.missing)
