"""A model trained again with another seed gives another mean: how much of what one sees is that."""

from __future__ import annotations

import polars as pl


def seed_spread(values: pl.DataFrame) -> pl.DataFrame:
    """Columns model, metric, k, seeds, value, sd_of_seed_means, standard_error, share_of_variance, n, users, undefined.

    `value` is the mean over the n queries for which every seed has a value (`undefined` counts the others), so that
    seeds differ by training alone; `standard_error` is that of drawing these users. A model trained once varies by
    sd_of_seed_means² + standard_error², and `share_of_variance` of it is the seed's. Null for one seed or one user.
    """
    keys = ["model", "metric", "k"]
    query = [*keys, "window", "query_id", "user_id"]
    seeds = values.group_by(keys, maintain_order=True).agg(seeds=pl.col("seed").n_unique())
    by_query = (
        values.group_by(query)
        .agg(value=pl.col("value").mean(), defined=pl.col("value").count())
        .join(seeds, on=keys, nulls_equal=True)
    )
    complete = by_query.filter(pl.col("defined") >= pl.col("seeds"))
    of_seeds = (
        values.join(complete.select(query), on=query, how="semi", nulls_equal=True)
        .group_by([*keys, "seed"])
        .agg(mean=pl.col("value").mean())
        .group_by(keys)
        .agg(sd_of_seed_means=pl.col("mean").std())
    )
    total, count = pl.col("total"), pl.col("count")
    mean = total.sum() / count.sum()
    # As bootstrap.standard_errors: a ratio of sums over users.
    squares = ((total - mean * count) ** 2).sum()
    of_users = (
        complete.group_by([*keys, "user_id"])
        .agg(total=pl.col("value").sum(), count=pl.len())
        .group_by(keys)
        .agg(value=mean, n=count.sum(), users=pl.len(), squares=squares)
    )
    asked = by_query.group_by(keys).agg(asked=pl.len())
    table = seeds
    for more in (of_seeds, of_users, asked):
        table = table.join(more, on=keys, how="left", nulls_equal=True, maintain_order="left")
    n, users, of_seed = pl.col("n"), pl.col("users"), pl.col("sd_of_seed_means") ** 2
    error = pl.when(users > 1).then((pl.col("squares") * users / (users - 1)).sqrt() / n)
    return (
        table.with_columns(pl.col("n", "users").fill_null(0).cast(pl.Int64), standard_error=error)
        .with_columns(variance=of_seed + pl.col("standard_error") ** 2)
        .select(
            *keys, "seeds", "value", "sd_of_seed_means", "standard_error",
            pl.when(pl.col("variance") > 0).then(of_seed / pl.col("variance")).alias("share_of_variance"),
            "n", "users", undefined=pl.col("asked") - pl.col("n"),
        )
    )  # fmt: skip
