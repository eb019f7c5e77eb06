"""Signals that ask a process to end, answered like Ctrl-C: what is open is closed, nothing half-written is left."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# A terminal that closes sends SIGHUP, which Windows does not have.
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def stopping_on_terminate() -> Iterator[None]:
    """Raise KeyboardInterrupt when the process is asked to end; a signal that is ignored (nohup) stays ignored."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    old = {number: signal.getsignal(number) for number in ENDING}
    old = {number: handler for number, handler in old.items() if handler is not signal.SIG_IGN}
    for number in old:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
