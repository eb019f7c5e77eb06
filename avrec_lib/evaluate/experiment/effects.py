"""Each metric of each arm against the control: difference and lift with intervals, tested as one family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.evaluate.bootstrap import bootstrap_means
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.estimates import Estimate, estimate
from avrec_lib.evaluate.experiment.metrics import UserMetric, UserValues, user_values
from avrec_lib.evaluate.experiment.moments import moments_by_arm
from avrec_lib.evaluate.power import ALPHA
from avrec_lib.evaluate.significance import adjusted

Interval = Literal["delta", "bootstrap"]
COLUMNS = (
    "metric", "variant", "users", "control_users", "control", "treatment", "difference", "low", "high", "lift",
    "lift_low", "lift_high", "p_value", "p_adjusted", "comparisons", "standard_error", "cuped", "correlation",
    "narrower", "better",
)  # fmt: skip


def effects(
    data: ExperimentData, metrics: Sequence[str] | None = None, *, primary: str | None = None, cuped: bool = False,
    alpha: float = ALPHA, interval: Interval = "delta", resamples: int = 2000, seed: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """One row a metric (default: all) and arm beside the control, with COLUMNS.

    `control` and `treatment` are the arms' values (adjusted where `cuped`), `difference` [`low`, `high`] is treatment −
    control and `lift` [`lift_low`, `lift_high`] the same by the control's value, null where that is not clearly above
    0; intervals are at 1 − alpha for each row alone, by the delta method or by the bootstrap over users. `p_value` is
    Welch's, `p_adjusted` Holm's over `comparisons`: the rows of `primary` are one family, all others a second one;
    without a primary metric all rows are one. `cuped` takes the pre-period where a metric has one; `correlation` is
    then that of metric and covariate, `narrower` the share by which the interval shrank. Raises UsageError for an
    unknown metric, DataError when CUPED is asked for and nothing is older than the assignments.
    """
    names = list(data.metrics) if metrics is None else list(metrics)
    if interval not in get_args(Interval):
        raise unknown_name("interval", interval, get_args(Interval))
    if primary is not None and primary not in names:
        raise UsageError("{metric} is to decide, but it is not among the metrics asked.", metric=repr(primary))
    if cuped:
        need_before(data)
    rows = []
    for name in names:
        metric = data.metric(name)
        values = user_values(data.users, metric, with_before=cuped)
        moments = moments_by_arm(values.columns, data.arms, values.known, len(data.variants))
        for place, variant in enumerate(data.treatments, start=1):
            control, treatment = moments.arm(0), moments.arm(place)
            found = estimate(control, treatment, cuped=cuped)
            ends = _ends(found, alpha)
            if interval == "bootstrap":
                ends = bootstrap_ends(values, data.arms, place, found, alpha, resamples, seed)
            plain = estimate(control, treatment).error
            rows.append({
                "metric": name, "variant": variant, "users": int(treatment.count), "control_users": int(control.count),
                "control": found.control, "treatment": found.treatment, "difference": found.difference,
                "lift": found.lift, "p_value": found.p_value(), "standard_error": found.error, **ends,
                "cuped": values.before is not None, "correlation": found.correlation,
                "narrower": 1 - found.error / plain if plain > 0 else np.nan, "better": metric.better,
            })  # fmt: skip
    return _tested(rows, primary)


def effect_versions(
    data: ExperimentData, metric: str, *, ceiling: float = 0.99, alpha: float = ALPHA, resamples: int = 2000,
    seed: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """The effect on one metric, measured in every way: `effects` with the columns version and interval in front.

    Versions are "as it is", "cut" (the highest users at the quantile `ceiling`; not of a ratio or below a fixed
    ceiling), "CUPED" where a pre-period is known, and "cut, CUPED"; intervals "delta" and "bootstrap". They are one
    question, so that nothing is corrected for their number: which of them decides is fixed before.
    """
    one = data.metric(metric)
    uncut = one.bottom is not None or one.at_most is not None
    cuts = {"as it is": None} if uncut else {"as it is": None, "cut": ceiling}
    tables = []
    for with_covariate in (False, True) if data.has_before else (False,):
        for version, quantile in cuts.items():
            name = "CUPED" if version == "as it is" else "cut, CUPED"
            changed = replace(data, metrics={metric: replace(one, winsorise=quantile)})
            for interval in get_args(Interval):
                found = effects(changed, cuped=with_covariate, alpha=alpha, interval=interval, resamples=resamples,
                                seed=seed)  # fmt: skip
                labels = {"version": name if with_covariate else version, "interval": interval}
                tables.append(found.select(*(pl.lit(text).alias(key) for key, text in labels.items()), pl.all()))
    return pl.concat(tables)


def need_before(data: ExperimentData) -> None:
    """Raise DataError where nothing older than the assignments is known, so that CUPED has no covariate."""
    if not data.has_before:
        raise DataError(
            "CUPED cannot be used: no amount is known that is older than the assignments.",
            hint="Bring events from before the experiment, or columns with before=…; else set cuped=False.",
        )  # fmt: skip


def arm_values(data: ExperimentData, metric: UserMetric, *, cuped: bool) -> tuple[UserValues, list[Estimate]]:
    """The values of `metric`, and the estimate of each arm beside the control."""
    values = user_values(data.users, metric, with_before=cuped)
    moments = moments_by_arm(values.columns, data.arms, values.known, len(data.variants))
    places = range(1, len(data.variants))
    return values, [estimate(moments.arm(0), moments.arm(place), cuped=cuped) for place in places]


def known_by_arm(data: ExperimentData, values: UserValues) -> np.ndarray:
    """Of how many users of each arm `values` are known, (arms,)."""
    return np.bincount(data.arms[values.known], minlength=len(data.variants))


def bootstrap_ends(
    values: UserValues, arms: np.ndarray, place: int, found: Estimate, alpha: float, resamples: int, seed: int
) -> dict[str, float]:  # fmt: skip
    """Ends of difference and lift by the bootstrap over users, each arm resampled by itself.

    Percentiles are expanded as in `bootstrap.bootstrap_intervals`: by √(n / (n − 1)) and Student's t, with n the users
    of the smaller arm. θ of CUPED stays as it is: its own error is of a lower order.
    """
    from scipy.special import ndtr, stdtrit

    drawn, fewest = [], np.inf
    for offset, arm in enumerate((0, place)):
        mine = values.known & (arms == arm)
        top, bottom = values.top[mine], values.bottom[mine]
        if values.before is not None:
            older, under = values.before
            both = values.known & np.isin(arms, (0, place))
            common = older[both].sum() / max(under[both].sum(), np.finfo(np.float64).tiny)
            shift = (older[mine] - common * under[mine]) / max(under[both].mean(), np.finfo(np.float64).tiny)
            top = top - float(found.theta) * bottom.mean() * shift
        drawn.append(bootstrap_means(top[:, None], bottom[:, None], resamples=resamples, seed=2 * seed + offset)[:, 0])
        fewest = min(fewest, len(top))
    reach = np.sqrt(fewest / (fewest - 1)) * stdtrit(fewest - 1, 1 - alpha / 2) if fewest > 1 else np.nan
    levels = np.array([ndtr(-reach), ndtr(reach)])
    if np.isnan(levels).any() or not found.error > 0:
        return dict.fromkeys(("low", "high", "lift_low", "lift_high"), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        lifts = drawn[1] / drawn[0] - 1
    low, high = np.nanquantile(drawn[1] - drawn[0], levels)
    lift_low, lift_high = np.nanquantile(lifts, levels) if np.isfinite(found.lift) else (np.nan, np.nan)
    return {"low": low, "high": high, "lift_low": lift_low, "lift_high": lift_high}


def _ends(found: Estimate, alpha: float) -> dict[str, float]:
    low, high = found.interval(alpha)
    lift_low, lift_high = found.lift_interval(alpha)
    ends = {"low": low, "high": high, "lift_low": lift_low, "lift_high": lift_high}
    return {name: float(end) for name, end in ends.items()}


def _tested(rows: Sequence[dict[str, object]], primary: str | None) -> pl.DataFrame:
    """`rows` as a table, with Holm's correction in the family of the primary metric and in that of all others."""
    columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    whole = ("metric", "variant", "users", "control_users", "cuped", "better")
    table = pl.DataFrame(
        {name: values if name in whole else np.array(values, dtype=np.float64) for name, values in columns.items()}
    )
    p_values = table["p_value"].to_numpy()
    decides = np.array([row["metric"] == primary for row in rows], dtype=bool)
    corrected, comparisons = np.full(len(rows), np.nan), np.ones(len(rows), dtype=np.int64)
    for family in (decides, ~decides):
        corrected[family] = adjusted(p_values[family])
        comparisons[family] = max(int((~np.isnan(p_values[family])).sum()), 1)
    tested = table.with_columns(p_adjusted=pl.Series(corrected), comparisons=pl.Series(comparisons))
    return tested.select(COLUMNS).with_columns(pl.selectors.float().fill_nan(None))
