"""The lights in front of a value: can this log carry it? Red refuses, amber goes with the number, and each says why."""

from __future__ import annotations

import numpy as np

from avrec_lib.data.facts import Fact, Level, in_percent
from avrec_lib.evaluate.off_policy.estimators import Evidence, Ratio
from avrec_lib.evaluate.off_policy.feedback import CERTAIN, LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.intervals import Totals, fewest_by_skewness, standard_error
from avrec_lib.evaluate.off_policy.reward_models import fit_quality
from avrec_lib.evaluate.off_policy.support import Support, kish

FEWEST_EFFECTIVE = {"red": 30, "amber": 100}
"""Users (rounds, where users are not known) that the weights leave: Cochran's 30, and where digits become worth it."""
FEWEST_EFFECTIVE_OF_UNEVEN = {"red": 200, "amber": 400}
"""The same where the weights take more than half of the users away (`calibrate.refusals`): below 200 the rounds that
would have carried the value were often not drawn, and intervals hold 60 to 90 truths of 100 instead of 95.
"""
LARGEST_SHARE = {"red": 0.1, "amber": 0.03}
MISSING_SHARE = {"red": 0.1, "amber": 0.0}
UNUSUAL, SURE = 1.96, 3.29  # standard errors: one healthy log in twenty, one in a thousand
FAR = 5.0  # standard errors: no healthy log, whatever the number of actions
OFF_BY = 0.05  # of the mean weight: less moves no value by much


def lights(
    log: LoggedFeedback, target: TargetPolicy, evidence: Evidence, support: Support, ratios: tuple[Ratio, ...],
    predicted: np.ndarray | None,
) -> tuple[Fact, ...]:  # fmt: skip
    """The checks of one policy on a log of single rounds; `ratios` are those of the estimator that would be shown."""
    return (
        exploration(log, target, support),
        missing_support(support),
        mean_weight(support),
        effective_users(log, support),
        largest_weight(log, support),
        rewarded(evidence),
        skewness(evidence, ratios),
        *reward_model(log, predicted),
        *drift(log, evidence),
        *source_of_propensities(log),
    )


def exploration(log: LoggedFeedback, target: TargetPolicy, support: Support) -> Fact:
    """Whether anything but the logged action could have happened."""
    same = bool((target.of_logged >= CERTAIN).all())
    count = round(support.certain * len(log))
    level: Level = "red" if support.certain == 1 and not same else "info"
    template = (
        "Every action was taken with probability 1: of what else could have been done this log knows nothing. Let a "
        "share of the rounds choose at random, and log with which probability."
        if level == "red" else
        "{value} of {rounds} rounds ({share}) took their action with probability 1."
    )  # fmt: skip
    return Fact("exploration", count, support.certain, level, template, {"rounds": f"{len(log):,}"})


def missing_support(support: Support) -> Fact:
    """Target mass on what the logging policy never does: known, or missing from the mean weight."""
    missing = support.missing
    level: Level = "red" if missing >= MISSING_SHARE["red"] else "amber" if missing > MISSING_SHARE["amber"] else "info"
    never = "–" if support.never_taken is None else f"{support.never_taken:,}"
    words = {"missing": in_percent(missing), "never": never, "limit": in_percent(MISSING_SHARE["red"])}
    if missing > support.known_missing:
        template = (
            "By its weights {missing} of what the policy would do was never tried, or the propensities are not right. "
            "What it earns there nobody knows; beyond {limit} no interval is of use." if level == "red" else
            "By its weights up to {missing} of what the policy would do was never tried. The interval reaches from the "
            "worst to the best that it could earn there."
        )  # fmt: skip
        return Fact("support", support.never_taken or 0, missing, level, template, words)
    template = {
        "red": "{missing} of what the policy would do was never tried by the logging policy (actions never taken: "
        "{never}). What it earns there nobody knows; beyond {limit} no interval is of use.",
        "amber": "{missing} of what the policy would do was never tried by the logging policy (actions never taken: "
        "{never}). The interval reaches from the worst to the best that it could earn there: from 0 to 1 click, or to "
        "the largest reward that is given or was seen.",
        "info": "Nothing says that the policy would do what was never tried.",
    }[level]
    return Fact("support", support.never_taken or 0, missing, level, template, words)


def propensities_of_actions(log: LoggedFeedback) -> Fact:
    """Whether some action has more inverse propensity than there are rounds, which right propensities cannot.

    The mean of 1{a} / p is the share of rounds in which action a could be taken, at most 1.
    """
    n, inverse = len(log), 1 / log.propensities
    mass = np.bincount(log.actions, inverse, minlength=log.action_count) / n
    squares = np.bincount(log.actions, inverse**2, minlength=log.action_count) / n
    rounds = np.bincount(log.actions, minlength=log.action_count)
    errors = np.sqrt(np.maximum(squares - mass**2, 0) / n)
    certain = (rounds >= FEWEST_EFFECTIVE["red"]) & (mass > 1.1) & (mass - 1 > FAR * errors)
    worst = int(mass.argmax()) if not certain.any() else int(np.where(certain, mass, 0).argmax())
    template = (
        "The log took {action} as often as if it could have been taken in {mass} of all rounds (actions like that: "
        "{value}). The propensities are not those with which it was done." if certain.any() else
        "No action was taken more often than its propensities allow."
    )  # fmt: skip
    words = {"action": repr(str(log.action_ids[worst])), "mass": f"{mass[worst]:.0%}"}
    return Fact("propensities", int(certain.sum()), None, "red" if certain.any() else "info", template, words)


def mean_weight(support: Support) -> Fact:
    """The mean weight against what it should be."""
    off, expected = support.mean_weight - (1 - support.known_missing), 1 - support.known_missing
    sure, suspicious = abs(support.z) > SURE and abs(off) > OFF_BY, abs(support.z) > UNUSUAL
    level: Level = "red" if sure else "amber" if suspicious else "info"
    words = {"mean": f"{support.mean_weight:.3f}", "error": f"{1.96 * support.error:.3f}",
             "expected": f"{expected:.3f}"}  # fmt: skip
    template = {
        "info": "Weights average {mean} ± {error}, as they should ({expected}).",
        "amber": "Weights average {mean} ± {error} and should average {expected}: one sound log in twenty is that far "
        "off. If it is no chance, the propensities are not right, or what the new policy would do was not all tried.",
        "red": "Weights average {mean} ± {error}, but should average {expected}: the propensities are not those of the "
        "policy that logged, or it never tried what the new one would do.",
    }[level]
    return Fact("mean_weight", support.users, None, level, template, words)


def effective_users(log: LoggedFeedback, support: Support) -> Fact:
    """How many users the weights leave."""
    effective = int(support.effective)
    uneven = 2 * support.effective < support.as_logged
    bounds = FEWEST_EFFECTIVE_OF_UNEVEN if uneven else FEWEST_EFFECTIVE
    template = (
        "As far as this policy goes the {users} users of the log are worth {value} (effective sample size); with all "
        "weights alike they are worth {as_logged}, as some have many more rounds than others."
        if log.users is not None else
        "As far as this policy goes the log is worth {value} of {users} rounds (effective sample size, {share})."
    )  # fmt: skip
    return Fact("effective_size", effective, support.effective / support.as_logged, below(support.effective, bounds),
                template, {"users": f"{support.users:,}", "as_logged": f"{support.as_logged:,.0f}"})  # fmt: skip


def largest_weight(log: LoggedFeedback, support: Support) -> Fact:
    """Whether one user (or round) carries the answer."""
    level: Level = "red" if support.largest >= LARGEST_SHARE["red"] else (
        "amber" if support.largest >= LARGEST_SHARE["amber"] else "info")  # fmt: skip
    template = (
        "One user of {users} has {share} of all weight." if log.users is not None
        else "One round of {users} has {share} of all weight."
    )  # fmt: skip
    return Fact("largest_weight", 1, support.largest, level, template, {"users": f"{support.users:,}"})


def rewarded(evidence: Evidence) -> Fact:
    """How many rewards the value rests on, after weighting."""
    weighted = evidence.weights * np.abs(evidence.rewards)
    effective = kish(weighted if evidence.users is None else np.bincount(evidence.users, weighted))
    count = int((evidence.rewards != 0).sum())
    constant = bool(evidence.rewards.min() == evidence.rewards.max())
    few = effective < FEWEST_EFFECTIVE["red"]
    template = (
        "Every round earned the same, so nothing can be told of what earns more." if constant else
        "{count} of {rounds} rounds were rewarded, and for this policy they are worth {value}: so few decide by who "
        "happened to be among them." if few else
        "{count} of {rounds} rounds were rewarded; for this policy they are worth {value}."
    )  # fmt: skip
    level: Level = "red" if constant else below(effective, FEWEST_EFFECTIVE)
    return Fact("rewarded_rounds", int(effective), None, level, template,
                {"count": f"{count:,}", "rounds": f"{len(evidence):,}"})  # fmt: skip


def skewness(evidence: Evidence, ratios: tuple[Ratio, ...]) -> Fact:
    """Whether the interval can be trusted with so skewed contributions (Cochran's rule).

    Never red: where the sample is skewed the rare large contribution is in it and the interval is wide. It is where
    the sample looks tame because none was drawn that intervals miss, and refusing the others would leave those.
    """
    totals = Totals.of([ratios], evidence.users)
    fewest = fewest_by_skewness(totals.influence(0))
    level: Level = "amber" if totals.users < fewest else "info"
    template = (
        "Few rounds with large weights carry the value: an interval to trust would take about {value} users (rounds "
        "where users are not known), and there are {users}." if level != "info" else
        "An interval to trust takes {value} users (rounds where users are not known), and there are {users}."
    )  # fmt: skip
    return Fact("skewness", fewest, None, level, template, {"users": f"{totals.users:,}"})


def reward_model(log: LoggedFeedback, predicted: np.ndarray | None) -> tuple[Fact, ...]:
    """How much of the rewards the held-out predictions explain; nothing without a model."""
    if predicted is None:
        return ()
    quality = fit_quality(log, predicted)
    good = quality > 0
    template = (
        "On users that it had not seen the reward model explains {quality} of the variance of rewards." if good else
        "On users that it had not seen the reward model explains nothing of the rewards: estimates by model alone (DM) "
        "say little, and doubly robust ones gain nothing by it."
    )  # fmt: skip
    return (Fact("reward_model", len(log), None, "info" if good else "amber", template,
                 {"quality": in_percent(max(quality, 0.0)) if quality == quality else "–"}),)  # fmt: skip


def drift(log: LoggedFeedback, evidence: Evidence) -> tuple[Fact, ...]:
    """Whether rewards were the same in the first and the second half of the time; nothing without times."""
    if log.times is None or log.times.min() == log.times.max():
        return ()
    late = log.times > np.median(log.times)
    if not late.any() or late.all():
        return ()
    halves = [(Ratio(side * log.rewards, side.astype(float)),) for side in (~late, late)]
    totals = Totals.of(halves, evidence.users)
    first, second = totals.estimates()
    error = standard_error(totals.influence(1) - totals.influence(0))
    moved = bool(error > 0 and abs(second - first) > SURE * error)
    template = (
        "The mean reward went from {first} to {second} within the log: the value is one of that time, and may be "
        "another today." if moved else
        "The mean reward of the first half of the time, {first}, and of the second, {second}, differ by no more than "
        "chance."
    )  # fmt: skip
    words = {"first": f"{first:.4g}", "second": f"{second:.4g}"}
    return (Fact("drift", int(late.sum()), None, "amber" if moved else "info", template, words),)


def source_of_propensities(log: LoggedFeedback) -> tuple[Fact, ...]:
    """Nothing for logged propensities; for estimated ones, what they cannot know."""
    if not log.propensities_estimated:
        return ()
    template = ("The propensities are estimated from the log, on other users than they weight: what moved the logging "
                "policy and is not in the log biases every estimate, and no check can see it.")  # fmt: skip
    return (Fact("estimated_propensities", len(log), None, "amber", template),)


def below(number: float, bounds: dict[str, int]) -> Level:
    """red or amber below that bound, else info."""
    return "red" if number < bounds["red"] else "amber" if number < bounds["amber"] else "info"
