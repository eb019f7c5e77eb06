"""Progress for anything that takes over two seconds: a bar on a terminal, one plain line a step elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


def in_words(seconds: float) -> str:
    """A duration to read: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class Meter:
    """Counts work done against `total` (None: unknown) and says how long it has left.

    On a terminal one line is redrawn; elsewhere nothing is written until `quiet_seconds` have passed, then at most a
    line every `quiet_seconds`.
    """

    def __init__(
        self,
        label: str,
        total: float | None,
        unit: str = "",
        *,
        stream: TextIO | None = None,
        quiet_seconds: float = 5.0,
    ) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.stream = stream or sys.stderr
        self.on_terminal = self.stream.isatty()
        self.every = 0.1 if self.on_terminal else quiet_seconds
        self.done = 0.0
        self.started = self.last_drawn = time.monotonic()

    def advance(self, amount: float = 1.0) -> None:
        """Note that `amount` more is done."""
        self.done += amount
        now = time.monotonic()
        if now - self.last_drawn >= self.every:
            self.last_drawn = now
            self._draw(self.line(now - self.started), end="" if self.on_terminal else "\n")

    def line(self, elapsed: float) -> str:
        """The text of the meter after `elapsed` seconds."""
        if not self.total:
            return f"{self.label}: {self.done:,.0f} {self.unit}, {in_words(elapsed)}"
        share = min(self.done / self.total, 1.0)
        left = f", {in_words(elapsed * (1 - share) / share)} left" if share > 0 else ""
        return f"{self.label}: {share:4.0%} of {self.total:,.0f} {self.unit}{left}"

    def close(self) -> None:
        """Clear the line on a terminal."""
        if self.on_terminal:
            self._draw("", end="")

    def _draw(self, text: str, end: str) -> None:
        lead = "\r\x1b[K" if self.on_terminal else ""
        self.stream.write(f"{lead}{text}{end}")
        self.stream.flush()


@contextmanager
def meter(label: str, total: float | None = None, unit: str = "") -> Iterator[Meter]:
    """A `Meter` that is closed at the end of the block."""
    shown = Meter(label, total, unit)
    try:
        yield shown
    finally:
        shown.close()
