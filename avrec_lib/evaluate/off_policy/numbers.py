"""Numbers as a person reads them."""

from __future__ import annotations

import math


def rounded(count: int) -> str:
    """A count in two digits that count: 43,351 is 44,000, always up."""
    step = 10 ** max(len(str(count)) - 2, 0)
    return f"{math.ceil(count / step) * step:,}"


def decimals(*numbers: float) -> int:
    """Three digits that count of the largest number."""
    largest = max(abs(number) for number in numbers)
    return min(max(2 - math.floor(math.log10(largest)), 0), 8) if largest else 0


def with_ends(value: float, low: float, high: float, digits: int, *, signed: bool = False) -> str:
    """`+0.012 [0.004, 0.020]`."""
    ends = ", ".join(f"{end:.{digits}f}".replace("-", "−") for end in (low, high))
    shown = f"{value:{'+' if signed and round(value, digits) else ''}.{digits}f}"
    return f"{shown.removeprefix('-') if not round(value, digits) else shown} [{ends}]".replace("-", "−")
