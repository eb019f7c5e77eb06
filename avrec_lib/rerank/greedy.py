"""What the greedy methods share: one pick a place for all queries at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from avrec_lib.errors import UsageError

CELLS_AT_ONCE = 2**22


def greedy_picks(
    filled: np.ndarray, k: int, gain: Callable[[np.ndarray | None], np.ndarray], keep: int = 0
) -> np.ndarray:
    """Places int64 (queries, k): at each step the place of the largest gain, ties to the better rank, -1 when none.

    `filled` (queries, depth) says where a candidate stands. `gain` is told what each query picked last (None at the
    start; -1: nothing) and answers with the gain of every candidate, (queries, depth). The first `keep` candidates are
    picked whatever their gain, in their order.
    """
    free = filled.copy()
    rows = np.arange(len(free))
    places = np.full((len(free), k), -1, dtype=np.int64)
    picked = None
    for step in range(min(k, free.shape[1])):
        gains = gain(picked)
        best = (np.where(free, gains, -np.inf) if step >= keep else free).argmax(axis=1)
        left = free[rows, best]
        picked = places[:, step] = np.where(left, best, -1)
        free[rows[left], best[left]] = False
    return places


def blocks(queries: int, cells_each: int) -> Iterator[slice]:
    """Slices of queries that together need about CELLS_AT_ONCE cells."""
    size = max(1, CELLS_AT_ONCE // max(cells_each, 1))
    for start in range(0, queries, size):
        yield slice(start, min(start + size, queries))


def check_share(name: str, value: float, top: float = 1) -> None:
    """Raise UsageError unless `value` lies within 0 and `top`."""
    if not 0 <= value <= top:
        raise UsageError("{name} must lie within 0 and {top}, but is {value}.", name=name, top=top, value=value)
