"""The ways to split by name: what each needs of a log's times, what chance has to do with it, and who cuts the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from avrec_lib.data.split_cold import cold_item, cold_user
from avrec_lib.data.split_random import random_pairs
from avrec_lib.data.split_rows import Parts
from avrec_lib.data.split_ties import TieRule
from avrec_lib.data.split_time import by_time
from avrec_lib.data.split_users import leave_last_out, user_holdout


@dataclass(frozen=True)
class Cutting:
    """The rows to be cut (columns of `schema.Events`, chosen), whether their times count, and the options.

    `offered` (item_id, timestamp) says when an item could be had, beside its rows: shown, or published.
    """

    rows: pl.DataFrame
    timed: bool
    offered: pl.LazyFrame
    test_share: float
    tie_rule: TieRule
    tie_orders: int
    windows: int
    seed: int


def _one(_cutting: Cutting) -> int:
    return 1


def _tie_orders(cutting: Cutting) -> int:
    return cutting.tie_orders if cutting.tie_rule == "random" else 1


def _last_choices(cutting: Cutting) -> Iterable[Parts]:
    return (
        leave_last_out(cutting.rows, cutting.tie_rule, cutting.seed, order) for order in range(_tie_orders(cutting))
    )


@dataclass(frozen=True)
class Method:
    """`make` cuts the rows into `windows` parts.

    A method that `needs_times` is refused without any; one that `uses_times` does so where most choices have one.
    `asks_last`: the order of a user's own events decides the test. `draws`: chance does, even with times.
    """

    make: Callable[[Cutting], Iterable[Parts]]
    windows: Callable[[Cutting], int] = _one
    needs_times: bool = False
    uses_times: bool = True
    asks_last: bool = False
    draws: bool = False


METHODS = {
    "global_time": Method(lambda cutting: by_time(cutting.rows, cutting.test_share), needs_times=True),
    "rolling_time": Method(
        lambda cutting: by_time(cutting.rows, cutting.test_share, cutting.windows),
        windows=lambda cutting: cutting.windows,
        needs_times=True,
    ),
    "leave_last_out": Method(_last_choices, windows=_tie_orders, needs_times=True, asks_last=True),
    "random": Method(
        lambda cutting: [random_pairs(cutting.rows, cutting.test_share, cutting.seed)], uses_times=False, draws=True
    ),
    "user_holdout": Method(
        lambda cutting: [user_holdout(cutting.rows, cutting.test_share, cutting.tie_rule, cutting.seed, cutting.timed)],
        asks_last=True,
        draws=True,
    ),
    "cold_item": Method(
        lambda cutting: [cold_item(cutting.rows, cutting.test_share, cutting.seed, cutting.timed, cutting.offered)]
    ),
    "cold_user": Method(lambda cutting: [cold_user(cutting.rows, cutting.test_share, cutting.seed, cutting.timed)]),
}
