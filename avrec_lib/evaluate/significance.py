"""Could chance alone have made this difference? Sign flips over users, and corrections for asking many questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from avrec_lib.errors import unknown_name
from avrec_lib.evaluate.bootstrap import draws

Correction = Literal["holm", "benjamini-hochberg", "none"]

MANY_USERS = 20_000
MANY_CARRIERS = 2_000
"""From here on the normal p is as near to the exact one as 10,000 drawn flips are (.0024 at p = .05, at worst)."""


def sign_flip_p_values(sums: np.ndarray, *, permutations: int = 10_000, seed: int = 0) -> np.ndarray:
    """Two-sided p-value of each column of `sums` (users, columns): a user's summed paired differences.

    If the two systems are interchangeable, a user's difference is as likely with the other sign; a user's queries flip
    together, and so do all columns. With |T*| the absolute sum after random flips and |T| the one seen,
    p = (1 + #{|T*| ≥ |T|}) / (1 + permutations) (Phipson and Smyth 2010); when all 2^users flips are no more than
    `permutations`, they are counted instead and p is exact. Of more than MANY_USERS users T* is normal with variance
    Σ d², and p = 2 Φ(−|T| / √Σ d²), except in columns that fewer than MANY_CARRIERS users carry. Without users p is
    NaN.

    What is tested is symmetry around 0, not a mean of 0: of skewed differences p is small too often
    (`bootstrap.fewest_users` says when that matters).
    """
    users, columns = sums.shape
    if users == 0:
        return np.full(columns, np.nan)
    if users > MANY_USERS:
        p_values, carriers = _normal_p_values(sums)
        few = np.flatnonzero(carriers < MANY_CARRIERS)
        if few.size:
            p_values[few] = _drawn_p_values(sums[:, few], permutations, seed)
        return p_values
    return _drawn_p_values(sums, permutations, seed)


def _normal_p_values(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p of the normal approximation, and how many equal users would carry as much: (Σ d²)² / Σ d⁴."""
    from scipy.special import ndtr

    scaled = sums / np.maximum(np.abs(sums).max(axis=0), np.finfo(np.float64).tiny)
    squares = np.einsum("uc,uc->c", scaled, scaled)
    fourths = np.einsum("uc,uc,uc,uc->c", scaled, scaled, scaled, scaled)
    some = squares > 0
    far = np.divide(np.abs(scaled.sum(axis=0)), np.sqrt(squares), out=np.zeros(len(squares)), where=some)
    carriers = np.divide(squares**2, fourths, out=np.full(len(squares), np.inf), where=some)
    return np.maximum(2 * ndtr(-far), np.finfo(np.float64).tiny), carriers


def _drawn_p_values(sums: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    users, columns = sums.shape
    every = 2**users <= permutations if users < 63 else False
    total = sums.sum(axis=0)
    # Sums that are equal on paper must count as equal.
    reached = np.abs(total) - 1e-6 * np.abs(sums).sum(axis=0)
    if every:
        flips = (np.arange(2**users)[:, None] >> np.arange(users)) & 1
        return (np.abs(total - 2 * (flips @ sums)) >= reached).mean(axis=0)
    flipped = np.zeros((permutations, columns))
    scale = np.maximum(np.abs(sums).max(axis=0), np.finfo(np.float64).tiny)
    for block, drawn in draws(_coins, users, permutations, seed):
        flipped += drawn @ (sums[block] / scale).astype(np.float32)
    extreme = (np.abs(total - 2 * scale * flipped) >= reached).sum(axis=0)
    return (1 + extreme) / (1 + permutations)


def _coins(rng: np.random.Generator, permutations: int, users: int) -> np.ndarray:
    """Zeros and ones, shape (permutations, users), as float32."""
    cells = permutations * users
    bits = np.unpackbits(np.frombuffer(rng.bytes(-(-cells // 8)), np.uint8), count=cells)
    return bits.reshape(permutations, users).astype(np.float32)


def adjusted(p_values: np.ndarray, correction: Correction = "holm") -> np.ndarray:
    """`p_values` of one family, corrected for their number; NaN stays NaN and is not counted.

    `holm` bounds the chance of even one false difference among them (Holm 1979); `benjamini-hochberg` bounds the
    expected share of false ones among those found (1995). Raises UsageError for another name.
    """
    if correction not in get_args(Correction):
        raise unknown_name("correction", correction, get_args(Correction))
    result = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    if known.size:
        result[known] = _CORRECT[correction](p_values[known])
    return result


def _holm(p_values: np.ndarray) -> np.ndarray:
    order = np.argsort(p_values, kind="stable")
    steps = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    result = np.empty_like(p_values)
    result[order] = np.minimum(steps, 1)
    return result


def _benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    from scipy.stats import false_discovery_control

    return false_discovery_control(p_values, method="bh")


_CORRECT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "holm": _holm,
    "benjamini-hochberg": _benjamini_hochberg,
    "none": np.copy,
}
