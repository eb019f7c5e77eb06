"""Counts, means and covariances of users: all that effects, looks and simulated tests need to know of their arms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Of each arm the number of users (…, arms), their means (…, arms, columns) and covariances (…, arms, c, c).

    The leading axes are days, groups or simulated tests. Columns are those of `metrics.UserValues.columns`: top,
    bottom, and both of the pre-period where there is one. Covariances divide by n − 1, and are NaN for fewer than two
    users.
    """

    count: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray

    @property
    def has_before(self) -> bool:
        """Whether the columns of the pre-period are there."""
        return self.mean.shape[-1] == 4

    def arm(self, place: int) -> Moments:
        """One arm alone."""
        return Moments(self.count[..., place], self.mean[..., place, :], self.covariance[..., place, :, :])


def from_sums(count: np.ndarray, sums: np.ndarray, products: np.ndarray) -> Moments:
    """Moments from n (…), Σ v (…, c) and Σ v vᵀ (…, c, c)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums / count[..., None]
        centred = products - count[..., None, None] * mean[..., :, None] * mean[..., None, :]
        covariance = np.where(count[..., None, None] > 1, centred / (count[..., None, None] - 1), np.nan)
    return Moments(np.asarray(count, dtype=np.float64), mean, covariance)


def moments_by_arm(columns: np.ndarray, arms: np.ndarray, known: np.ndarray, arm_count: int) -> Moments:
    """Moments of `columns` (users, c) by arm, of the users that are `known`."""
    return moments_by_cell(columns[known], arms[known], (arm_count,))


def moments_by_cell(columns: np.ndarray, cell: np.ndarray, shape: tuple[int, ...]) -> Moments:
    """Moments of the rows of `columns` (rows, c) in each cell, numbered through `shape` (…, arms)."""
    cells = int(np.prod(shape))
    count, sums, _ = sums_of(columns, cell, cells)
    # Around the mean of a cell squares have digits to spare, also for amounts that are large and alike.
    centre = sums / np.maximum(count, 1)[:, None]
    parts = sums_of(columns - centre[cell], cell, cells)
    shifted = from_sums(*(part.reshape(*shape, *part.shape[1:]) for part in parts))
    return Moments(shifted.count, shifted.mean + centre.reshape(shifted.mean.shape), shifted.covariance)


def sums_of(columns: np.ndarray, cell: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """n (cells,), Σ v (cells, c) and Σ v vᵀ (cells, c, c) of the rows of each cell."""
    width = columns.shape[1]
    count = np.bincount(cell, minlength=cells).astype(np.float64)
    sums = np.stack([np.bincount(cell, columns[:, one], cells) for one in range(width)], axis=-1)
    return count, sums, products_of(columns, cell, cells)


def products_of(columns: np.ndarray, cell: np.ndarray, cells: int) -> np.ndarray:
    """Σ v vᵀ (cells, c, c) of the rows of each cell."""
    width = columns.shape[1]
    products = np.empty((cells, width, width))
    for one in range(width):
        for other in range(one, width):
            products[:, one, other] = np.bincount(cell, columns[:, one] * columns[:, other], cells)
            products[:, other, one] = products[:, one, other]
    return products
