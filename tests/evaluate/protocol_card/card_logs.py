"""Logs of people in sessions, and copies of them with shuffled times."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

from avrec_lib.data.split import Split
from avrec_lib.schema import Events, with_all_columns

TIME = pl.Datetime("us", "UTC")
TRUTH = {"query_id": pl.String, "user_id": pl.String, "item_id": pl.String, "relevance": pl.Float64}
START = datetime(2024, 1, 1, tzinfo=UTC)


def people(users: int = 120, items: int = 60, each: int = 40, seed: int = 0) -> pl.DataFrame:
    """Users in sessions of ten events about a minute apart, who mostly go from an item to the next of the catalogue."""
    rng = np.random.default_rng(seed)
    jumps = np.where(rng.random((users, each)) < 0.6, 1, rng.integers(0, items, (users, each)))
    walked = np.cumsum(jumps, axis=1) % items
    sessions = np.sort(rng.integers(0, 365 * 86_400, (users, each // 10)), axis=1)
    seconds = np.repeat(sessions, 10, axis=1) + np.tile(np.arange(10) * 60, each // 10)
    seconds += rng.integers(0, 50, (users, each))
    return table(
        [f"u{user}" for user in np.repeat(np.arange(users), each)],
        [f"i{item}" for item in walked.ravel()],
        seconds.ravel().tolist(),
    )


def table(users: list[str], items: list[str], seconds: list[int]) -> pl.DataFrame:
    """Plays with all columns of the vocabulary, `seconds` after START."""
    times = pl.Series([int(START.timestamp()) + second for second in seconds], dtype=pl.Int64) * 1_000_000
    rows = pl.DataFrame({"user_id": users, "item_id": items, "event": ["play"] * len(users)}).with_columns(
        timestamp=times.cast(TIME)
    )
    return with_all_columns(rows.lazy(), Events).cast(Events.create_empty().schema).collect()  # type: ignore[arg-type]


def shuffled(log: pl.DataFrame, seed: int, within_users: bool = False) -> pl.DataFrame:
    """`log` with its times dealt anew, over all rows or among the rows of each user."""
    rows = log.sort("user_id", maintain_order=True) if within_users else log
    lots = pl.Series("lot", np.random.default_rng(seed).random(rows.height))
    dealt = rows.select("user_id", "timestamp", lots).sort(["user_id", "lot"] if within_users else "lot")
    return rows.with_columns(dealt["timestamp"])


def split_of(
    train: pl.DataFrame, truth: list[tuple[str, str]], *, exclude_seen: bool = True, **protocol: object
) -> Split:
    """A split by hand: training rows, pairs of user and item to be found, and what the protocol says."""
    answers = pl.DataFrame([(user, user, item, 1.0) for user, item in truth], schema=TRUTH, orient="row")
    queries = answers.select("query_id", "user_id").unique(maintain_order=True).with_columns(
        cut=pl.lit(None, dtype=TIME), history=pl.lit(None, dtype=pl.List(pl.String))
    )  # fmt: skip
    known = {"method": "global_time", "users": 1000, "test_events": len(truth), "test_pairs": len(truth)} | protocol
    return Split(train, queries, answers, train.select("user_id", "item_id"), exclude_seen, known)


def last_out(tied: int | None, rule: str = "file_order", queries: int = 100) -> list[Split]:
    """A leave-last-out split by hand, for `tied` of whose queries the tie rule chose the test."""
    truth = [(f"u{number}", "i") for number in range(queries)]
    return [split_of(people(users=40), truth, method="leave_last_out", tie_rule=rule, tied_queries=tied)]
