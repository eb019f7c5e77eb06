"""Training rows with less in them, or with more that nobody meant: what sparsity and noise do to whoever learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import polars as pl

from avrec_lib.data.split import Split
from avrec_lib.data.split_rows import PAIR
from avrec_lib.errors import DataError, UsageError, unknown_name

Perturbation = Literal["thinned", "noised"]
TRIES = 30  # draws of an item that the user does not have already


def thinned(train: pl.DataFrame, share: float, rng: np.random.Generator) -> pl.DataFrame:
    """`share` of each user's rows, by lot, to the nearest whole number but at least one; in the order they had.

    A generator in the same state keeps, of a larger share, all that it keeps of a smaller one. Raises UsageError for a
    share outside 0 to 1.
    """
    _check(share)
    kept = np.maximum(_rounded(train, share), 1)
    return train.filter(pl.Series(_by_lot(train, rng) < kept))


def noised(
    train: pl.DataFrame, share: float, rng: np.random.Generator, kept_out: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`train` with other items in `share` of each user's rows: to the nearest whole number, but one row stays true.

    An item is drawn as often as it has rows in `train`, and again while its user has it there or in `kept_out`
    (user_id, item_id): what a user wants anyway would be no noise. A row for which 30 draws found nothing stays as it
    was. The other columns stay, so that the times of a history are the old ones. A generator in the same state puts,
    of a larger share, all the noise there that it puts of a smaller one. Raises UsageError for a share outside 0 to 1.
    """
    _check(share)
    count = train.select(pl.len().over("user_id")).to_series().to_numpy()
    is_noise = _by_lot(train, rng) < np.minimum(_rounded(train, share), count - 1)
    drawn = _strange_items(train, train.select(PAIR) if kept_out is None else _pairs(train, kept_out), rng)
    return train.with_columns(pl.when(pl.Series(is_noise)).then(drawn).otherwise("item_id").alias("item_id"))


def perturbed(split: Split, how: Perturbation, shares: Sequence[float], seed: int = 0) -> dict[float, Split]:
    """Share -> `split` with its training rows `thinned` to it, or `noised` by it: the same questions, the same truth.

    For splits whose queries carry no history, as `global_time` and `random` make them: their models know a user from
    the training rows, so from the perturbed ones. What a user had met stays hidden, the rows taken away too. Noise is
    drawn from what the user has neither met nor as an answer, and what is noise at the largest share is hidden at
    each: to hide items that are no answer makes the question easier, and it must be as easy without noise. Every user
    keeps a row, so the users who are known stay the same. Raises UsageError for another kind or a share outside 0 to
    1, DataError for queries with a history.
    """
    if how not in get_args(Perturbation):
        raise unknown_name("perturbation", how, get_args(Perturbation))
    if split.queries["history"].count():
        raise DataError("Queries that carry a history would not see the perturbed rows.",
                        hint="Use split=random or split=global_time.")  # fmt: skip
    met = _pairs(split.seen, split.truth)
    rows, hidden = {}, split.seen
    for share in shares:
        rng = np.random.default_rng(seed)  # the same lots for each share
        rows[share] = thinned(split.train, share, rng) if how == "thinned" else noised(split.train, share, rng, met)
    if how == "noised" and split.exclude_seen:
        hidden = _pairs(split.seen, *rows.values())
    return {
        share: replace(split, train=train, seen=hidden, protocol=split.protocol | {
            "perturbation": how, "perturbed_share": share, "train_events": train.height,
        }) for share, train in rows.items()
    }  # fmt: skip


def _pairs(*tables: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(table.select(PAIR) for table in tables).unique(maintain_order=True)


def _strange_items(train: pl.DataFrame, had: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """For each row an item by popularity that its user does not have; its own where none was found."""
    users, items = train["user_id"], train["item_id"]
    drawn, places = np.arange(train.height), np.arange(train.height)  # the row whose item each row takes
    for _ in range(TRIES):
        if not len(places):
            break
        tried = rng.integers(train.height, size=len(places))
        wanted = pl.DataFrame({"user_id": users.gather(places), "item_id": items.gather(tried)})
        fits = wanted.with_row_index("place").join(had, on=PAIR, how="anti", maintain_order="left")["place"].to_numpy()
        drawn[places[fits]] = tried[fits]
        places = np.delete(places, fits)
    return items.gather(drawn)


def _check(share: float) -> None:
    if not 0 <= share <= 1:
        raise UsageError("A share lies between 0 and 1, but is {share}.", share=share)


def _rounded(train: pl.DataFrame, share: float) -> np.ndarray:
    return np.rint(train.select(pl.len().over("user_id") * share).to_series().to_numpy())


def _by_lot(train: pl.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """A place by lot of each row among those of its user, from 0."""
    lots = train.select("user_id", lot=pl.Series(rng.random(train.height)))
    return lots.select(pl.col("lot").rank("ordinal").over("user_id") - 1).to_series().to_numpy()
