"""How often something happened, with the exact interval of that share."""

from __future__ import annotations

import polars as pl


def exact_share(hits: pl.DataFrame, *, count: str, of: str) -> pl.DataFrame:
    """`hits` with the columns share, low, high: `count` of `of` and its exact 95 % interval (Clopper and Pearson 1934).

    Null where `of` is 0: nothing was tried.
    """
    from scipy.special import betaincinv

    happened = hits[count].to_numpy().astype(float)
    tried = hits[of].to_numpy().astype(float)
    # The distribution is not defined where nothing or everything happened; there the end is that of the range.
    low = betaincinv(happened.clip(1), tried - happened + 1, 0.025)
    high = betaincinv(happened + 1, (tried - happened).clip(1), 0.975)
    ends = pl.DataFrame({"bottom": low, "top": high})
    any_tried = pl.col(of) > 0
    return hits.with_columns(ends).with_columns(
        share=pl.when(any_tried).then(pl.col(count) / pl.col(of)),
        low=pl.when(any_tried).then(pl.when(pl.col(count) > 0).then("bottom").otherwise(0.0)),
        high=pl.when(any_tried).then(pl.when(pl.col(count) < pl.col(of)).then("top").otherwise(1.0)),
    ).drop("bottom", "top")  # fmt: skip
