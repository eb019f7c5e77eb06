"""How much bias to accept for less variance: clip, switch and shrinkage chosen from the log itself (SLOPE).

Su, Srinath and Krishnamurthy 2020, "Adaptive estimator selection for off-policy evaluation", as in Tucker and Lee 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from avrec_lib.evaluate.off_policy.estimators import (
    Estimator,
    Evidence,
    InversePropensity,
    ShrunkDoublyRobust,
    SwitchDoublyRobust,
)
from avrec_lib.evaluate.off_policy.intervals import Totals, standard_error

REACH = math.sqrt(6) - 1
WIDTH = 1.96  # standard errors
STEPS = 12


class Choice(NamedTuple):
    """The estimator that was chosen, and the way there: columns estimator, setting, value, width, kept, chosen."""

    estimator: Estimator
    path: pl.DataFrame


def settings(evidence: Evidence, steps: int = STEPS) -> list[float]:
    """Bounds on the weight from the largest one (which binds nothing) down to 1, evenly by ratio."""
    largest = float(evidence.weights.max(initial=0.0))
    if largest <= 1:
        return [max(largest, 1.0)]
    return [float(bound) for bound in np.geomspace(largest, 1.0, steps)]


FAMILIES: dict[str, Callable[[float], Estimator]] = {
    "clipped IPS": InversePropensity,
    "Switch-DR": SwitchDoublyRobust,
    # A weight of √λ is halved: the same scale as the bounds of the others.
    "DRos": lambda bound: ShrunkDoublyRobust(bound * bound),
}


def tuned(family: str, evidence: Evidence, steps: int = STEPS) -> Choice:
    """The member of a family ("clipped IPS", "Switch-DR", "DRos") that SLOPE chooses for this evidence."""
    bounds = settings(evidence, steps)
    return slope([FAMILIES[family](bound) for bound in bounds], bounds, evidence)


def slope(candidates: Sequence[Estimator], settings: Sequence[float], evidence: Evidence) -> Choice:
    """The last candidate, from little bias to much, whose value still agrees with all before it.

    `candidates` go from the least biased to the least variable. j is kept while for all i < j
    |V_j − V_i| ≤ width_j + (√6 − 1)·width_i, with widths of 1.96 standard errors (by user).
    """
    values, widths = np.empty(len(candidates)), np.empty(len(candidates))
    for place, candidate in enumerate(candidates):
        totals = Totals.of([candidate.ratios(evidence)], evidence.users)
        values[place] = totals.estimates()[0]
        widths[place] = WIDTH * standard_error(totals.influence(0))
    # A wider interval after a narrower one would only be noise in its width.
    widths = np.minimum.accumulate(np.nan_to_num(widths))
    chosen = 0
    for place in range(1, len(candidates)):
        apart = np.abs(values[place] - values[:place])
        if (apart > widths[place] + REACH * widths[:place]).any():
            break
        chosen = place
    path = pl.DataFrame({
        "estimator": [one.name for one in candidates], "setting": settings, "value": values, "width": widths,
        "kept": np.arange(len(candidates)) <= chosen, "chosen": np.arange(len(candidates)) == chosen,
    })  # fmt: skip
    return Choice(candidates[chosen], path)
