"""Means with intervals, and differences that are paired by query: what two systems did for the same user.

All intervals are percentile bootstraps over *users* (a user's queries stay together), with Poisson(1) weights instead
of drawn samples (Chamandy et al. 2012, "Estimating uncertainty for massive data streams"): one weight table and one
matrix product for all metrics at once.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
import polars as pl
from scipy.stats import poisson

from avrec_lib.errors import UsageError

INTERVAL_METHOD = "95 % percentile bootstrap over users"
PAIRED_INTERVAL_METHOD = "paired 95 % percentile bootstrap over users"
Verdict = Literal["better", "worse", "the same", "cannot be decided with this data"]

PAIRED_COLUMNS = ("metric", "k", "difference", "low", "high", "n", "users", "unpaired", "verdict")
FEWEST_USERS = 30
"""Below this many users a bootstrap interval is too narrow to carry a verdict (`test_intervals_cover`)."""

_BLOCK_USERS = 8192


def bootstrap_means(sums: np.ndarray, counts: np.ndarray, *, resamples: int = 2000, seed: int = 0) -> np.ndarray:
    """Resampled means, shape (resamples, columns), of a ratio Σ sums / Σ counts over clusters.

    `sums` and `counts` are (clusters, columns): a cluster's sum of defined values and their number. A resample in
    which a column has no defined value is NaN.
    """
    # Around the mean float32 has digits to spare, also for seconds or revenue.
    centre = np.divide(sums.sum(axis=0), counts.sum(axis=0), out=np.zeros(sums.shape[1]), where=counts.sum(axis=0) > 0)
    weight_of = poisson.ppf((np.arange(65536) + 0.5) / 65536, 1).astype(np.float32)
    rng = np.random.default_rng(seed)
    top, bottom = (np.zeros((resamples, sums.shape[1]), dtype=np.float64) for _ in range(2))
    for start in range(0, len(sums), _BLOCK_USERS):
        block = slice(start, start + _BLOCK_USERS)
        drawn = rng.integers(0, 65536, size=(resamples, len(sums[block])), dtype=np.uint16)
        weights = weight_of[drawn]
        top += weights @ (sums[block] - centre * counts[block]).astype(np.float32)
        bottom += weights @ counts[block].astype(np.float32)
    return centre + np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def summarise(values: pl.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pl.DataFrame:
    """Columns model, metric, k, value (the mean), low, high, n (queries with a value), undefined, users.

    One user has no interval, nor have values that are all the same: low and high are null.
    """
    keys = ["model", "metric", "k"]
    groups = values.select(keys).unique(maintain_order=True)
    by_user = values.group_by([*keys, "user_id"]).agg(
        total=pl.col("value").sum(), defined=pl.col("value").count(), undefined=pl.col("value").null_count()
    )
    column = groups.with_row_index("column")
    users = by_user.select("user_id").unique().sort("user_id").with_row_index("user")
    placed = by_user.join(column, on=keys, nulls_equal=True).join(users, on="user_id")
    sums, counts = (np.zeros((users.height, groups.height)) for _ in range(2))
    at = placed.get_column("user").to_numpy(), placed.get_column("column").to_numpy()
    sums[at], counts[at] = placed.get_column("total"), placed.get_column("defined")

    n = counts.sum(axis=0)
    means = np.divide(sums.sum(axis=0), n, out=np.full(len(n), np.nan), where=n > 0)
    with_value = (counts > 0).sum(axis=0)
    low, high = (np.full(len(n), np.nan) for _ in range(2))
    spread = with_value > 1
    if spread.any():
        means_of = bootstrap_means(sums[:, spread], counts[:, spread], resamples=resamples, seed=seed)
        low[spread], high[spread] = np.nanquantile(means_of, [0.025, 0.975], axis=0)
    low, high = (np.where(low < high, bound, np.nan) for bound in (low, high))
    undefined = by_user.group_by(keys).agg(pl.col("undefined").sum())
    return groups.with_columns(
        value=pl.Series(means), low=pl.Series(low), high=pl.Series(high), n=pl.Series(n.astype(np.int64)),
        users=pl.Series(with_value.astype(np.int64)),
    ).with_columns(pl.col("value", "low", "high").fill_nan(None)).join(
        undefined, on=keys, how="left", nulls_equal=True, maintain_order="left"
    )  # fmt: skip


def paired_difference(
    values_a: pl.DataFrame, values_b: pl.DataFrame, *, resamples: int = 2000, seed: int = 0
) -> pl.DataFrame:
    """B minus A on the same queries: columns metric, k, difference, low, high, n, users, unpaired, verdict.

    Both tables hold one model each. Pairs are formed on window, query, metric and k; a side with several seeds enters
    as its mean over them. A pair with an undefined side is left out; `unpaired` counts the values of either side
    without a partner. Raises UsageError when a side holds several models, or the two share no query.
    """
    for side in (values_a, values_b):
        if side["model"].n_unique() > 1:
            raise UsageError("A pair is of two models, but one side holds {models}.",
                             models=", ".join(side["model"].unique(maintain_order=True)))  # fmt: skip
    on = ["window", "query_id", "user_id", "metric", "k"]
    over_seeds = [side.group_by(on, maintain_order=True).agg(pl.col("value").mean()) for side in (values_a, values_b)]
    pairs = over_seeds[0].join(over_seeds[1], on=on, suffix="_b", nulls_equal=True, maintain_order="left")
    if pairs.is_empty():
        raise UsageError("The two sides share no value of the same query, metric and k, so nothing can be paired.")
    differences = pairs.select(*on, model=pl.lit("difference"), value=pl.col("value_b") - pl.col("value"))
    table = summarise(differences, resamples=resamples, seed=seed).rename({"value": "difference"})
    either = pl.concat(over_seeds).unique(["window", "query_id", "metric", "k"]).group_by("metric", "k").len("all")
    facts = differences.group_by("metric", "k").agg(paired=pl.len(), equal=(pl.col("value") == 0).all())
    for more in (either, facts):
        table = table.join(more, on=["metric", "k"], nulls_equal=True, maintain_order="left")
    readings = table.select("equal", "low", "high", "users").iter_rows()
    verdicts = ["the same" if equal else verdict(*interval) for equal, *interval in readings]
    table = table.with_columns(unpaired=pl.col("all") - pl.col("paired"), verdict=pl.Series(verdicts, dtype=pl.String))
    return table.select(PAIRED_COLUMNS)


def pairwise_differences(values: pl.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pl.DataFrame:
    """Every pair of models of `values`, in their order of appearance: the later one (`model`) minus the earlier one
    (`baseline`), with the columns of `paired_difference`.
    """
    parts = [
        paired_difference(earlier, later, resamples=resamples, seed=seed).select(
            pl.lit(later["model"][0]).alias("model"), pl.lit(earlier["model"][0]).alias("baseline"), *PAIRED_COLUMNS
        )
        for earlier, later in combinations(values.partition_by("model", maintain_order=True), 2)
    ]
    if not parts:
        raise UsageError("One model alone cannot be compared; bring at least two.")
    return pl.concat(parts)


def verdict(low: float | None, high: float | None, users: int) -> Verdict:
    """Reads the interval of a difference for a metric where more is better.

    Nothing is decided without an interval, nor by fewer than FEWEST_USERS users.
    """
    if low is not None and high is not None and users >= FEWEST_USERS:
        if low > 0:
            return "better"
        if high < 0:
            return "worse"
    return "cannot be decided with this data"
