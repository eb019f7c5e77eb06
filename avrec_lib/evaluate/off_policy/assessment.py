"""One policy on one log, from arrays to an answer: estimates, the lights, and a value with its interval, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from avrec_lib.data.facts import LEVELS, Fact, Level
from avrec_lib.evaluate.off_policy.bounds import guaranteed_value
from avrec_lib.evaluate.off_policy.checks import lights
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
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.intervals import Totals, estimates_table
from avrec_lib.evaluate.off_policy.planning import logging_plan
from avrec_lib.evaluate.off_policy.slope import tuned
from avrec_lib.evaluate.off_policy.support import Support, support_of

Verdict = Literal["better", "worse", "cannot be decided", "these logs cannot tell"]
REFUSED: Verdict = "these logs cannot tell"
HALF_WIDTH = 0.1  # of the mean logged reward: what a plan aims at
PRECISE_ENOUGH = 1e-12


@dataclass(frozen=True)
class Answer:
    """The value of a policy per round with its 95 % interval, and its difference from what the log itself earned.

    Where target mass has no support the ends are those of the worst and the best that it could earn (`widened`).
    `guaranteed` is a lower bound that holds for any n and any shape; None where rewards have no known largest value.
    """

    value: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float
    guaranteed: float | None
    widened: bool


@dataclass(frozen=True)
class Assessment:
    """What a log says of a policy. `answer` is None when a light is red; `estimates` are there all the same.

    - `estimates`: see `intervals.estimates_table`; `estimator` names the row that the answer is made of.
    - `paths`: how clip, switch and shrinkage were chosen (`slope.Choice.path`), by estimator.
    - `plan`: what logging would carry an answer of ± 10 % of the mean reward (`planning.logging_plan`).
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
    plan: pl.DataFrame

    @property
    def level(self) -> Level:
        """The worst light."""
        return min((fact.level for fact in self.facts), key=LEVELS.index, default="info")

    @property
    def reasons(self) -> tuple[Fact, ...]:
        """The red lights."""
        return tuple(fact for fact in self.facts if fact.level == "red")


def assess(
    log: LoggedFeedback, target: TargetPolicy, predicted: np.ndarray | None = None, *,
    largest_reward: float | None = None, resamples: int = 1000, seed: int = 0,
) -> Assessment:  # fmt: skip
    """Everything that `log` says of the value of `target`, answered only where it carries the answer.

    `predicted` (n, a) are cross-fitted rewards (`reward_models.predicted_rewards`); with them the answer is that of
    SNDR, without that of SNIPS: which one is said before the log is looked at, not picked among the results.
    `largest_reward` is the largest that a reward can be, for the guaranteed bound; rewards of 0 and 1 need none.
    """
    evidence = evidence_of(log, target, predicted)
    modelled = evidence.expected is not None
    headline: Estimator = SelfNormalisedDoublyRobust() if modelled else SelfNormalised()
    families = ("clipped IPS", "Switch-DR", "DRos") if modelled else ("clipped IPS",)
    choices = {family: tuned(family, evidence) for family in families}
    asked: list[Estimator] = [InversePropensity(), SelfNormalised(), choices["clipped IPS"].estimator]
    if modelled:
        asked += [DirectMethod(), DoublyRobust(), headline]
        asked += [choices[family].estimator for family in families[1:]]
    support = support_of(log, target, evidence)
    facts = lights(log, target, evidence, support, headline.ratios(evidence), predicted if modelled else None)
    refused = any(fact.level == "red" for fact in facts)
    answer = None if refused else answer_of(headline, evidence, support, largest_reward, resamples, seed)
    logged = float(log.rewards.mean())
    return Assessment(
        target.name, headline.name, estimates_table(asked, evidence, resamples=resamples, seed=seed), facts, answer,
        verdict_of(answer), logged, support, evidence, {name: choice.path for name, choice in choices.items()},
        _plan(log, target, evidence, support),
    )  # fmt: skip


def answer_of(
    estimator: Estimator, evidence: Evidence, support: Support, largest_reward: float | None, resamples: int, seed: int,
    confidence: float = 0.95,
) -> Answer:  # fmt: skip
    """The answer of one estimator at a confidence, widened where mass without support asks for it."""
    ratios = estimator.ratios(evidence)
    totals = Totals.of([ratios, (*ratios, Ratio(-evidence.rewards))], evidence.users)
    value, difference = totals.estimates()
    lows, highs = totals.intervals(resamples, seed, confidence)
    worst, best = _extremes(evidence.rewards)
    logged, missing = float(evidence.rewards.mean()), support.missing
    low, high = (1 - missing) * lows[0] + missing * worst, (1 - missing) * highs[0] + missing * best
    # The same for the difference: what the missing mass could earn, less what the log earned.
    difference_low, difference_high = (
        float((1 - missing) * end + missing * (extreme - logged))
        for end, extreme in ((lows[1], worst), (highs[1], best))
    )
    largest = largest_reward if largest_reward is not None else 1.0 if is_binary(evidence.rewards) else None
    guaranteed = None if largest is None else guaranteed_value(evidence, largest)
    return Answer(
        float(value), float(low), float(high), float(difference), difference_low, difference_high,
        None if guaranteed is None or np.isnan(guaranteed) else guaranteed, missing > 0,
    )  # fmt: skip


def verdict_of(answer: Answer | None) -> Verdict:
    """Whether the policy earns more than the log did, as far as the interval of the difference goes."""
    if answer is None:
        return REFUSED
    if answer.difference_low > PRECISE_ENOUGH:
        return "better"
    return "worse" if answer.difference_high < -PRECISE_ENOUGH else "cannot be decided"


def is_binary(rewards: np.ndarray) -> bool:
    """Whether all rewards are 0 or 1."""
    return bool(np.isin(rewards, (0, 1)).all())


def _extremes(rewards: np.ndarray) -> tuple[float, float]:
    """The worst and the best that actions nobody tried could earn on average: 0 and 1, or 5 % and 95 % of rewards."""
    if is_binary(rewards):
        return 0.0, 1.0
    low, high = np.quantile(rewards, (0.05, 0.95))
    return float(low), float(high)


def _plan(log: LoggedFeedback, target: TargetPolicy, evidence: Evidence, support: Support) -> pl.DataFrame:
    scale = abs(float(log.rewards.mean())) or float(np.abs(log.rewards).max()) or 1.0
    return logging_plan(log, target, evidence, HALF_WIDTH * scale, missing=support.missing)


def best_policy(assessments: Sequence[Assessment], *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """The policy whose value the log bounds highest from below, each at its share of 5 % over all that were asked.

    Keys policy, value, low (holds for all policies together with 95 %), asked, answered; policy is None when every
    one was refused. Choosing the highest estimate instead would favour the one that the log knows least.
    """
    answered = [one for one in assessments if one.answer is not None]
    best: dict[str, Any] = {"policy": None, "value": None, "low": None}
    estimators: dict[str, Estimator] = {
        one.name: one for one in (SelfNormalised(), SelfNormalisedDoublyRobust())
    }  # fmt: skip
    for one in answered:
        # One-sided: an interval of 1 − 2α has a lower end that holds with 1 − α.
        confidence = 1 - 2 * 0.05 / len(assessments) if len(assessments) > 1 else 0.9
        answer = answer_of(estimators[one.estimator], one.evidence, one.support, None, resamples, seed, confidence)
        if best["low"] is None or answer.low > best["low"]:
            best = {"policy": one.policy, "value": answer.value, "low": answer.low}
    return best | {"asked": len(assessments), "answered": len(answered)}
