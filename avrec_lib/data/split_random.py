"""Splits by chance: user-item pairs, or whole users or items."""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.data.split_rows import PAIR, Parts
from avrec_lib.errors import DataError


def random_pairs(rows: pl.DataFrame, test_share: float, seed: int) -> Parts:
    """Each user-item pair goes to the test with probability `test_share`: leaks the future, needs no times.

    The pairs are drawn in the order of their ids, so that the order of the rows does not matter.
    """
    pairs = rows.filter("chosen").select(PAIR).unique().sort(PAIR)
    held_out = pairs.filter(pl.Series(np.random.default_rng(seed).random(pairs.height) < test_share))
    known, test = (rows.join(held_out, on=PAIR, how=how, maintain_order="left") for how in ("anti", "semi"))
    return Parts(known.filter("chosen"), test.filter("chosen"), known)


def draw(ids: pl.Series, share: float, seed: int) -> pl.Series:
    """`share` of the different `ids`, to the nearest whole number but at least one; one id stays back at least.

    Drawn in the order of the ids, returned in that order. Raises DataError when there are fewer than two.
    """
    known = ids.unique().sort()
    if known.len() < 2:
        raise DataError(
            "The column {column} holds {count} id, so none can be held out from the others.",
            hint="Use split=random, or bring a longer log.", column=ids.name, count=known.len(),
        )  # fmt: skip
    count = min(max(round(share * known.len()), 1), known.len() - 1)
    places = np.random.default_rng(seed).permutation(known.len())[:count]
    return known.gather(np.sort(places))
