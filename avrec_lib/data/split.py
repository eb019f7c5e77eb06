"""What may a model learn from, what is it asked, and what was the answer: train, queries, truth.

Every split first cuts the log into rows, then makes queries; no history holds a row after its query's cut. Which rows
of *others* training may hold is the method's affair, and `future_share` in the protocol says how far it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, TypedDict, Unpack, get_args

import polars as pl

from avrec_lib.data.dataset import Dataset, combine, fingerprint
from avrec_lib.data.k_core import k_core as core_of
from avrec_lib.data.split_methods import METHODS, Cutting
from avrec_lib.data.split_rows import Parts, answers, future_share
from avrec_lib.data.split_ties import TieRule
from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.schema import TIME, Event, Events, Queries, Truth, check_table, is_choice

__all__ = ["Split", "SplitMethod", "SplitOptions", "TieRule", "fingerprints_of", "split_dataset", "split_windows"]

SplitMethod = Literal[
    "auto", "global_time", "rolling_time", "leave_last_out", "random", "user_holdout", "cold_item", "cold_user"
]


@dataclass(frozen=True, eq=False)
class Split:
    """`train` has the columns of `schema.Events`; `queries` and `truth` those of their schemas.

    `seen` (user_id, item_id) is all that a user met before the cut, chosen or not: skipped, disliked, rated too low.
    With `exclude_seen` it is neither in the truth nor to be recommended. `candidates` are the item ids that may be
    ranked (None: all). `window` numbers the splits that were made together. `test` are the events behind the truth,
    and where a split has a time of its test all else that was done in it, skips and dislikes. `protocol` says in plain
    values how the rows were cut: what every number measured on this split must carry. A split equals itself only: by
    content it is known by its `fingerprints`.
    """

    train: pl.DataFrame
    queries: pl.DataFrame
    truth: pl.DataFrame
    seen: pl.DataFrame
    exclude_seen: bool = True
    protocol: dict[str, Any] = field(default_factory=dict)
    window: int = 0
    candidates: pl.Series | None = None
    test: pl.DataFrame = field(default_factory=Events.create_empty)

    @cached_property
    def warm_queries(self) -> pl.DataFrame:
        """The queries of whose users something is known: a history of their own, else training rows."""
        return self.queries.filter(self._is_warm)

    @cached_property
    def cold_queries(self) -> pl.DataFrame:
        """The queries of whose users nothing is known: an empty history, or no training row."""
        return self.queries.filter(~self._is_warm)

    @cached_property
    def _is_warm(self) -> pl.Series:
        trained = pl.col("user_id").is_in(self.train["user_id"].unique().implode())
        known = pl.when(pl.col("history").is_null()).then(trained).otherwise(pl.col("history").list.len() > 0)
        return self.queries.select(known).to_series()

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}  # without what is computed when asked

    def fingerprints(self) -> dict[str, str]:
        """`split` (training rows) and `truth`: two runs may be paired only when their truth is the same."""
        known = self.train.select("user_id", "item_id", "timestamp").lazy()
        return {"split": fingerprint({"train": known}), "truth": fingerprint({"truth": self.truth.lazy()})}


def fingerprints_of(splits: Sequence[Split]) -> dict[str, str]:
    """`Split.fingerprints` of all windows together; of one window they are its own."""
    each = [split.fingerprints() for split in splits]
    if len(each) == 1:
        return each[0]
    return {
        name: combine({f"{name} {window}": int(prints[name], 16) for window, prints in enumerate(each)})
        for name in each[0]
    }


class SplitOptions(TypedDict, total=False):
    """The keyword arguments of `split_windows`, which says what they mean."""

    test_share: float
    min_value: float | None
    exclude_seen: bool
    k_core: int
    tie_rule: TieRule
    tie_orders: int
    windows: int
    graded: bool
    seed: int


def split_dataset(dataset: Dataset, method: SplitMethod = "auto", **options: Unpack[SplitOptions]) -> Split:
    """The one split that `split_windows` makes with the same arguments; UsageError when it makes several."""
    splits = split_windows(dataset, method, **options)
    if len(splits) > 1:
        raise UsageError(
            "split={method} makes {count} splits here, and one was asked for.",
            hint="Use split_windows, or ask for one window (tie order).", method=method, count=len(splits),
        )  # fmt: skip
    return splits[0]


def split_windows(
    dataset: Dataset,
    method: SplitMethod = "auto",
    *,
    test_share: float = 0.2,
    min_value: float | None = None,
    exclude_seen: bool = True,
    k_core: int = 0,
    tie_rule: TieRule = "file_order",
    tie_orders: int = 4,
    windows: int = 4,
    graded: bool = False,
    seed: int = 0,
) -> list[Split]:
    """Split the choices of `dataset` by `method`: one split, or several for the methods that say so.

    - `auto`: `global_time` where at least half of the choices have a time, else `random`; `protocol["method"]` says
      which.
    - `global_time`: train strictly before one moment, test the last `test_share` of the choices.
    - `rolling_time`: the same in `windows` steps; each trains on all before its cut and is tested up to the next.
    - `leave_last_out`: each user's last choice is the test. Trains on what others do later. Events at the same time
      are put in order by `tie_rule` (`data.split_ties`); `random` makes `tie_orders` splits. Where the last choice is
      of an item the user already had, `exclude_seen` leaves the user out and counts it.
    - `random`: each user-item pair is test with probability `test_share`. Leaks the future; needs no times.
    - `user_holdout`: `test_share` of the users leave the training; 80 % of their choices are their history.
    - `cold_item`, `cold_user`: ask for items, or users, that training has not met. As `user_holdout` they go by time
      where at least half of the choices have one, else by lot.

    `min_value`: rows with a lower value are no choices. `exclude_seen` drops from the truth what the user already has
    met (a list that hides seen items cannot find it); the number dropped is in the protocol. `k_core` first keeps
    users and items with so many choices, looking at the whole log. `graded`: the relevance of a pair is the greatest
    value it has in the test, else it is 1. Where a method needs order, events without a time are left out and counted.

    Raises UsageError for an unknown name or a number out of range; DataError when the log lacks what the method
    needs, or when training or test would be empty.
    """
    _check(method, test_share=test_share, k_core=k_core, tie_rule=tie_rule, tie_orders=tie_orders, windows=windows,
           seed=seed)  # fmt: skip
    for option, asks in {"min_value": min_value is not None, "graded": graded}.items():
        if asks and not dataset.has("value"):
            raise DataError(
                "{option} asks for values, but {name} has none.", hint="Leave {option} out.",
                option=option, name=dataset.name,
            )  # fmt: skip
    rows = core_of(_met(dataset, min_value), k_core, min_value)
    chosen = rows.filter("chosen")
    untimed = chosen["timestamp"].null_count()
    most_have_times = 2 * untimed <= chosen.height
    if method == "auto":
        method = "global_time" if most_have_times else "random"
    way = METHODS[method]
    is_timed = untimed < chosen.height if way.needs_times else most_have_times
    if way.needs_times and not is_timed:
        lost = "Use split=random, and read its numbers as optimistic."
        nobody_knows = "Use split=user_holdout or split=random: without times nobody knows what came last."
        raise DataError(
            "A split by time needs the column 'timestamp', which {name} does not have.",
            hint=nobody_knows if way.asks_last else lost, name=dataset.name,
        )  # fmt: skip
    in_order = is_timed and way.uses_times
    if in_order:
        rows = rows.filter(pl.col("timestamp").is_not_null())
    has_ties = in_order and way.asks_last
    cutting = Cutting(rows, is_timed, _offered(dataset, rows, k_core), test_share, tie_rule, tie_orders, windows, seed)
    protocol = {
        "method": method,
        "test_share": None if method == "leave_last_out" else test_share,
        "min_value": min_value,
        "exclude_seen": exclude_seen,
        "graded": graded,
        "seed": seed if not in_order or way.draws or (has_ties and tie_rule == "random") else None,
        "tie_rule": tie_rule if has_ties else None,
        "k_core": k_core,
        "windows": way.windows(cutting),
        "users": chosen["user_id"].n_unique(),
        "events_without_time": untimed if in_order else 0,
    }
    return [_assemble(parts, protocol | {"window": window}) for window, parts in enumerate(way.make(cutting))]


def _check(method: str, *, test_share: float, tie_rule: str, **whole_numbers: int) -> None:
    if method not in get_args(SplitMethod):
        raise unknown_name("split", method, get_args(SplitMethod))
    if tie_rule not in get_args(TieRule):
        raise unknown_name("tie rule", tie_rule, get_args(TieRule))
    if not 0 < test_share < 1:
        raise UsageError("test_share must lie between 0 and 1, but is {share}.", share=test_share)
    for name, number in whole_numbers.items():
        least = 1 if name in ("windows", "tie_orders") else 0
        if number < least:
            raise UsageError("{name} must be {least} or more, but is {number}.", name=name, least=least, number=number)


def _met(dataset: Dataset, min_value: float | None) -> pl.DataFrame:
    """All events with an item that are no mere impressions; `chosen` marks the choices."""
    was_shown_only = pl.col("event").cast(pl.String) == Event.IMPRESSION.value
    met = dataset.events.filter(pl.col("item_id").is_not_null(), ~was_shown_only)
    rows = met.with_columns(chosen=is_choice(min_value)).collect(engine="streaming")
    if not rows["chosen"].any():
        raise DataError("No event is left to split.", hint="Lower min_value, or look at `avrec data describe`.")
    return rows


def _offered(dataset: Dataset, rows: pl.DataFrame, k_core: int) -> pl.LazyFrame:
    """When an item could be had (item_id, timestamp): its events of any kind, and when it was published.

    With a core only its own items count, as nothing else is in the log then.
    """
    shown = dataset.events.select("item_id", "timestamp")
    published = dataset.items.select("item_id", timestamp="published_at")
    offered = pl.concat([shown, published])
    return offered.join(rows.lazy().select("item_id").unique(), on="item_id", how="semi") if k_core else offered


def _assemble(parts: Parts, protocol: dict[str, Any]) -> Split:
    train, test = (side.drop("chosen") for side in (parts.train, parts.test))
    if train.is_empty() or test.is_empty():
        side = "train" if train.is_empty() else "test"
        raise DataError(
            "The split leaves no {side} rows ({train} train, {test} test).",
            hint="Change test_share, or bring a longer log.", side=side, train=train.height, test=test.height,
        )  # fmt: skip
    seen, truth, pairs = answers(parts, protocol["exclude_seen"], protocol["graded"])
    trained, learned = train.select("user_id").unique(), train.select("item_id").unique()
    users = truth.select("user_id").unique(maintain_order=True)
    if parts.asked is None:
        if users.join(trained, on="user_id", how="semi").is_empty():
            raise DataError(
                "No user of the test is known from training, so no personal model can be judged.",
                hint="Ask for fewer windows, or raise test_share."
                if protocol["windows"] > 1
                else "Change test_share, use split=random, or bring a longer log.",
            )
        told = users.with_columns(cut=pl.lit(parts.cut, dtype=TIME), history=None, tied=False)
    else:
        told = users.join(parts.asked, on="user_id", how="left", maintain_order="left")
        trained = parts.asked.filter(pl.col("history").list.len() > 0)
    queries = told.select("user_id", "cut", "history", query_id="user_id")
    truth = truth.with_columns(query_id="user_id")
    protocol = protocol | {
        "cut": parts.cut.isoformat() if parts.cut else None,
        "train_events": train.height,
        "test_events": test.height,
        "test_events_of_unseen_users": test.join(trained, on="user_id", how="anti").height,
        "test_pairs": pairs,
        "repeats_dropped_from_truth": pairs - truth.height,
        "truth_of_unseen_items": truth.join(learned, on="item_id", how="anti").height,
        "candidates": None if parts.candidates is None else parts.candidates.len(),
        "candidates_from": parts.candidates_from,
        "future_share": future_share(train, test),
        "tied_queries": int(told["tied"].sum()),
    }
    queries, truth = check_table(queries, Queries, "queries"), check_table(truth, Truth, "truth")
    return Split(train, queries, truth, seen, protocol["exclude_seen"], protocol, protocol["window"], parts.candidates,
                 (parts.test if parts.after is None else parts.after).drop("chosen"))  # fmt: skip
