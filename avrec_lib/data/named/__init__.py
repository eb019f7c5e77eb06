"""One small reader a family of named data sets: a folder of their files in, tables of the vocabulary out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path

from avrec_lib.data.named.files import Tables

__all__ = ["Tables", "reader_of"]


def reader_of(family: str) -> tuple[Sequence[str], Callable[[Path, str], Tables]]:
    """Which files a family's reader wants (path endings), and the reader: `read(folder, name) -> Tables`."""
    module = importlib.import_module(f"{__name__}.{family}")
    return module.WANTED, module.read
