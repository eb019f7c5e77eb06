"""A confidence sequence: intervals that hold at all looks together, so that a test may be watched and stopped.

The boundary is Robbins' normal mixture (1970, "Statistical methods related to the law of the iterated logarithm"). With
Brownian motion B at time t, M(t) = √(r / (t + r)) · exp(B² / (2 (t + r))) is a martingale of mean 1; the sequence
ends where M reaches a threshold c. A sum of many users' values, over its variance as time, behaves like B
(Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2021, "Time-uniform central limit theory and asymptotic confidence
sequences"), which is why the first look waits until there are enough of them.

Half of α is spent on watching, half on the one look that was planned as the end: a bound for ever is wide, and most
tests are read to their end. Both halves together miss at some look with probability α at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.bootstrap import FEWEST_USERS
from avrec_lib.evaluate.experiment.estimates import Estimate
from avrec_lib.evaluate.experiment.moments import Moments
from avrec_lib.evaluate.power import ALPHA
from avrec_lib.evaluate.ratio import ratio

FIRST_LOOK = 0.25
"""Of the planned information. Waiting for it buys a threshold below 1/α: what cannot stop early cannot err early."""


@dataclass(frozen=True)
class Mixture:
    """A boundary for `alpha` / 2 that starts at `first_look` and is narrowest around 1, both shares of the planned
    information, and one for the other half at the planned end.

    `scale` is the r of the mixture and `threshold` its c; `end` is the normal quantile at 1 − α / 4.
    """

    alpha: float
    first_look: float
    scale: float
    threshold: float
    end: float

    def reach(self, information: np.ndarray, at_end: np.ndarray | bool = False) -> np.ndarray:
        """Half the width of the sequence in standard errors; infinite before the first look.

        √((t + r) / t · (log((t + r) / r) + 2 log c)), and at most `end` for the look that is `at_end`.
        """
        time = np.asarray(information, dtype=np.float64)
        known = np.where(time > 0, time, np.nan)
        square = (known + self.scale) / known * (np.log1p(known / self.scale) + 2 * np.log(self.threshold))
        # A day's sum is no exact clock: looks at the planned moment count although a hair is missing.
        watched = np.where(known >= self.first_look * (1 - 1e-9), np.sqrt(square), np.inf)
        return np.where(np.asarray(at_end) & (time > 0), np.minimum(watched, self.end), watched)


@lru_cache(maxsize=256)
def mixture(alpha: float = ALPHA, first_look: float = FIRST_LOOK) -> Mixture:
    """The mixture for `alpha` whose boundary is narrowest at the planned information.

    Raises UsageError for an alpha outside 0 to 1, or a first look that is not before the end of the plan.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import ndtri

    if not 0 < alpha < 1:
        raise UsageError("alpha lies between 0 and 1, but is {alpha}.", alpha=alpha)
    if not 0 < first_look <= 1:
        raise UsageError("The first look is a share of the plan above 0 and up to 1, but is {share}.",
                         share=first_look)  # fmt: skip

    def at(log_scale: float) -> Mixture:
        scale = float(np.exp(log_scale))
        return Mixture(alpha, first_look, scale, _threshold(alpha / 2, first_look, scale), float(ndtri(1 - alpha / 4)))

    best = minimize_scalar(lambda place: float(at(place).reach(np.array(1.0))), bounds=(-5.0, 1.0), method="bounded")
    return at(float(best.x))


def _threshold(alpha: float, start: float, scale: float) -> float:
    """The c that M reaches at some time from `start` on with probability α.

    P(M ≥ c from m on) = P(M(m) ≥ c) + E[M(m); M(m) < c] / c, as M is continuous and vanishes in the end
    (Robbins and Siegmund 1970). B(m) has variance m; weighted by M(m) it has variance m (m + r) / r.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    def excess(log_threshold: float) -> float:
        square = (start + scale) * (np.log1p(start / scale) + 2 * log_threshold)
        edge = np.sqrt(max(square, 0.0))
        weighted = 2 * ndtr(edge / np.sqrt(start * (start + scale) / scale)) - 1
        return float(2 * ndtr(-edge / np.sqrt(start)) + weighted * np.exp(-log_threshold) - alpha)

    least = -np.log1p(start / scale) / 2  # where the boundary begins at 0
    return float(np.exp(brentq(excess, least, -np.log(alpha) + 1e-9)))


def users_clock(control: Moments, treatment: Moments, planned_users: float, shares: Sequence[float]) -> np.ndarray:
    """The clock of users who count once: m = n₀ n₁ / (n₀ + n₁) over what `planned_users` (of both arms) make of it.

    0 while an arm has fewer than FEWEST_USERS users.
    """
    size = ratio(control.count * treatment.count, control.count + treatment.count, otherwise=0.0)
    planned = planned_users * shares[0] * shares[1] / (shares[0] + shares[1]) ** 2
    enough = np.minimum(control.count, treatment.count) >= FEWEST_USERS
    return np.where(enough, size / planned, 0.0)


def habits_clock(clock: np.ndarray, likeness: np.ndarray) -> np.ndarray:
    """`clock` (…, looks) of users who go on adding up, from the correlations (…, looks, looks) of their estimates.

    Brownian motion at the times s < t has the correlation √(s / t). So each look is set as late as it must be for no
    two looks to be less alike than that: t = max over earlier s of s / correlation². Looks that are more alike offer
    less to pick from (Slepian 1962); where users count once it is the clock they came with. It begins with `clock` at
    the first look at which that is above 0.
    """
    result: np.ndarray = np.zeros(np.broadcast_shapes(clock.shape, likeness.shape[:-1]))
    for look in range(result.shape[-1]):
        alike = np.maximum(likeness[..., :look, look], 1e-3)
        latest = (result[..., :look] / alike**2).max(axis=-1, initial=0.0)
        result[..., look] = np.where(latest > 0, latest, clock[..., look])
    return result


def as_correlation(covariance: np.ndarray) -> np.ndarray:
    """Correlations from covariances (…, looks, looks), 0 where a look has no variance."""
    scale = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    return ratio(covariance, scale[..., :, None] * scale[..., None, :], otherwise=0.0)


def planned_end(progress: np.ndarray) -> np.ndarray:
    """Which look (last axis) is the first at which the share `progress` of the plan reaches 1; none where none does."""
    over = progress >= 1 - 1e-9
    return over & (np.cumsum(over, axis=-1) == 1)


def sequence(found: Estimate, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both ends at each look, infinite before the first. Not the running intersection: a look stands for itself."""
    width = np.where(np.isfinite(reach), np.where(np.isfinite(reach), reach, 0.0) * found.error, np.inf)
    return found.difference - width, found.difference + width
