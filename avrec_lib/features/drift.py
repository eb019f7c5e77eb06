"""Does what somebody cares for move? Earlier against later choices, held against halves that are made by lot."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.features.histories import chosen, typed_log
from avrec_lib.features.interests import KINDS, labels_of

Unit = Literal["choice", "sitting"]
SECOND = 1e6  # in microseconds


def choices_in_order(
    events: pl.DataFrame | pl.LazyFrame, items: pl.DataFrame, kind: str = "tag", min_value: float | None = None,
    pause_minutes: float = 30.0,
) -> pl.DataFrame:  # fmt: skip
    """Columns user_id, item_id, timestamp, place, choices, sitting: users in order of id, each with the oldest first.

    An item counts once for a user, when it was first chosen: a click and the play after it are one choice. Left out
    are choices without a time and items without a label of `kind`. At one time the order of the rows decides. `place`
    counts a user's choices from 0, `choices` is their number, and a new `sitting` (from 0) begins after a pause.
    Raises DataError where no choice is left, UsageError for an unknown kind.
    """
    if kind not in KINDS:
        raise unknown_name("kind of interest", kind, KINDS)
    labelled = labels_of(items).filter(pl.col("kind") == kind).select("item_id").unique()
    log = typed_log(events).filter(chosen(min_value), pl.col("timestamp").is_not_null())
    found = (
        log.select("user_id", "item_id", "timestamp")
        .join(labelled.lazy(), on="item_id", how="semi", maintain_order="left")
        .collect()
        .sort("user_id", "timestamp", maintain_order=True)
        .unique(["user_id", "item_id"], keep="first", maintain_order=True)
    )
    if found.is_empty():
        raise DataError("No choice has both a time and an item with a label.", hint="Ask for another kind of interest.")
    pause = pl.col("timestamp").diff().dt.total_microseconds() > pause_minutes * 60 * SECOND
    return found.with_columns(
        place=pl.int_range(pl.len()).over("user_id"), choices=pl.len().cast(pl.Int64).over("user_id"),
        sitting=pause.fill_null(value=False).cum_sum().over("user_id").cast(pl.Int64),
    )  # fmt: skip


def drift(
    choices: pl.DataFrame, items: pl.DataFrame, kind: str = "tag", *, unit: Unit = "choice", fewest: int = 10,
    draws: int = 199, seed: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """How far interests move from the earlier to the later half of `choices_in_order`: one row a user.

    Columns user_id, choices, units, distance, by_lot, p_value. With p and q the shares of the labels in the earlier
    ⌊n/2⌋ and in the later choices (an item with m labels gives each 1/m), `distance` is their total variation

        ½ Σ_l |p(l) − q(l)|

    from 0 to 1: the share of the interest that would have to move. Two halves of few choices differ by chance too, so
    the same is computed for halves made by lot (`draws` times): `by_lot` is the mean of these, and
    p = (1 + #{lots at least as far apart}) / (1 + draws). By `choice` all orders of a user's choices are alike under
    the null, so that anything which makes neighbours alike counts as movement, an evening of one genre too. By
    `sitting` the sittings change places as wholes, and only what outlasts one counts. Users with fewer than `fewest`
    units are left out. Raises UsageError for an unknown unit and for numbers below 1 (2 for `fewest`).
    """
    if unit not in get_args(Unit):
        raise unknown_name("unit", unit, get_args(Unit))
    for name, number, least in (("draws", draws, 1), ("fewest", fewest, 2)):
        if number < least:
            raise UsageError("{name} must be {least} or more, but is {number}.", name=name, least=least, number=number)
    units = pl.col("place" if unit == "choice" else "sitting").max().over("user_id") + 1
    rows = choices.with_columns(units=units).filter(pl.col("units") >= fewest)
    users = rows.group_by("user_id", maintain_order=True).agg(pl.col("choices", "units").first())
    if users.is_empty():
        return users.with_columns(distance=pl.lit(0.0), by_lot=pl.lit(0.0), p_value=pl.lit(0.0))
    halves = _Halves(rows, items, kind)
    of_choice = np.arange(rows.height) if unit == "choice" else rows.select(pl.struct("user_id", "sitting").rle_id())
    of_choice = np.asarray(of_choice, dtype=np.int64).ravel()
    found = halves.distances(None)
    rng = np.random.default_rng(seed)
    total, as_far = np.zeros(users.height), np.zeros(users.height, np.int64)
    for _ in range(draws):
        by_lot = halves.distances(rng.random(of_choice[-1] + 1)[of_choice])
        total += by_lot
        as_far += by_lot >= found - 1e-12  # the same halves again, summed in another order
    return users.with_columns(
        distance=pl.Series(found), by_lot=pl.Series(total / draws), p_value=pl.Series((1 + as_far) / (1 + draws))
    )


class _Halves:
    """Halves of the choices of all users at once; `rows` are those of `choices_in_order` of the users asked."""

    def __init__(self, rows: pl.DataFrame, items: pl.DataFrame, kind: str) -> None:
        labels = labels_of(items).filter(pl.col("kind") == kind).select("item_id", "label", "part")
        of_rows = rows.select("item_id", user=pl.col("user_id").rle_id()).with_row_index("row")
        placed = of_rows.join(labels, on="item_id", maintain_order="left").sort("user", "label", maintain_order=True)
        cell = placed.select(pl.struct("user", "label").rle_id()).to_series().to_numpy()
        self.row, self.part, self.cell = placed["row"].to_numpy(), placed["part"].to_numpy(), cell
        of_cells = placed["user"].to_numpy()[np.flatnonzero(np.diff(cell, prepend=-1))]
        self.starts = np.flatnonzero(np.diff(of_cells, prepend=-1))
        self.user = of_rows["user"].to_numpy().astype(np.int64)
        self.first = np.flatnonzero(np.diff(self.user, prepend=-1))[self.user]
        self.number = rows["choices"].to_numpy()

    def distances(self, keys: np.ndarray | None) -> np.ndarray:
        """Total variation (users,) between halves in the order of `keys` (a number in 0 … 1 a choice), or as it was."""
        order = np.arange(len(self.user)) if keys is None else np.argsort(self.user + keys, kind="stable")
        late = np.empty(len(order), dtype=bool)
        late[order] = np.arange(len(order)) - self.first >= self.number // 2
        weight = np.where(late, 1 / (self.number - self.number // 2), -1 / (self.number // 2))
        gaps = np.bincount(self.cell, self.part * weight[self.row])
        return 0.5 * np.add.reduceat(np.abs(gaps), self.starts)
