"""Division where the whole may be nothing: what is undefined stays undefined, here for every metric and mean."""

from __future__ import annotations

import numpy as np


def ratio(part: np.ndarray, whole: np.ndarray, otherwise: float = np.nan) -> np.ndarray:
    """`part` / `whole`, float64 in the shape of `part`; `otherwise` where the whole is 0, below 0, or NaN."""
    return np.divide(part, whole, out=np.full(np.shape(part), otherwise, dtype=np.float64), where=whole > 0)
