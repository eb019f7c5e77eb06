"""Can the arms be compared at all? What has to be looked at before any effect is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avrec_lib.data.facts import Fact
from avrec_lib.evaluate.bootstrap import FEWEST_USERS
from avrec_lib.evaluate.experiment.balance import invariants, overlaps
from avrec_lib.evaluate.experiment.border import BROKEN
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.effects import known_by_arm
from avrec_lib.evaluate.experiment.metrics import UserMetric, user_values
from avrec_lib.evaluate.experiment.tails import heavy_tails
from avrec_lib.evaluate.protocol_card import ProtocolCard

CHECKS = frozenset({
    "sample_ratio", "users_in_the_smallest_arm", "users_in_several_arms", "requests_as_users", "events_without_time",
    "events_of_others", "events_before_assignment", "no_pre_period", "cut_of_the_day", "undefined_values",
    "age_of_the_covariate", "unreadable_lines", "users_after_the_end", "balance_before", "heavy_tail",
    "assignment_independent_of_others", "interaction_with_others",
})  # fmt: skip
"""Every name that a check of an experiment may have."""
WAY_OUT = (
    "Mend it at its cause, or go on with accept_red={accept}: the report then says so, and the decision stays open."
)


def experiment_card(data: ExperimentData, metrics: Sequence[str] | None = None) -> ProtocolCard:
    """The checks of `check_experiment` as a card that stops a report when one is red."""
    return ProtocolCard(tuple(check_experiment(data, metrics)), CHECKS, WAY_OUT)


def check_experiment(data: ExperimentData, metrics: Sequence[str] | None = None) -> list[Fact]:
    """All checks of an experiment: what reading found, sample ratio, users an arm (and of whom each of `metrics` is
    known), balance before the assignment, heavy tails of `metrics` (default: all), other experiments. A red one means
    that no effect may be read.
    """
    asked = [data.metric(name) for name in (data.metrics if metrics is None else metrics)]
    return [
        sample_ratio(np.bincount(data.arms, minlength=len(data.variants)), data.design.share_of(data.variants)),
        few_users(np.bincount(data.arms, minlength=len(data.variants)), data.variants),
        *few_values(data, asked),
        *data.facts,
        *invariants(data),
        *(heavy_tails(data, metric) for metric in asked if metric.bottom is None),
        *overlaps(data, asked),
    ]


def sample_ratio(counts: Sequence[int] | np.ndarray, shares: Sequence[float]) -> Fact:
    """Do the arms hold as many users as planned? Chi-square test, red below p = .001 (Fabijan et al. 2019, "Diagnosing
    sample ratio mismatch in online controlled experiments").
    """
    seen = np.asarray(counts, dtype=np.float64)
    p_value = float(sample_ratio_p(seen, np.asarray(shares)))
    broken = p_value < BROKEN
    return Fact(
        "sample_ratio", int(seen.sum()), None, "red" if broken else "info",
        "The arms hold {counts} users where {planned} were planned (p = {p}): users are lost or added on the way, and "
        "those who are may be the ones the arm acts on. Find the cause before reading any effect."
        if broken else
        "The arms hold {counts} users where {planned} were planned (p = {p}).",
        {"counts": _list(seen), "planned": _list(seen.sum() * np.asarray(shares)), "p": f"{p_value:.2g}"},
    )  # fmt: skip


def sample_ratio_p(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """p of the chi-square test of `counts` (…, arms) against planned `shares` (arms,)."""
    from scipy.special import chdtrc

    expected = counts.sum(axis=-1, keepdims=True) * shares / shares.sum()
    return chdtrc(counts.shape[-1] - 1, ((counts - expected) ** 2 / expected).sum(axis=-1))


def few_users(counts: np.ndarray, variants: Sequence[str]) -> Fact:
    """An arm of under FEWEST_USERS users carries no interval."""
    smallest = int(np.argmin(counts))
    few = counts[smallest] < FEWEST_USERS
    return Fact(
        "users_in_the_smallest_arm", int(counts[smallest]), None, "red" if few else "info",
        "The arm {arm} has {value} users; under {fewest} no interval can be trusted."
        if few else
        "The smallest arm, {arm}, has {value} users (under {fewest} no interval could be trusted).",
        {"arm": variants[smallest], "fewest": str(FEWEST_USERS)},
    )  # fmt: skip


def few_values(data: ExperimentData, metrics: Sequence[UserMetric]) -> list[Fact]:
    """For each of `metrics` that is undefined for some users: has an arm under FEWEST_USERS of whom it is known?"""
    facts = []
    for metric in metrics:
        counts = known_by_arm(data, user_values(data.users, metric, with_before=False))
        smallest = int(np.argmin(counts))
        if counts[smallest] < FEWEST_USERS and counts.sum() < data.users.height:
            facts.append(
                Fact("users_in_the_smallest_arm", int(counts[smallest]), None, "red",
                     "{metric} is known for {value} users of the arm {arm}; under {fewest} no interval can be trusted.",
                     {"metric": metric.name, "arm": data.variants[smallest], "fewest": str(FEWEST_USERS)})
            )  # fmt: skip
    return facts


def _list(amounts: np.ndarray) -> str:
    return " / ".join(f"{amount:,.0f}" for amount in amounts)
