"""The k-core of a log: only users and items with enough choices, counted among those that stay."""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.data.split_rows import codes
from avrec_lib.errors import DataError, UsageError
from avrec_lib.schema import is_choice


def k_core(events: pl.DataFrame, k: int, min_value: float | None = None) -> pl.DataFrame:
    """The rows of users and items with at least `k` choices each, filtered until nothing more falls out.

    `events` has user_id, item_id, event (and value with `min_value`); a choice is what `schema.is_choice` says, and
    repeats count. Rows of who stays that are no choices stay too, in their order. 0 keeps every row.

    It looks at the whole log, what comes after a cut too: a user is kept for choices that training has not met yet.
    So results on a core speak of busy users and known items only, and read higher than a launch would show.
    Raises UsageError for a negative `k`, DataError when nobody is left: it names the largest `k` that leaves somebody.
    """
    if k < 0:
        raise UsageError("k_core must be 0 or more, but is {k}.", k=k)
    if k == 0:
        return events
    choices = events.filter(is_choice(min_value))
    users, items = (codes(choices[name]).to_numpy() for name in ("user_id", "item_id"))
    stays = _core(users, items, k)
    if not stays.any():
        raise DataError(
            "k_core={k} leaves no user.", hint="The largest k_core of this log is {largest}.",
            k=k, largest=_largest(users, items, k),
        )  # fmt: skip
    kept = choices.filter(pl.Series(stays))
    of_users = events.join(kept, on="user_id", how="semi", maintain_order="left")
    without_item = of_users["item_id"].is_null()
    return of_users.filter(pl.col("item_id").is_in(kept["item_id"].unique().implode()) | without_item)


def _core(users: np.ndarray, items: np.ndarray, k: int) -> np.ndarray:
    """Which choices stay, as booleans; `users` and `items` are codes from 0, one pair a choice."""
    rows = np.arange(len(users))
    while len(rows):
        enough = [np.bincount(ids[rows])[ids[rows]] >= k for ids in (users, items)]
        kept = rows[enough[0] & enough[1]]
        if len(kept) == len(rows):
            break
        rows = kept
    stays = np.zeros(len(users), dtype=bool)
    stays[rows] = True
    return stays


def _largest(users: np.ndarray, items: np.ndarray, too_large: int) -> int:
    """The largest k whose core is not empty: cores lie within each other, so halving finds it."""
    works, fails = 0, too_large
    while fails - works > 1:
        middle = (works + fails) // 2
        works, fails = (middle, fails) if _core(users, items, middle).any() else (works, middle)
    return works
