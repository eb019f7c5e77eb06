"""Means with intervals, and differences that are paired by query: what two systems did for the same user.

All intervals are bootstraps over *users* with expanded percentiles (`bootstrap`), all tests flip the signs of users'
differences (`significance`); what a row then means is decided in `verdicts`. Of skewed values they hold what they
promise only from `fewest` users on (Cochran's rule, `bootstrap.fewest_users`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.bootstrap import (
    FEWEST_USERS,
    bootstrap_intervals,
    bootstrap_means,
    fewest_users,
    standard_errors,
)
from avrec_lib.evaluate.metric import metric_label
from avrec_lib.evaluate.pairing import ValueGrid
from avrec_lib.evaluate.power import ALPHA, smallest_detectable
from avrec_lib.evaluate.ratio import ratio
from avrec_lib.evaluate.significance import Correction, adjusted, sign_flip_p_values
from avrec_lib.evaluate.verdicts import Better, Verdict, verdict
from avrec_lib.schema import Values, require_columns

__all__ = [
    "FEWEST_USERS", "INTERVAL_METHOD", "PAIRED_COLUMNS", "PAIRED_INTERVAL_METHOD", "Verdict", "bootstrap_means",
    "by_window", "paired_difference", "pairwise_differences", "summarise", "with_verdicts",
]  # fmt: skip

INTERVAL_METHOD = "95 % expanded percentile bootstrap over users"
PAIRED_INTERVAL_METHOD = "paired 95 % expanded percentile bootstrap over users"

PAIRED_COLUMNS = (
    "metric", "k", "difference", "low", "high", "n", "users", "unpaired", "verdict",
    "mean", "baseline_mean", "p_value", "p_adjusted", "comparisons", "zone", "smallest_detectable",
    "standard_error", "differing", "identical", "undefined", "better", "fewest",
)  # fmt: skip
_CELLS_AT_ONCE = 2**26


def summarise(values: pl.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pl.DataFrame:
    """Columns model, metric, k, value (the mean), low, high, n (queries with a value), users, undefined, fewest.

    One user has no interval, nor have values that are all the same: low and high are null. With fewer users than
    `fewest` the interval misses the true mean more often than once in twenty: a few users carry it.
    """
    return _means(values, ["model", "metric", "k"], resamples, seed)


def by_window(values: pl.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pl.DataFrame:
    """`summarise` for each window: columns model, metric, k, window, then value to fewest, and two on all windows.

    `windows` counts those with a value, `sd_of_windows` is the standard deviation of their means (null for one): how
    much the answer depends on the moment, or on the order of ties, that a window stands for. Users who appear in
    several windows make neighbouring windows alike, so it is not an error of the mean over windows.
    """
    keys = ["model", "metric", "k"]
    table = _means(values, [*keys, "window"], resamples, seed)
    return table.with_columns(
        windows=pl.col("value").count().over(keys), sd_of_windows=pl.col("value").std().over(keys)
    )


def _means(values: pl.DataFrame, keys: list[str], resamples: int, seed: int) -> pl.DataFrame:
    require_columns(Values.column_names(), values.columns, Values, "values")
    groups = values.select(keys).unique(maintain_order=True)
    users = values.select("user_id").unique().sort("user_id").with_row_index("user")
    placed = values.join(groups.with_row_index("column"), on=keys, nulls_equal=True, maintain_order="left").join(
        users, on="user_id", maintain_order="left"
    )
    shape = users.height, groups.height
    cells = placed["user"].to_numpy().astype(np.int64) * groups.height + placed["column"].to_numpy()
    defined = placed["value"].is_not_null().to_numpy()
    sums, counts, rows = (
        np.bincount(cells, weights, minlength=shape[0] * shape[1]).reshape(shape)
        for weights in (placed["value"].fill_null(0.0).to_numpy(), defined, None)
    )
    n = counts.sum(axis=0)
    low, high = bootstrap_intervals(sums, counts, resamples=resamples, seed=seed)
    numbers = {"value": _mean(sums, counts), "low": low, "high": high}
    facts = {"n": n, "users": (counts > 0).sum(axis=0), "undefined": rows.sum(axis=0) - n}
    facts["fewest"] = fewest_users(sums, counts)
    return groups.with_columns(
        **{name: pl.Series(column).fill_nan(None) for name, column in numbers.items()},
        **{name: pl.Series(column.astype(np.int64)) for name, column in facts.items()},
    )


def paired_difference(
    values_a: pl.DataFrame, values_b: pl.DataFrame, *, correction: Correction = "holm",
    equivalence_zone: float = 0.01, better: Mapping[str, Better] | None = None, resamples: int = 2000,
    permutations: int = 10_000, seed: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """B minus A on the same queries: one row a metric and k that both have, with PAIRED_COLUMNS.

    Both tables hold one model each. Pairs are formed on window, query, metric and k; a side with several seeds enters
    as its mean over them. A pair with an undefined side is left out and counted in `undefined`; `unpaired` counts the
    values of either side without a partner. The options and the other columns are those of `pairwise_differences`.
    Raises UsageError when a side holds several models, or the two share no query.
    """
    for side in (values_a, values_b):
        if side["model"].n_unique() > 1:
            raise UsageError("A pair is of two models, but one side holds {models}.",
                             models=", ".join(side["model"].unique(maintain_order=True)))  # fmt: skip
    sides = [side.with_columns(model=pl.lit(name)) for side, name in ((values_a, "a"), (values_b, "b"))]
    table = _measured(pl.concat(sides), ["a", "b"], equivalence_zone, resamples, permutations, seed)
    return with_verdicts(table, correction=correction, better=better).select(PAIRED_COLUMNS)


def pairwise_differences(
    values: pl.DataFrame, *, of: Collection[str] | None = None, correction: Correction = "holm",
    equivalence_zone: float = 0.01, better: Mapping[str, Better] | None = None,
    decides: tuple[str, int | None] | None = None, resamples: int = 2000, permutations: int = 10_000, seed: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """Every pair of models of `values`, in their order of appearance: the later one (`model`) minus the earlier one
    (`baseline`), one row a metric and k, with PAIRED_COLUMNS.

    `difference` [`low`, `high`] is `mean` minus `baseline_mean`, both over the n paired queries. `p_value` is of the
    sign-flip test, `p_adjusted` its correction over the `comparisons` of its family: leave out of `values` what is not
    asked. The family is the whole table; with `decides` (metric, k) the rows of that metric are one, all others a
    second, so that what is only looked at takes nothing from what decides. `zone` is `equivalence_zone` (a share; 0:
    none) of the absolute mean of the baseline, which says nothing for a metric around 0 (a gain, a lift): compare such
    metrics apart, without a zone. `smallest_detectable` is found with 80 % power at 5 % divided by the comparisons.
    `differing` counts users with any difference, `identical` says that there are none. With fewer users than `fewest`
    nothing is decided. `better` maps metrics to "higher", "lower" or None; without an entry higher is better. `of`
    asks only for the pairs in which one of these models is. Raises UsageError for fewer than two models, none that
    share a query, a zone that is no share, or a metric that decides but is not there.
    """
    require_columns(["model"], values.columns, Values, "values")
    models = values["model"].unique(maintain_order=True).to_list()
    if len(models) < 2:
        raise UsageError("One model alone cannot be compared; bring at least two.",
                         hint="In notebook 40: add to shelf, models or ranked.")  # fmt: skip
    table = _measured(values, models, equivalence_zone, resamples, permutations, seed, of)
    judged = with_verdicts(table, correction=correction, better=better, decides=decides)
    return judged.select("model", "baseline", *PAIRED_COLUMNS)


def with_verdicts(
    table: pl.DataFrame, *, correction: Correction = "holm", better: Mapping[str, Better] | None = None,
    decides: tuple[str, int | None] | None = None,
) -> pl.DataFrame:  # fmt: skip
    """`table` of differences judged as one family: fills comparisons, p_adjusted, smallest_detectable, better, verdict.

    For rows of several `paired_difference` put together, whose corrections knew only their own. With `decides`
    (metric, k) its rows are a family of their own and all others a second one; `comparisons` is that of the row's
    family. Raises UsageError when no row is of the metric that decides.
    """
    p_values = table["p_value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    errors = table["standard_error"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    corrected, comparisons = np.full(len(p_values), np.nan), np.ones(len(p_values), dtype=np.int64)
    deciding = _deciding(table, decides)
    for family in (deciding, ~deciding):
        corrected[family] = adjusted(p_values[family], correction)
        if correction != "none":
            comparisons[family] = (~np.isnan(p_values[family])).sum()
    smallest = smallest_detectable(errors, table["users"].to_numpy(), alpha=ALPHA / np.maximum(comparisons, 1))
    directions = [(better or {}).get(metric, "higher") for metric in table["metric"]]
    judged = table.with_columns(
        p_adjusted=pl.Series(corrected, dtype=pl.Float64).fill_nan(None),
        comparisons=pl.Series(comparisons),
        smallest_detectable=pl.Series(smallest).fill_nan(None),
        better=pl.Series(directions, dtype=pl.String),
    )
    verdicts = [verdict(row) for row in judged.iter_rows(named=True)]
    return judged.with_columns(verdict=pl.Series(verdicts, dtype=pl.String))


def _deciding(table: pl.DataFrame, decides: tuple[str, int | None] | None) -> np.ndarray:
    """Which rows are of the metric that decides; none when it is not named."""
    if decides is None:
        return np.zeros(table.height, dtype=bool)
    metric, k = decides
    deciding = table.select((pl.col("metric") == metric) & pl.col("k").eq_missing(k)).to_series().to_numpy()
    if not deciding.any():
        known = table.select("metric", "k").unique(maintain_order=True).rows()
        raise UsageError("{metric} is to decide, but the values hold {known}.", metric=metric_label(metric, k),
                         known=", ".join(metric_label(*one) for one in known))  # fmt: skip
    return deciding


def _measured(
    values: pl.DataFrame, models: list[str], equivalence_zone: float, resamples: int, permutations: int, seed: int,
    of: Collection[str] | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Every row of every pair without what depends on the family."""
    if not 0 <= equivalence_zone < 1:
        raise UsageError(
            "equivalence_zone is a share of the baseline's mean from 0 up to 1, but is {zone}.", zone=equivalence_zone
        )
    grid = ValueGrid.of(values)
    pairs = grid.pairs(models)
    if of is not None:
        pairs = pairs.filter(pl.col("model").is_in(list(of)) | pl.col("baseline").is_in(list(of)))
    # In parts, so that many models on many users fit into memory; the same seed gives each part the same weights.
    parts = [
        _measured_pairs(grid, part, equivalence_zone, resamples, permutations, seed)
        for part in pairs.iter_slices(max(_CELLS_AT_ONCE // max(len(grid.values), 1), 1))
    ]
    if not any(part["paired"].any() for part in parts):
        raise UsageError("The two sides share no value of the same query, metric and k, so nothing can be paired.")
    return pl.concat(parts).drop("paired")


def _measured_pairs(
    grid: ValueGrid, pairs: pl.DataFrame, equivalence_zone: float, resamples: int, permutations: int, seed: int
) -> pl.DataFrame:
    left, right = (pairs[side].to_numpy() for side in ("left", "right"))
    of_baseline, of_model = grid.values[:, left], grid.values[:, right]
    differences = of_model - of_baseline
    defined = ~np.isnan(differences)
    differences = np.where(defined, differences, 0.0)
    sums, counts = grid.by_user(differences), grid.by_user(defined)
    both = grid.present[:, left] & grid.present[:, right]
    n, users = counts.sum(axis=0), (counts > 0).sum(axis=0)
    errors = standard_errors(sums, counts)
    low, high = bootstrap_intervals(sums, counts, resamples=resamples, seed=seed)
    # An end that is 0 but for the rounding of float32 holds 0.
    low, high = (np.where(np.abs(end) < 1e-5 * errors, 0.0, end) for end in (low, high))
    p_values = sign_flip_p_values(sums, permutations=permutations, seed=seed)
    baseline_mean = _mean(np.where(defined, of_baseline, 0.0), defined)
    differing = (grid.by_user(differences != 0) > 0).sum(axis=0)
    numbers = {
        "difference": _mean(sums, counts), "low": low, "high": high,
        "mean": _mean(np.where(defined, of_model, 0.0), defined), "baseline_mean": baseline_mean,
        "p_value": np.where(users > 1, p_values, np.nan), "zone": equivalence_zone * np.abs(baseline_mean),
        "standard_error": errors,
    }  # fmt: skip
    facts = {
        "n": n, "users": users, "differing": differing, "undefined": both.sum(axis=0) - n,
        "unpaired": (grid.present[:, left] ^ grid.present[:, right]).sum(axis=0), "fewest": fewest_users(sums, counts),
    }  # fmt: skip
    return pairs.drop("left", "right").with_columns(
        **{name: pl.Series(column).fill_nan(None) for name, column in numbers.items()},
        **{name: pl.Series(column.astype(np.int64)) for name, column in facts.items()},
        identical=pl.Series((differing == 0) & (n > 0)),
        paired=pl.Series(both.any(axis=0)),
    )


def _mean(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return ratio(sums.sum(axis=0), counts.sum(axis=0))
