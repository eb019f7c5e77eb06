"""Did another experiment run on the same users? Its arms must be independent of ours, the effect the same in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from avrec_lib.data.facts import Fact, share_of
from avrec_lib.evaluate.experiment.balance import ASKED, attribute_balance
from avrec_lib.evaluate.experiment.border import BROKEN
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.metrics import UserMetric
from avrec_lib.evaluate.experiment.slices import effects_by


def overlaps(data: ExperimentData, metrics: Sequence[UserMetric]) -> list[Fact]:
    """For each of `design.other_experiments`: are both assignments independent, and does the effect of an arm on any of
    `metrics` differ by the arm of the other (smallest p times the questions asked)?
    """
    facts = []
    for other in data.design.other_experiments:
        inside = data.users[other].count()
        p_value = attribute_balance(data, other)
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
