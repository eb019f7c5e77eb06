"""What logging would carry the answer: how much exploration, and how many rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.off_policy.estimators import Evidence
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.ratio import ratio

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
REACH = 1.96


def logging_plan(
    log: LoggedFeedback, target: TargetPolicy, evidence: Evidence, half_width: float,
    shares: Sequence[float] = SHARES, *, missing: float = 0.0,
) -> pl.DataFrame:  # fmt: skip
    """Rounds until the interval of SNIPS reaches ± `half_width`, if a share ε of rounds had explored evenly.

    Columns explored (ε), effective_share (of rounds: 1 / mean w²), rounds. With p' = (1 − ε)p + ε/a the mean square of
    weighted rewards under p' is read off this log, mean(w·w'·(r − V)²) with w' = π/p'. The mass that this log does not
    see (`missing`) is put at its worst, w' = a/ε. Rounds of one user are counted as they are here (design effect of
    the log's users). Raises UsageError for a half width that is not above 0.
    """
    if not half_width > 0:
        raise UsageError("half_width is a number above 0, but is {width}.", width=half_width)
    value = float(ratio(np.array(evidence.weights @ evidence.rewards), np.array(evidence.weights.sum()), otherwise=0.0))
    squares = (evidence.rewards - value) ** 2
    effect = _design_effect(evidence, value)
    actions = log.action_count
    rows = []
    for share in shares:
        mixed = (1 - share) * log.propensities + share / actions
        new_weights = target.of_logged / mixed
        seen = evidence.weights * new_weights
        unseen = missing * actions / share
        second_moment = float(seen.mean()) + unseen
        variance = float((seen * squares).mean()) + unseen * float(squares.mean())
        rows.append({
            "explored": share,
            "effective_share": min(1 / second_moment, 1.0) if second_moment else None,
            "rounds": math.ceil(effect * variance * (REACH / half_width) ** 2) if variance else None,
        })  # fmt: skip
    return pl.DataFrame(rows, schema={"explored": pl.Float64, "effective_share": pl.Float64, "rounds": pl.Int64})


def _design_effect(evidence: Evidence, value: float) -> float:
    """Variance of the weighted sum by user over that by round: what is lost because users are like themselves."""
    if evidence.users is None:
        return 1.0
    pull = evidence.weights * (evidence.rewards - value)
    by_user = np.bincount(evidence.users, pull)
    alone = float(pull @ pull)
    return max(float(by_user @ by_user) / alone, 1.0) if alone else 1.0
