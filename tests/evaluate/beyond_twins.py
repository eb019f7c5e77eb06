"""The metrics beyond accuracy in plain Python, straight from their definitions, and small random worlds to try them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import NamedTuple

import numpy as np
import polars as pl

START = datetime(2024, 1, 1, tzinfo=UTC)
EVENTS = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")}


class World(NamedTuple):
    """Random lists, training rows and items: some lists are short or empty, some items are new, bare or untagged."""

    ranked: pl.DataFrame
    queries: pl.DataFrame
    train: pl.DataFrame
    items: pl.DataFrame
    truth: pl.DataFrame

    def lists(self, k: int) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {query: [] for query in self.queries["query_id"]}
        for row in self.ranked.sort("rank").iter_rows(named=True):
            if row["rank"] <= k:
                found[row["query_id"]].append(row["item_id"])
        return found

    def users_of(self) -> dict[str, set[str]]:
        users: dict[str, set[str]] = {}
        for user, item, *_ in self.train.iter_rows():
            users.setdefault(item, set()).add(user)
        return users

    def history(self, query: str) -> list[str]:
        cut = dict(self.queries.select("query_id", "cut").iter_rows())[query]
        rows = self.train.filter(pl.col("user_id") == query, pl.col("timestamp") < cut)
        return sorted(set(rows["item_id"]))

    def labels(self, column: str) -> dict[str, set[str]]:
        values = dict(self.items.select("item_id", column).iter_rows())
        sets = {item: {value} if isinstance(value, str) else set(value or []) for item, value in values.items()}
        return {item: some for item, some in sets.items() if some}


def random_world(seed: int) -> World:
    rng = np.random.default_rng(seed)
    users, catalogue = [f"u{n}" for n in range(rng.integers(1, 6))], [f"i{n}" for n in range(rng.integers(2, 9))]
    known = catalogue[: max(1, len(catalogue) - 1)]  # the last item is new
    train = [(str(rng.choice(users)), str(rng.choice(known)), START + timedelta(days=int(rng.integers(0, 9))))
             for _ in range(rng.integers(1, 20))]  # fmt: skip
    ranked = [(user, item, place) for user in users
              for place, item in enumerate(rng.permutation(catalogue)[: rng.integers(0, 7)].tolist(), 1)]  # fmt: skip
    truth = [(user, item) for user in users for item in rng.choice(catalogue, rng.integers(0, 4)).tolist()]
    genres = ["drama", "music", "news"]
    tags = [rng.choice(genres, rng.integers(0, 4)).tolist() for _ in catalogue]
    return World(
        pl.DataFrame(ranked, {"query_id": pl.String, "item_id": pl.String, "rank": pl.Int32}, orient="row"),
        pl.DataFrame({"query_id": users, "user_id": users, "cut": [START + timedelta(days=7)] * len(users)}),
        pl.DataFrame(train, EVENTS, orient="row"),
        pl.DataFrame(
            {
                "item_id": catalogue, "tags": tags,
                "category": [str(rng.choice(genres)) if rng.random() < 0.7 else None for _ in catalogue],
                "creator_id": [str(rng.choice(["a", "b"])) if rng.random() < 0.7 else None for _ in catalogue],
                "published_at": [START - timedelta(days=int(rng.integers(0, 99))) if rng.random() < 0.7 else None
                                 for _ in catalogue],
            },
            schema_overrides={"category": pl.String, "creator_id": pl.String, "tags": pl.List(pl.String),
                              "published_at": pl.Datetime("us", "UTC")},
        ),
        pl.DataFrame(truth, {"query_id": pl.String, "item_id": pl.String}, orient="row")
        .unique(maintain_order=True).with_columns(user_id="query_id", relevance=1.0),
    )  # fmt: skip


def mean(numbers: list[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


def cosine_of_sets(one: set[str], other: set[str]) -> float:
    return len(one & other) / math.sqrt(len(one) * len(other))


def diversity(shown: list[str], labels: dict[str, set[str]]) -> float | None:
    pairs = combinations([labels[item] for item in shown if item in labels], 2)
    return mean([1 - cosine_of_sets(*pair) for pair in pairs])


def novelty(shown: list[str], users: dict[str, set[str]]) -> float | None:
    everybody = set().union(*users.values())
    return mean([-math.log2(max(1, len(users.get(item, ()))) / len(everybody)) for item in shown])


def popularity_lift(shown: list[str], history: list[str], users: dict[str, set[str]]) -> float | None:
    past, now = (mean([len(users.get(item, ())) for item in some]) for some in (history, shown))
    return None if not past or now is None else now / past - 1


def mixture(items: list[str], labels: dict[str, set[str]], weights: list[float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for item, weight in zip(items, weights, strict=False):
        for label in labels.get(item, ()):
            found[label] = found.get(label, 0) + weight / len(labels[item])
    total = sum(found.values())
    return {label: share / total for label, share in found.items()}


def miscalibration(
    shown: list[str], history: list[str], labels: dict[str, set[str]], alpha: float, discounted: bool
) -> float | None:
    weights = [1 / math.log2(place + 2) if discounted else 1.0 for place in range(len(shown))]
    p, q = mixture(history, labels, [1.0] * len(history)), mixture(shown, labels, weights)
    if not p or not q:
        return None
    return sum(share * math.log(share / ((1 - alpha) * q.get(label, 0) + alpha * share)) for label, share in p.items())


def serendipity(
    shown: list[str], wanted: set[str], seen: list[str], users: dict[str, set[str]], k: int
) -> float | None:
    def expected(item: str) -> bool:
        mine = len(users.get(item, ()))
        return sum(len(some) > mine and other not in seen for other, some in users.items()) < k

    return sum(item in wanted and not expected(item) for item in shown) / k if wanted else None


def gini(amounts: list[float]) -> float | None:
    """Half the mean absolute difference of all pairs over the mean."""
    if sum(amounts) == 0:
        return None
    differences = sum(abs(one - other) for one in amounts for other in amounts)
    return differences / (2 * len(amounts) * sum(amounts))
