"""Random numbers that belong to a user and a moment, not to the order in which somebody asked for them.

A generator hands out its numbers in turn, so one request more in one world would shift the luck of everybody after it.
Here a number is a function of (seed, user, day, turn, purpose, column): the same user on the same day has the same luck
under every policy, in every block size, and among any other users. The function is the output step of SplitMix64
(Steele, Lea and Flood 2014) applied to a Weyl sequence.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

STRIDE = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
COLUMNS = 4096  # the most numbers of one purpose
TWO_64 = 2**64


class Purpose(IntEnum):
    """What a number decides; numbers of different purposes are independent."""

    VISIT = 1
    HOUR = 2
    PLATFORM = 3
    AGAIN = 4
    STAY = 5
    CHURN = 6
    SEARCH = 7
    CANDIDATE = 8
    REPAIR = 9
    LOOK = 10
    CLICK = 11
    WATCH = 12
    LIKE = 13
    SHARE = 14
    ARM = 15
    DRIFTS = 16
    JUMP = 17
    INTEREST = 18


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """The output step of SplitMix64, in place."""
    numbers ^= numbers >> np.uint64(30)
    numbers *= FIRST
    numbers ^= numbers >> np.uint64(27)
    numbers *= SECOND
    numbers ^= numbers >> np.uint64(31)
    return numbers


def keys(seed: int, users: np.ndarray, day: int = 0, turn: int = 0) -> np.ndarray:
    """One 64-bit key (n,) for each of `users` (n,) in the `turn`-th request of a day."""
    moment = np.zeros(1, np.uint64)
    for part in (seed, day, turn):  # one after the other, so that (1, 2) and (2, 1) differ
        moment = _mixed((moment ^ np.uint64(part % TWO_64)) + STRIDE)
    return _mixed((users.astype(np.uint64) + np.uint64(1)) * STRIDE ^ moment)


def bits(key: np.ndarray, purpose: int, columns: int | None = None) -> np.ndarray:
    """64 random bits for each key: (n,), or (n, columns)."""
    first = int(purpose) * COLUMNS + 1
    if columns is None:
        return _mixed(key + np.uint64(first * int(STRIDE) % TWO_64))
    return _mixed(key[:, None] + np.arange(first, first + columns, dtype=np.uint64) * STRIDE)


def uniform(key: np.ndarray, purpose: int, columns: int | None = None) -> np.ndarray:
    """Numbers strictly between 0 and 1 for each key: (n,), or (n, columns)."""
    return ((bits(key, purpose, columns) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def logistic(uniforms: np.ndarray) -> np.ndarray:
    """Standard logistic noise ln(u / (1 − u)); its standard deviation is π/√3."""
    return np.log(uniforms / (1 - uniforms))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + e^−x)."""
    return 1 / (1 + np.exp(-logits))
