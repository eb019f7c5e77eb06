"""Values with intervals: resamples shared by all estimators, drawn by user, normalised anew inside each.

The bootstrap is that of `evaluate.bootstrap` (Poisson weights, expanded percentiles). A self-normalised weight that was
divided by the mean before drawing would be bootstrapped too narrow; here every resample has denominators of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.bootstrap import CONFIDENCE, draws, expanded_ends, fewest_users, poisson_weights
from avrec_lib.evaluate.off_policy.estimators import Estimator, Evidence, Ratio
from avrec_lib.evaluate.ratio import ratio

INTERVAL_METHOD = "95 % expanded percentile bootstrap over users, normalised in each resample"
FULL, VARIANCE_ONLY = "95 %", "variance only"
"""What an interval says: it holds the truth 95 times of 100, or it tells of the spread and nothing of the bias."""


@dataclass(frozen=True)
class Totals:
    """Sums over the rounds of each user of several values, each of them a sum of ratios of such sums.

    Without users every round is a user of its own. `bottoms` are numbered (`bottom_of`): most ratios share one.
    """

    tops: list[np.ndarray]  # (users,) each
    bottoms: list[np.ndarray]  # (users,) each
    bottom_of: list[int]  # of each top
    values: list[list[int]]  # which tops make a value

    @classmethod
    def of(cls, values: Sequence[Sequence[Ratio]], users: np.ndarray | None) -> Totals:
        ratios = [one for value in values for one in value]
        distinct = {id(bottom): bottom for _, bottom in ratios}
        places = {key: place for place, key in enumerate(distinct)}
        rounds = len(ratios[0].top)
        numbers = iter(range(len(ratios)))
        return cls(
            [_by_user(top, users, rounds) for top, _ in ratios],
            [_by_user(bottom, users, rounds) for bottom in distinct.values()],
            [places[id(bottom)] for _, bottom in ratios],
            [[next(numbers) for _ in value] for value in values],
        )

    @property
    def users(self) -> int:
        return len(self.tops[0])

    def estimates(self) -> np.ndarray:
        """Shape (values,); NaN where a denominator is 0."""
        return self._summed(self._ratios()[None, :])[0]

    def influence(self, value: int) -> np.ndarray:
        """How far each user pulls one value, shape (users,): Σ_j (top − R·bottom) / Σ bottom. Sums to 0."""
        ratios = self._ratios()
        pull = np.zeros(self.users)
        for place in self.values[value]:
            bottom = self.bottoms[self.bottom_of[place]]
            pull += (self.tops[place] - ratios[place] * bottom) / (bottom.sum() or np.nan)
        return pull

    def resampled(self, resamples: int, seed: int) -> np.ndarray:
        """Shape (resamples, values): the same users are drawn for all values, and below each ratio too."""
        ratios = self._ratios()
        drawn = np.zeros((resamples, len(self.tops) + len(self.bottoms)))
        for users, weights in draws(poisson_weights, self.users, resamples, seed):
            # Around the estimate single precision has digits to spare.
            pulls = [top[users] - centre * self.bottoms[place][users]
                     for top, centre, place in zip(self.tops, ratios, self.bottom_of, strict=True)]  # fmt: skip
            table = np.array([*pulls, *(bottom[users] for bottom in self.bottoms)], dtype=np.float32)
            drawn += weights @ table.T
        top, bottom = np.split(drawn, [len(self.tops)], axis=1)
        return self._summed(ratios + ratio(top, bottom[:, self.bottom_of]))

    def intervals(
        self, resamples: int, seed: int, confidence: float | np.ndarray = CONFIDENCE
    ) -> tuple[np.ndarray, np.ndarray]:
        """Low and high ends (values,) by expanded percentiles; NaN for a single user."""
        if self.users < 2:
            return np.full(len(self.values), np.nan), np.full(len(self.values), np.nan)
        means = self.resampled(resamples, seed)
        return expanded_ends(means, np.full(len(self.values), self.users), confidence)

    def _ratios(self) -> np.ndarray:
        below = [float(bottom.sum()) for bottom in self.bottoms]
        return ratio(np.array([float(top.sum()) for top in self.tops]), np.array([below[at] for at in self.bottom_of]))

    def _summed(self, ratios: np.ndarray) -> np.ndarray:
        """Adds up the ratios (rows, ratios) of each value."""
        return np.stack([ratios[:, places].sum(axis=1) for places in self.values], axis=1)


def standard_error(influence: np.ndarray) -> float:
    """Linearised: √(n/(n−1) · Σ influence²) over the n users (Cochran 1977, section 6.3); NaN for a single one."""
    users = len(influence)
    return math.sqrt(users / (users - 1) * float(influence @ influence)) if users > 1 else math.nan


def estimates_table(
    estimators: Sequence[Estimator], evidence: Evidence, *, resamples: int = 1000, seed: int = 0
) -> pl.DataFrame:
    """One row an estimator: columns estimator, value, low, high, standard_error, says, users, fewest.

    `low` and `high` are the ends of the 95 % interval from resamples that all estimators share; `says` is "95 %" for
    consistent estimators and "variance only" for the others, whose bias it does not know. With fewer users than
    `fewest` a few of them carry the value. Raises UsageError without an estimator, or when one needs a model and there
    is none.
    """
    if not estimators:
        raise UsageError("No estimator was asked for.")
    totals = Totals.of([one.ratios(evidence) for one in estimators], evidence.users)
    low, high = totals.intervals(resamples, seed)
    pulls = [totals.influence(value) for value in range(len(estimators))]
    numbers = {
        "value": totals.estimates(), "low": low, "high": high,
        "standard_error": np.array([standard_error(pull) for pull in pulls]),
    }  # fmt: skip
    return pl.DataFrame({"estimator": [one.name for one in estimators]}).with_columns(
        **{name: pl.Series(column).fill_nan(None) for name, column in numbers.items()},
        says=pl.Series([FULL if one.consistent else VARIANCE_ONLY for one in estimators]),
        users=pl.lit(totals.users, pl.Int64),
        fewest=pl.Series([fewest_by_skewness(pull) for pull in pulls]),
    )


def fewest_by_skewness(influence: np.ndarray) -> int:
    """How many users an interval takes to be trusted, by the skewness of their influence (`bootstrap.fewest_users`)."""
    pull = np.nan_to_num(influence)[:, None]
    return int(fewest_users(pull, np.broadcast_to(1.0, pull.shape))[0])


def _by_user(values: np.ndarray | None, users: np.ndarray | None, rounds: int) -> np.ndarray:
    """Sums over the rounds of each user; without values the number of rounds."""
    if users is None:
        return np.ones(rounds) if values is None else values
    return np.bincount(users, values).astype(np.float64, copy=False)
