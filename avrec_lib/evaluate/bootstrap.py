"""The bootstrap over users: everyone enters a resample as often as a weight says, for all columns in one product.

Weights are Poisson(1) counts instead of drawn samples (Chamandy et al. 2012, "Estimating uncertainty for massive data
streams"), so that a user's queries stay together and a block of users needs nothing from the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.ratio import ratio

# How many of 256 bytes mean a weight of 0, 1, … 5: Poisson(1) in 256ths, with its mean and variance of exactly 1 and
# a third moment of .98. One byte a weight makes drawing as cheap as the product.
BYTES_OF_WEIGHT = (94, 95, 46, 16, 4, 1)
CELLS_AT_ONCE = 2**21
CONFIDENCE = 0.95
FEWEST_USERS = 30
"""Below this many users an interval covers too little to carry a verdict (`tests/evaluate/test_calibration.py`)."""

Draw = Callable[[np.random.Generator, int, int], np.ndarray]


def bootstrap_means(sums: np.ndarray, counts: np.ndarray, *, resamples: int = 2000, seed: int = 0) -> np.ndarray:
    """Resampled means, shape (resamples, columns), of a ratio Σ sums / Σ counts over clusters.

    `sums` and `counts` are (clusters, columns): a cluster's sum of defined values and their number. A resample in
    which a column has no defined value is NaN.
    """
    # Around the mean float32 has digits to spare, also for seconds or revenue.
    centre = ratio(sums.sum(axis=0), counts.sum(axis=0), otherwise=0.0)
    distinct, place = _distinct_columns(counts)
    columns = sums.shape[1]
    top = np.zeros((resamples, columns))
    bottom = np.zeros((resamples, distinct.shape[1]))
    for users, weights in draws(poisson_weights, len(sums), resamples, seed):
        table = np.hstack([sums[users] - centre * counts[users], distinct[users]]).astype(np.float32)
        drawn = weights @ table
        top += drawn[:, :columns]
        bottom += drawn[:, columns:]
    return centre + ratio(top, bottom[:, place])


def bootstrap_intervals(
    sums: np.ndarray, counts: np.ndarray, *, resamples: int = 2000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high ends of the 95 % interval of each column's mean; NaN for a single user or without any spread.

    Expanded percentiles (Hesterberg 2015, "What teachers should know about the bootstrap", section 4.3): the quantiles
    at Φ(±√(n/(n−1))·t) with t the 97.5 % point of Student's t on n − 1 degrees of freedom and n the users with a
    value. A plain percentile interval is too narrow by both factors.
    """
    low, high = (np.full(sums.shape[1], np.nan) for _ in range(2))
    users = (counts > 0).sum(axis=0)
    error = standard_errors(sums, counts)
    # Rounding alone is not spread: values that are all the same have no interval.
    scale = np.abs(ratio(sums.sum(axis=0), counts.sum(axis=0), otherwise=0.0))
    spread = np.flatnonzero(np.nan_to_num(error) > 1e-12 * scale)
    if spread.size:
        means = bootstrap_means(sums[:, spread], counts[:, spread], resamples=resamples, seed=seed)
        low[spread], high[spread] = expanded_ends(means, users[spread])
    return low, high


def expanded_ends(
    means: np.ndarray, users: np.ndarray, confidence: float | np.ndarray = CONFIDENCE
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high ends of each column of resampled `means` (resamples, columns), by expanded percentiles.

    `users` (columns,) is n of `bootstrap_intervals`, more than 1; `confidence` may differ by column.
    """
    from scipy.special import ndtr, stdtrit

    reach = np.sqrt(users / (users - 1)) * stdtrit(users - 1, (1 + confidence) / 2)
    return _quantiles(means, ndtr(-reach)), _quantiles(means, ndtr(reach))


def standard_errors(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Standard error of each column's Σ sums / Σ counts over clusters, NaN where fewer than two have a value.

    Linearised: √(n/(n−1) · Σ (s − R·c)²) / Σ c over the n clusters with c > 0 (Cochran 1977, section 6.3).
    """
    users = (counts > 0).sum(axis=0)
    influence = _influence(sums, counts)
    squares = np.einsum("uc,uc->c", influence, influence)
    return ratio(np.sqrt(squares * ratio(users, users - 1)), counts.sum(axis=0))


def fewest_users(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """How many users the interval of each column takes to be trusted, int64: max(FEWEST_USERS, 25 · skewness²).

    Cochran's rule (1977, section 2.15) on the influence r = s − R·c of the clusters with c > 0, with skewness
    mean(r³) / mean(r²)^1.5. The skewness is the sample's own: where the users who carry the mean are so rare that none
    of them was drawn, no number that can be computed from the sample says so. Without spread it is FEWEST_USERS.
    """
    users = (counts > 0).sum(axis=0)
    influence = _influence(sums, counts)
    largest = np.abs(influence).max(axis=0, initial=0.0)
    # Rounding alone has no shape; and cubes of very small numbers would vanish.
    scale = np.abs(ratio(sums.sum(axis=0), counts.sum(axis=0), otherwise=0.0))
    shape = ratio(influence, np.where(largest > 1e-12 * scale, largest, 0.0)[None, :], otherwise=0.0)
    squares = np.einsum("uc,uc->c", shape, shape)
    cubes = np.einsum("uc,uc,uc->c", shape, shape, shape)
    # mean(r³)² / mean(r²)³ of n users is n · (Σ r³)² / (Σ r²)³.
    squared_skewness = ratio(users * cubes**2, squares**3, otherwise=0.0)
    return np.maximum(FEWEST_USERS, np.ceil(25 * squared_skewness - 1e-9)).astype(np.int64)


def _influence(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return sums - ratio(sums.sum(axis=0), counts.sum(axis=0), otherwise=0.0) * counts


def draws(draw: Draw, users: int, resamples: int, seed: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of users with their float32 weights, shape (resamples, users of the block).

    Raises UsageError for fewer resamples than 1.
    """
    if resamples < 1:
        raise UsageError(
            "resamples and permutations are numbers from 1 upwards, but one of them is {count}.", count=resamples
        )
    rng = np.random.default_rng(seed)
    block = max(CELLS_AT_ONCE // resamples, 1)
    for start in range(0, users, block):
        count = min(block, users - start)
        yield slice(start, start + count), draw(rng, resamples, count)


def poisson_weights(rng: np.random.Generator, resamples: int, users: int) -> np.ndarray:
    """Independent weights of mean and variance 1, shape (resamples, users), as float32."""
    weight_of = np.repeat(np.arange(len(BYTES_OF_WEIGHT), dtype=np.uint8), BYTES_OF_WEIGHT).tobytes()
    drawn = rng.bytes(resamples * users).translate(weight_of)
    return np.frombuffer(drawn, np.uint8).reshape(resamples, users).astype(np.float32)


def _quantiles(means: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The quantile of each column at its own level, between the order statistics j with E[F] = j / (resamples + 1)."""
    ordered = np.sort(means.T, axis=1)  # NaN last
    last = np.maximum((~np.isnan(ordered)).sum(axis=1) - 1, 0)
    place = np.clip(levels * (last + 2) - 1, 0, last)
    below = np.floor(place).astype(np.int64)
    ends = np.take_along_axis(ordered, np.stack([below, np.minimum(below + 1, last)], axis=1), axis=1)
    return ends[:, 0] + (place - below) * (ends[:, 1] - ends[:, 0])


def _distinct_columns(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns that differ, and which of them each column is: metrics are mostly defined for the same queries."""
    seen: dict[bytes, int] = {}
    place = np.array([seen.setdefault(column.tobytes(), len(seen)) for column in counts.T], dtype=np.int64)
    firsts = [int(np.argmax(place == number)) for number in range(len(seen))]
    return counts[:, firsts], place
