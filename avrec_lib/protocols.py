"""The contracts between rooms: History, Query, Recommender; Requests and Policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.schema import TIME, Queries, check_table


@dataclass(frozen=True)
class History:
    """The events of one user strictly before `cut`. It cannot be built with a later event or another user's.

    What works on one user at a time (a feature, a prompt) takes a History; matrix models take the same rows for many
    queries at once from `models.interactions`.

    `events` has the columns of `schema.Events`, oldest first. Without times (`cut` is None) only the user is checked.
    """

    user_id: str
    cut: datetime | None
    events: pl.DataFrame

    def __post_init__(self) -> None:
        if self.events.filter(pl.col("user_id") != self.user_id).height:
            raise DataError("A history of user {user} holds events of another user.", user=repr(self.user_id))
        if self.cut is not None:
            late = self.events.filter(pl.col("timestamp").is_null() | (pl.col("timestamp") >= self.cut)).height
            if late:
                raise DataError(
                    "A history cut at {cut} holds {late} events at or after the cut, or without a time.",
                    cut=self.cut, late=late,
                )  # fmt: skip

    @classmethod
    def of(cls, events: pl.DataFrame | pl.LazyFrame, user_id: str, cut: datetime | None) -> Self:
        """What is known of `user_id` in `events` strictly before `cut` (all of it when `cut` is None)."""
        own = events.lazy().filter(pl.col("user_id") == user_id)
        if cut is not None:
            own = own.filter(pl.col("timestamp") < cut).sort("timestamp", maintain_order=True)
        return cls(user_id, cut, own.collect())


@dataclass(frozen=True)
class Query:
    """A request for a list, made by a split, a web request, a widget, or a new user who just picked three titles."""

    query_id: str
    user_id: str
    cut: datetime | None = None
    history: Sequence[str] | None = None  # item ids, oldest first, instead of what the model knows
    context: Mapping[str, Any] = field(default_factory=dict)  # platform, hour, …


def queries_table(queries: pl.DataFrame | Iterable[Query | str]) -> pl.DataFrame:
    """Queries in any form as a `schema.Queries` table: a table, `Query` objects, or plain user ids (no cut)."""
    if isinstance(queries, pl.DataFrame):
        missing = [name for name in ("cut", "history") if name not in queries.columns]
        nulls = [pl.lit(None, dtype=Queries.create_empty().schema[name]).alias(name) for name in missing]
        return check_table(queries.with_columns(nulls), Queries, "queries")
    if isinstance(queries, str):
        queries = [queries]
    asked = [query if isinstance(query, Query) else Query(str(query), str(query)) for query in queries]
    table = pl.DataFrame(
        {
            "query_id": [query.query_id for query in asked],
            "user_id": [query.user_id for query in asked],
            "cut": [query.cut for query in asked],
            "history": [None if query.history is None else list(query.history) for query in asked],
        },
        schema={"query_id": pl.String, "user_id": pl.String, "cut": TIME, "history": pl.List(pl.String)},
    )
    return check_table(table, Queries, "queries")


@runtime_checkable
class Recommender(Protocol):
    """Whatever ranks. Every model of the house, and a stranger's class, passes the same contract test."""

    name: str

    def fit(self, train: pl.DataFrame, items: pl.DataFrame | None = None, users: pl.DataFrame | None = None) -> Self:
        """Learn from events (`schema.Events`); returns itself."""
        ...

    def recommend(
        self,
        queries: pl.DataFrame | Iterable[Query | str],
        k: int,
        candidates: Sequence[str] | None = None,
        exclude_seen: bool = True,
        seen: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        """At most `k` items a query (`schema.Ranked`), fewer when the model has no reason to rank more.

        `exclude_seen` hides the query's history, and with it the pairs of `seen` (user_id, item_id).
        """
        ...

    def score(self, queries: pl.DataFrame | Iterable[Query | str], candidates: Sequence[str]) -> pl.DataFrame:
        """Columns query_id, user_id, item_id, score: one row a query and candidate; null where it cannot say."""
        ...

    def save(self, folder: Path) -> None:
        """Write the fitted model to `folder` as safetensors and JSON."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; raises DataError when it is damaged or of another version."""
        ...


@dataclass(frozen=True)
class Requests:
    """n requests for a slate, made at once: all that a policy may know when it decides.

    `users` are integer rows of the users (n,), `times` seconds of the requests (n,) where the log has times, and
    `features` what else is known of each request by name (hour, platform, …), arrays whose first axis is n.
    """

    users: np.ndarray
    times: np.ndarray | None = None
    features: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.users)


@runtime_checkable
class Policy(Protocol):
    """Who decides what is shown: a distribution over candidates, and draws from it with their exact propensities.

    Items are integer rows. `candidates` are one set for all requests (a,) or one for each (n, a).
    """

    name: str

    def probabilities(self, requests: Requests, candidates: np.ndarray) -> np.ndarray:
        """The probability (n, a) that a request is first shown each of its candidates; rows sum to 1."""
        ...

    def act(
        self, requests: Requests, candidates: np.ndarray, rng: np.random.Generator, slots: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Slates without repetition (n, slots) as item rows, and their propensities (n, slots).

        The propensity of a slot is that of its item given the items above it, so the product over a row is that of the
        slate.
        """
        ...
