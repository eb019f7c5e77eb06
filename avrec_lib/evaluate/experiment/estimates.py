"""Difference and lift of two arms from their moments, by the delta method, with or without CUPED.

With R = Σ top / Σ bottom an arm's value, a user's share in it is (top − R · bottom) / mean(bottom), so a ratio's
users stay together (Deng, Knoblich and Lu 2018, "Applying the delta method in metric analytics").
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from avrec_lib.evaluate.experiment.moments import Moments
from avrec_lib.evaluate.power import ALPHA
from avrec_lib.evaluate.ratio import ratio


@dataclass(frozen=True)
class Estimate:
    """Arrays over the leading axes of the moments: `difference` (treatment − control) and `lift` (of the control) with
    standard errors; `freedom` are Welch's degrees of freedom, `correlation` that of the covariate with the metric
    (0 without CUPED). `control` and `treatment` are the arms' values, adjusted by CUPED where it was used, and `slopes`
    (…, columns) how each moves with the means of its columns.

    The lift is NaN where the control is not clearly above 0: within three of its standard errors.
    """

    control: np.ndarray
    treatment: np.ndarray
    difference: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    lift: np.ndarray
    lift_error: np.ndarray
    theta: np.ndarray
    correlation: np.ndarray
    slopes: tuple[np.ndarray, np.ndarray]

    def at(self, look: int) -> Estimate:
        """The estimates at one place of the last axis."""
        values = {one.name: getattr(self, one.name)[..., look] for one in fields(self) if one.name != "slopes"}
        return Estimate(**values, slopes=(self.slopes[0][..., look, :], self.slopes[1][..., look, :]))

    def interval(self, alpha: np.ndarray | float = ALPHA) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of the interval of the difference at 1 − alpha, by Student's t."""
        reach = self._reach(alpha) * self.error
        return self.difference - reach, self.difference + reach

    def lift_interval(self, alpha: np.ndarray | float = ALPHA) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of the interval of the lift at 1 − alpha."""
        reach = self._reach(alpha) * self.lift_error
        return self.lift - reach, self.lift + reach

    def p_value(self) -> np.ndarray:
        """Two-sided p of no difference (Welch's test); NaN without any spread."""
        from scipy.special import stdtr

        far = np.abs(ratio(self.difference, np.asarray(self.error)))
        return 2 * stdtr(self.freedom, -far)

    def _reach(self, alpha: np.ndarray | float) -> np.ndarray:
        from scipy.special import stdtrit

        return stdtrit(self.freedom, 1 - np.asarray(alpha) / 2)


def estimate(control: Moments, treatment: Moments, *, cuped: bool = False) -> Estimate:
    """The effect of `treatment` against `control` (one arm each).

    CUPED (Deng, Xu, Kohavi and Walker 2013): from each arm's value θ · (its covariate − that of both) is taken, with θ
    the covariance of metric and covariate within the arms over the variance of the covariate, both arms pooled. The
    variance falls by the squared correlation. A covariate without spread changes nothing.
    """
    sides = control, treatment
    values = [ratio(side.mean[..., 0], side.mean[..., 1]) for side in sides]
    gradients = [_gradient(side, value) for side, value in zip(sides, values, strict=True)]
    theta = correlation = np.zeros(np.shape(values[0]))
    if cuped and control.has_before:
        theta, correlation, shifts, gradients = _adjusted(control, treatment, gradients)
        values = [value - theta * shift for value, shift in zip(values, shifts, strict=True)]
    squares = [
        ratio(np.einsum("...c,...cd,...d->...", slope, side.covariance, slope), side.count)
        for side, slope in zip(sides, gradients, strict=True)
    ]  # fmt: skip
    squares = [np.maximum(square, 0.0) for square in squares]
    difference, total = values[1] - values[0], squares[0] + squares[1]
    spread = sum(
        ratio(square**2, side.count - 1, otherwise=np.nan) for square, side in zip(squares, sides, strict=True)
    )
    above = values[0] > 3 * np.sqrt(squares[0])
    base = np.where(above, values[0], np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        lift = values[1] / base - 1
        lift_error = np.sqrt(squares[1] + (values[1] / base) ** 2 * squares[0]) / base
    return Estimate(
        values[0], values[1], difference, np.sqrt(total), ratio(total**2, np.asarray(spread)), lift, lift_error, theta,
        correlation, (gradients[0], gradients[1]),
    )  # fmt: skip


def _gradient(side: Moments, value: np.ndarray) -> np.ndarray:
    """How an arm's value moves with its means: (1, −R) / mean(bottom), and 0 for the pre-period."""
    bottom = side.mean[..., 1]
    slope = np.zeros(side.mean.shape)
    slope[..., 0], slope[..., 1] = ratio(np.ones_like(bottom), bottom), -ratio(value, bottom)
    return slope


def _adjusted(
    control: Moments, treatment: Moments, gradients: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """θ, correlation, how far each arm's covariate lies from that of both, and the gradients with CUPED."""
    sides = control, treatment
    users = control.count + treatment.count
    together = sum(side.count[..., None] * side.mean[..., 2:] for side in sides) / users[..., None]
    common, bottom = ratio(together[..., 0], together[..., 1], otherwise=0.0), together[..., 1]
    older = np.zeros(control.mean.shape)
    older[..., 2], older[..., 3] = ratio(np.ones_like(bottom), bottom, 0.0), -ratio(common, bottom, 0.0)

    def pooled(left: list[np.ndarray], right: list[np.ndarray]) -> np.ndarray:
        return sum(
            (side.count - 1) * np.einsum("...c,...cd,...d->...", one, side.covariance, other)
            for side, one, other in zip(sides, left, right, strict=True)
        )

    both = [older, older]
    cross, square, own = pooled(gradients, both), pooled(both, both), pooled(gradients, gradients)
    theta = ratio(cross, square, otherwise=0.0)
    correlation = ratio(cross, np.sqrt(square * own), otherwise=0.0)
    shifts = [np.einsum("...c,...c->...", older, side.mean) for side in sides]
    return theta, correlation, shifts, [slope - theta[..., None] * older for slope in gradients]
