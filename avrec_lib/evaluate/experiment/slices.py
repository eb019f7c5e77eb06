"""For whom does an arm help? Effects by group of users, corrected for their number."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.evaluate.bootstrap import FEWEST_USERS
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.effects import need_before
from avrec_lib.evaluate.experiment.estimates import Estimate, estimate
from avrec_lib.evaluate.experiment.metrics import user_values
from avrec_lib.evaluate.experiment.moments import Moments, moments_by_cell
from avrec_lib.evaluate.power import ALPHA
from avrec_lib.evaluate.significance import adjusted

MOST_GROUPS = 8
"""Numbers of more kinds than this are cut into ranges."""


def effects_by(
    data: ExperimentData, metric: str, attribute: str, *, variant: str | None = None, cuped: bool = False,
    alpha: float = ALPHA,
) -> pl.DataFrame:  # fmt: skip
    """One row a group of users with the same value of `attribute` (a column of the users, known before the experiment;
    amounts of many values make groups of about a third of the users each).

    Columns group, users, control, treatment, difference, low, high (each at 1 − alpha), lift, p_value, p_adjusted
    (Holm over the groups), small (an arm of under 30 users: no test), heterogeneity (p of Cochran's Q: do the groups
    differ from each other?), in the order of the ranges or of the groups' size. A gain in one group of many is no
    finding unless the groups differ. Raises UsageError for a metric, variant or column that is not there, and for a
    column that was summed since the assignment.
    """
    one = data.metric(metric)
    place = data.variants.index(data.treatment(variant))
    if attribute not in data.users.columns:
        raise unknown_name("column", attribute, data.attributes or data.users.columns)
    if attribute in _measured(data):
        raise UsageError(
            "{column} was measured after the assignment, so groups by it are made by the arms.",
            hint="Take what was known before it, such as an amount that begins with before_.", column=repr(attribute),
        )  # fmt: skip
    if cuped:
        need_before(data)
    groups, ranges = as_groups(data.users[attribute])
    values = user_values(data.users, one, with_before=cuped)
    sizes = groups.rename("group").value_counts(name="users").sort(["users", "group"], descending=[True, False])
    names = pl.Series([*(name for name in ranges if name in groups), *(n for n in sizes["group"] if n not in ranges)])
    number = groups.replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64).to_numpy()
    kept = values.known & np.isin(data.arms, (0, place))
    cell = number[kept] * 2 + (data.arms[kept] > 0)
    moments = moments_by_cell(values.columns[kept], cell, (len(names), 2))
    found = estimate(moments.arm(0), moments.arm(1), cuped=cuped)
    return _table(names, moments, found, alpha)


def _measured(data: ExperimentData) -> set[str]:
    """The columns of users that are sums since their assignment."""
    amounts = {name for one in data.metrics.values() for name in (one.top, one.bottom) if name is not None}
    return (amounts | set(data.daily.columns if data.daily is not None else ())) - set(data.attributes)


def heterogeneity(difference: np.ndarray, error: np.ndarray) -> float:
    """p of Cochran's Q = Σ (d − d̄)² / error², d̄ weighted by 1 / error², chi-square on groups − 1; NaN of one group."""
    from scipy.special import chdtrc

    known = np.isfinite(difference) & (error > 0)
    if known.sum() < 2:
        return np.nan
    weight = error[known] ** -2.0
    centre = (weight * difference[known]).sum() / weight.sum()
    return float(chdtrc(known.sum() - 1, (weight * (difference[known] - centre) ** 2).sum()))


def _table(names: pl.Series, moments: Moments, found: Estimate, alpha: float) -> pl.DataFrame:
    small = moments.count.min(axis=-1) < FEWEST_USERS
    low, high = found.interval(alpha)
    p_values = np.where(small, np.nan, found.p_value())
    unlike = heterogeneity(np.where(small, np.nan, found.difference), found.error)
    table = pl.DataFrame({
        "group": names, "users": moments.count.sum(axis=-1).astype(np.int64), "control": found.control,
        "treatment": found.treatment, "difference": found.difference, "low": low, "high": high, "lift": found.lift,
        "p_value": p_values, "p_adjusted": adjusted(p_values), "small": small,
        "heterogeneity": np.full(len(names), unlike),
    })  # fmt: skip
    return table.with_columns(pl.selectors.float().fill_nan(None))


def as_groups(values: pl.Series) -> tuple[pl.Series, list[str]]:
    """Values as names of groups: words as they are, numbers of more than MOST_GROUPS kinds in ranges (named)."""
    if not values.dtype.is_numeric() or values.n_unique() <= MOST_GROUPS:
        return values.cast(pl.String).fill_null("unknown"), []
    numbers = values.cast(pl.Float64).fill_nan(None)
    edges = sorted({float(numbers.quantile(share, "lower") or 0.0) for share in (1 / 3, 2 / 3)})
    texts = [f"{edge:,.4g}" for edge in edges]
    names = [f"≤ {texts[0]}", *(f"{low} – {high}" for low, high in pairwise(texts)), f"> {texts[-1]}"]
    place = pl.Series(np.searchsorted(edges, numbers.fill_null(np.inf).to_numpy()))
    groups = pl.Series(names).gather(place)
    return groups.set(numbers.is_null(), "unknown"), names
