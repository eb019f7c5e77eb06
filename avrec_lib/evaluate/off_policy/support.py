"""Did the logging policy do what the target policy would do? What the weights themselves say, before any reward.

With right propensities and full support the weights average 1 in expectation. Target mass on actions that were never
taken is missing from the average; wrong propensities move it either way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.evaluate.off_policy.estimators import Evidence, Ratio
from avrec_lib.evaluate.off_policy.feedback import CERTAIN, LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.intervals import Totals, standard_error

SUSPICIOUS = 1.645
"""Standard errors below its expectation from which a mean weight counts as missing mass (5 %, one-sided)."""


@dataclass(frozen=True)
class Support:
    """What weights tell of n rounds, by user.

    - `known_missing`: share of the target's mass that certainly has no support.
    - `mean_weight` ± `error`, which should be 1 − `known_missing`; `z` is how many errors it is off.
    - `effective`: (Σ w)² / Σ w² over users (Kish 1965), `as_logged` the same with all weights 1 (users differ in how
      many rounds they have), and `largest` the largest share of Σ w that one user has.
    - `never_taken`: how many actions the target takes and the log never took (None where it cannot be known).
    - `certain`: share of rounds whose action had probability 1.
    """

    known_missing: float
    mean_weight: float
    error: float
    z: float
    effective: float
    as_logged: float
    largest: float
    never_taken: int | None
    certain: float
    users: int

    @property
    def lacking(self) -> bool:
        """Whether the mean weight is below what it should be by more than chance explains (5 %, one-sided)."""
        return self.z < -SUSPICIOUS

    @property
    def missing(self) -> float:
        """Share of the target's mass taken to be without support: known, or what the mean weight lacks."""
        return min(max(self.known_missing, 1 - self.mean_weight if self.lacking else 0.0), 1.0)


def support_of(log: LoggedFeedback, target: TargetPolicy, evidence: Evidence) -> Support:
    """What the weights of `evidence` say of the support that `log` gives to `target`."""
    totals = Totals.of([(Ratio(evidence.weights),)], evidence.users)
    mean, error = float(totals.estimates()[0]), standard_error(totals.influence(0))
    by_user = totals.tops[0]
    total = float(by_user.sum())
    known = float(tried_part(log, target)[0].mean())
    off = mean - (1 - known)
    return Support(
        known_missing=known, mean_weight=mean, error=error, z=_errors_off(off, error),
        effective=kish(by_user), as_logged=kish(_rounds_of(evidence)),
        largest=float(by_user.max()) / total if total else 1.0, never_taken=_never_taken(log, target),
        certain=float((log.propensities >= CERTAIN).mean()), users=totals.users,
    )  # fmt: skip


def tried_part(
    log: LoggedFeedback, target: TargetPolicy, predicted: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The target's mass (n,) that certainly has no support, and what a model expects (n,) of the rest of its mass.

    Without support are actions with a logging probability of 0; where these are not known (or only estimated), actions
    that the log never took, and in rounds whose action had probability 1 all others.
    """
    alone = log.propensities >= CERTAIN
    if target.probabilities is None:
        return np.where(alone, np.maximum(1 - target.of_logged, 0), 0.0), None
    if log.logging is not None and not log.propensities_estimated:
        tried = target.probabilities * (log.logging > 0)
    else:
        tried = target.probabilities * (np.bincount(log.actions, minlength=log.action_count) > 0)
        if alone.any():
            tried[alone] = 0.0
            tried[alone, log.actions[alone]] = target.of_logged[alone]
    missing = np.maximum(1 - tried.sum(axis=1), 0.0)
    missing[missing < 1e-9] = 0.0  # what rounding leaves
    return missing, None if predicted is None else np.einsum("na,na->n", tried, predicted)


def effective_by_clip(evidence: Evidence, clips: Sequence[float]) -> pl.DataFrame:
    """What clipping the weights buys and costs: columns clip, effective (users, after Kish), cut (share of Σ w)."""
    total = float(evidence.weights.sum())
    rows = []
    for clip in clips:
        clipped = np.minimum(evidence.weights, clip)
        by_user = clipped if evidence.users is None else np.bincount(evidence.users, clipped)
        rows.append((clip, kish(by_user), 1 - float(by_user.sum()) / total if total else None))
    return pl.DataFrame(rows, {"clip": pl.Float64, "effective": pl.Float64, "cut": pl.Float64}, orient="row")


def kish(by_user: np.ndarray) -> float:
    """Effective sample size of weights by user: (Σ w)² / Σ w², 0 where all are 0 (Kish 1965)."""
    total = float(by_user.sum())
    return total**2 / float(by_user @ by_user) if total else 0.0


def _rounds_of(evidence: Evidence) -> np.ndarray:
    """How many rounds each user has."""
    return np.ones(len(evidence)) if evidence.users is None else np.bincount(evidence.users).astype(float)


def _errors_off(off: float, error: float) -> float:
    if math.isnan(error) or error <= 1e-12:
        # Weights without any spread: they are as they should be, or not at all.
        return 0.0 if abs(off) < 1e-6 else math.copysign(math.inf, off)
    return off / error


def _never_taken(log: LoggedFeedback, target: TargetPolicy) -> int | None:
    """How many actions the target takes and the log never took."""
    if target.probabilities is None:
        return None
    taken = np.bincount(log.actions, minlength=log.action_count) > 0
    return int(((target.probabilities.max(axis=0) > 0) & ~taken).sum())
