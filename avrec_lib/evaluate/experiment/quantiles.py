"""What an arm did to the typical user, and to the heavy one: differences of quantiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.bootstrap import FEWEST_USERS
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.metrics import user_values
from avrec_lib.evaluate.power import ALPHA


def quantile_effects(
    data: ExperimentData, metric: str, quantiles: Sequence[float] = (0.25, 0.5, 0.75, 0.9), *, alpha: float = ALPHA,
    resamples: int = 10_000, seed: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """One row an arm and quantile: variant, quantile, control, treatment, difference, low, high, users.

    The quantile of a bootstrap sample of n values is one of their order statistics, and its place is Binomial(n + 1,
    q): so places are drawn instead of samples (Schultzberg and Ankargren 2022, "Resampling-free bootstrap inference
    for quantiles"). Ties, as of the many who did nothing, need no density. No ceiling is used: a quantile needs none.
    Ends are null where an arm has under FEWEST_USERS users. Raises UsageError for a quantile outside 0 to 1, and for a
    ratio.
    """
    one = data.metric(metric)
    if one.bottom is not None:
        raise UsageError("The metric {name} is a ratio over users together, and has no quantiles.", name=repr(metric))
    if not all(0 < level < 1 for level in quantiles):
        raise UsageError("Quantiles lie between 0 and 1, but came as {levels}.",
                         levels=", ".join(map(str, quantiles)))  # fmt: skip
    values = user_values(data.users, one, with_before=False)
    top = data.users[one.top].cast(pl.Float64).fill_null(np.nan).to_numpy()
    ordered = [np.sort(top[values.known & (data.arms == arm)]) for arm in range(len(data.variants))]
    levels = np.asarray(quantiles, dtype=np.float64)
    rng = np.random.default_rng(seed)
    seen = np.array([np.quantile(side, levels) if side.size else np.full(len(levels), np.nan) for side in ordered])
    drawn = [_drawn(side, levels, resamples, rng) for side in ordered]
    rows = []
    for arm, variant in enumerate(data.treatments, start=1):
        low, high = np.quantile(drawn[arm] - drawn[0], [alpha / 2, 1 - alpha / 2], axis=0)
        if min(len(ordered[0]), len(ordered[arm])) < FEWEST_USERS:
            low, high = np.full((2, len(levels)), np.nan)
        rows.append(pl.DataFrame({
            "variant": [variant] * len(levels), "quantile": levels, "control": seen[0], "treatment": seen[arm],
            "difference": seen[arm] - seen[0], "low": low, "high": high,
            "users": [len(ordered[0]) + len(ordered[arm])] * len(levels),
        }))  # fmt: skip
    return pl.concat(rows).with_columns(pl.selectors.float().fill_nan(None))


def _drawn(ordered: np.ndarray, levels: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Quantiles of bootstrap samples, (resamples, levels)."""
    if not ordered.size:
        return np.full((resamples, len(levels)), np.nan)
    place = rng.binomial(len(ordered) + 1, levels, (resamples, len(levels)))
    return ordered[np.clip(place - 1, 0, len(ordered) - 1)]
