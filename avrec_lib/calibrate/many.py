"""The same experiment on many seeds, on as many processes as one likes, with the same result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from avrec_lib.errors import UsageError
from avrec_lib.progress import meter
from avrec_lib.strings import say

AT_ONCE = 5
"""Seeds that a process takes at a time: enough for the handing over to cost nothing, few enough to show progress."""

Row = dict[str, Any]


def over_seeds(task: Callable[[int], list[Row]], seeds: Sequence[int], workers: int, label: str) -> list[Row]:
    """The rows that `task` gives for each seed, in the order of `seeds`; `task` must be importable by its name.

    Each process works on one thread, also when there is only this one. Raises UsageError for fewer workers than 1.
    """
    if workers < 1:
        raise UsageError("workers is a number from 1 upwards, but it is {count}.", count=workers)
    found: list[Row] = []
    with meter(say(label), len(seeds), say("worlds")) as shown:
        for rows in _answers(task, seeds, workers):
            found += rows
            shown.advance()
    return found


def _answers(task: Callable[[int], list[Row]], seeds: Sequence[int], workers: int) -> Iterator[list[Row]]:
    if workers == 1:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            yield from map(task, seeds)
        return
    # A fork would copy locks that other threads hold.
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_one_thread) as pool:
        yield from pool.map(task, seeds, chunksize=AT_ONCE)


def _one_thread() -> None:
    from threadpoolctl import threadpool_limits

    os.environ["OMP_NUM_THREADS"] = "1"  # for what is loaded later
    threadpool_limits(1)
