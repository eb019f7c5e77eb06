"""On what a network computes: the device, and how many threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from avrec_lib.errors import UsageError

THREADS_VARIABLE = "AVREC_THREADS"


def device() -> torch.device:
    """A GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def rows_on_device(rows: np.ndarray) -> Tensor:
    """Rows of items, of users or of anything, as int64 on the device."""
    return torch.from_numpy(rows.astype(np.int64)).to(device())


@contextmanager
def threads(count: int | None = None) -> Iterator[None]:
    """Let torch use `count` threads inside the block; without one those of `AVREC_THREADS`, else what it uses now.

    Two threads can be slower than one on a busy machine. The same seed gives the same result for the same count.
    """
    wanted = _from_environment() if count is None else count
    before = torch.get_num_threads()
    torch.set_num_threads(wanted or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _from_environment() -> int | None:
    text = os.environ.get(THREADS_VARIABLE)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(
            "{variable} is a whole number from 1 up, but is {value}.", variable=THREADS_VARIABLE, value=repr(text)
        )
    return int(text)
