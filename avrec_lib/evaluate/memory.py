"""How much memory a step takes: the process is looked at while it works, so that polars and solvers are counted too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_SECONDS = 0.01


@dataclass
class PeakMemory:
    """The most memory (MiB) that the process held above what it held at the start; a step under 10 ms may show none."""

    mib: float = 0.0


@contextmanager
def peak_memory() -> Iterator[PeakMemory]:
    """Watch the resident memory of this process during the block; other threads of it are counted with it."""
    process, peak, done = psutil.Process(), PeakMemory(), threading.Event()
    start = process.memory_info().rss

    def look() -> None:
        peak.mib = max(peak.mib, (process.memory_info().rss - start) / 2**20)

    def watch() -> None:
        while not done.wait(_SECONDS):
            look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
        look()
