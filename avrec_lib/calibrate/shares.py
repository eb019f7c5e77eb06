"""How often something happened, with the exact interval of that share."""

from __future__ import annotations

import polars as pl


def exact_interval(happened: int, tried: int, confidence: float = 0.95) -> tuple[float, float]:
    """Both ends of the share `happened` / `tried`, exact (Clopper and Pearson 1934)."""
    from scipy.stats import binomtest

    low, high = binomtest(happened, tried).proportion_ci(confidence, method="exact")
    return float(low), float(high)


def exact_share(hits: pl.DataFrame, *, count: str, of: str) -> pl.DataFrame:
    """`hits` with the columns share, low, high: `count` of `of` and its exact 95 % interval.

    Null where `of` is 0: nothing was tried.
    """
    rows = [
        (happened / tried, *exact_interval(happened, tried)) if tried else (None, None, None)
        for happened, tried in hits.select(count, of).iter_rows()
    ]
    ends = pl.DataFrame(rows, dict.fromkeys(("share", "low", "high"), pl.Float64), orient="row")
    return hits.with_columns(ends)
