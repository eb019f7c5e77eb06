"""Were the arms alike before anything was done to them? What no arm can have caused must not differ by arm.

Another experiment on the same users is such a thing too: its arms must be independent of ours, the effect the same in
each of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from avrec_lib.data.facts import Fact, Level, share_of
from avrec_lib.evaluate.experiment.border import BROKEN
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.estimates import estimate
from avrec_lib.evaluate.experiment.metrics import BEFORE, UserMetric, numbers
from avrec_lib.evaluate.experiment.moments import moments_by_arm
from avrec_lib.evaluate.experiment.slices import effects_by
from avrec_lib.evaluate.significance import adjusted

ASKED = 0.01
"""Corrected p below which an imbalance is worth a look; below BROKEN it is red."""
MOST_VALUES = 50
"""An attribute with more values than this is a name, not a group."""


def invariants(data: ExperimentData) -> list[Fact]:
    """A fact for each amount of the pre-period and each attribute of the users, their p-values corrected by Holm.

    Amounts are compared by Welch's test of each arm against the control (the smallest p times the arms), attributes by
    the chi-square test of their values against the arms, of the users of whom they are known.
    """
    amounts = [name for name in data.users.columns if name.startswith(BEFORE)]
    others = set(data.design.other_experiments)
    found = [(name, amount_balance(data, name)) for name in amounts]
    found += [(name, attribute_balance(data, name)) for name in data.attributes if name not in others]
    corrected = adjusted(np.array([p_value for _, p_value in found], dtype=np.float64))
    return [_fact(name, p_value) for (name, _), p_value in zip(found, corrected, strict=True) if not np.isnan(p_value)]


def amount_balance(data: ExperimentData, column: str) -> float:
    """p that a column of the pre-period differs by arm; NaN without spread."""
    amounts = numbers(data.users, column)
    columns = np.column_stack([amounts, np.ones(len(amounts))])
    moments = moments_by_arm(columns, data.arms, ~np.isnan(amounts), len(data.variants))
    p_values = [
        estimate(moments.arm(0), moments.arm(place)).p_value() for place in range(1, len(data.variants))
    ]  # fmt: skip
    known = [float(p_value) for p_value in p_values if not np.isnan(p_value)]
    return min(min(known) * len(known), 1.0) if known else np.nan


def attribute_balance(data: ExperimentData, column: str) -> float:
    """p that the known values of an attribute are spread unevenly over the arms; NaN where nothing can be compared."""
    known = data.users[column].is_not_null()
    return _spread(data.users[column].filter(known), data.arms[known.to_numpy()])


def _spread(values: pl.Series, arms: np.ndarray) -> float:
    from scipy.stats import chi2_contingency

    if len(np.unique(arms)) < 2:
        return np.nan
    table = cross_table(values.cast(pl.String), arms)
    table = table[:, table.sum(axis=0) > 0]
    if not 2 <= len(table) <= MOST_VALUES:
        return np.nan
    return float(chi2_contingency(table).pvalue)


def cross_table(values: pl.Series, arms: np.ndarray) -> np.ndarray:
    """Users by value (rows) and arm (columns). Values under five expected users an arm stand in one row together."""
    _, code = np.unique(values.cast(pl.Categorical).to_physical().to_numpy(), return_inverse=True)
    arm_count = int(arms.max()) + 1
    table = np.bincount(code * arm_count + arms, minlength=(code.max() + 1) * arm_count).reshape(-1, arm_count)
    rare = table.sum(axis=1) * table.sum(axis=0).min() < 5 * table.sum()
    kept = [table[~rare], table[rare].sum(axis=0, keepdims=True)] if rare.any() else [table]
    together = np.vstack(kept)
    return together[together.sum(axis=1) > 0]


def _fact(name: str, p_value: float) -> Fact:
    level: Level = "red" if p_value < BROKEN else "amber" if p_value < ASKED else "info"
    if level == "info":
        template = "{what} does not differ by arm (corrected p = {p})."
    elif name.startswith(BEFORE):
        template = (
            "{what} differs by arm (corrected p = {p}), although no arm can have caused it: the assignment is not "
            "random, or this was measured after it."
        )
    else:
        template = (
            "{what} is not spread evenly over the arms (corrected p = {p}), although no arm can have caused it: the "
            "assignment is not random."
        )
    return Fact("balance_before", 0, None, level, template, {"what": name, "p": f"{p_value:.2g}"})


def overlaps(data: ExperimentData, metrics: Sequence[UserMetric]) -> list[Fact]:
    """For each of `design.other_experiments`: are both assignments independent, and does the effect of an arm on any of
    `metrics` differ by the arm of the other (smallest p times the questions asked)?
    """
    facts = []
    for other in data.design.other_experiments:
        inside = data.users[other].count()
        # Who is outside the other experiment is a group too: an arm must not keep its users out of it.
        p_value = _spread(data.users[other].cast(pl.String).fill_null("unknown"), data.arms)
        words = {"other": other, "p": f"{p_value:.2g}"}
        tied = p_value < BROKEN
        facts.append(
            Fact("assignment_independent_of_others", inside, share_of(inside, data.users.height),
                 "red" if tied else "info",
                 "The arms depend on those of {other} (p = {p}): what it does to users looks like an effect of this "
                 "experiment."
                 if tied else
                 "The arms are independent of those of {other} (p = {p}).", words)
        )  # fmt: skip
        if not tied:
            facts += _interaction(data, other, metrics)
    return facts


def _interaction(data: ExperimentData, other: str, metrics: Sequence[UserMetric]) -> list[Fact]:
    asked = [(metric.name, variant) for metric in metrics for variant in data.treatments]
    found = [effects_by(data, name, other, variant=variant)["heterogeneity"][0] for name, variant in asked]
    known = [(p_value, name) for p_value, (name, _) in zip(found, asked, strict=True) if p_value is not None]
    if not known:
        return []
    least, name = min(known)
    p_value = float(np.minimum(least * len(known), 1.0))
    differs = p_value < ASKED
    users = int(data.users.select(pl.col(other).count()).item())
    return [
        Fact("interaction_with_others", users, None, "amber" if differs else "info",
             "The effect on {metric} differs by the arm of {other} (corrected p = {p}): read it for each of them."
             if differs else
             "No effect differs by the arm of {other} (smallest corrected p = {p}, of {metric}).",
             {"other": other, "metric": name, "p": f"{p_value:.2g}"})
    ]  # fmt: skip
