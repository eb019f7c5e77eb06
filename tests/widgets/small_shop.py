"""A log of two tastes on a dozen films, and models that are fitted on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

import polars as pl

from avrec_lib.models import ItemKNN, Popularity
from avrec_lib.schema import Ranked
from avrec_lib.widgets.recommendation_state import RecommendationState

FILMS = [f"comedy {number}" for number in range(6)] + [f"drama {number}" for number in range(6)]
HARMFUL = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def events() -> pl.DataFrame:
    """Users 0 to 9 choose comedies, 10 to 19 dramas; user n passes over film n mod 6 of the kind, but for film 0."""
    pairs = [
        (f"user {user}", f"{kind} {number}", user * 100 + number)
        for first, kind in ((0, "comedy"), (10, "drama"))
        for user in range(first, first + 10)
        for number in range(6)
        if number != user % 6 or number == 0
    ]
    times = [datetime(2024, 1, 1, tzinfo=UTC).replace(microsecond=minute) for _, _, minute in pairs]
    return pl.DataFrame(
        {"user_id": [user for user, _, _ in pairs], "item_id": [item for _, item, _ in pairs], "timestamp": times}
    )


def items() -> pl.DataFrame:
    """Titles are the ids in capitals, the year grows with the number; `drama 5` lacks title, tags and date."""
    known = [film for film in FILMS if film != "drama 5"]
    return pl.DataFrame(
        {
            "item_id": [*known, "drama 5"],
            "title": [*(film.title() for film in known), None],
            "tags": [*([film.split()[0]] for film in known), None],
            "published_at": [*(datetime(1990 + int(film[-1]), 1, 1, tzinfo=UTC) for film in known), None],
        },
        schema_overrides={"published_at": pl.Datetime("us", "UTC"), "tags": pl.List(pl.String)},
    )


def state(k: int = 3, **more) -> RecommendationState:
    """Popularity and item-KNN on the two tables."""
    log, films = more.pop("events", events()), more.pop("items", items())
    models = more.pop("models", None) or {
        "popularity": Popularity().fit(log, films),
        "item-KNN": ItemKNN().fit(log, films),
    }
    return RecommendationState(models, log, films, k=k, **more)


def listed(of: RecommendationState, model: str = "item-KNN") -> list[str]:
    """The ids in the list of `model`."""
    return [item.item_id for item in of.lists()[model]]


class Mute:
    """A recommender that has nothing to say to anyone."""

    name = "mute"

    def fit(self, train: pl.DataFrame, items: pl.DataFrame | None = None, users: pl.DataFrame | None = None) -> Self:
        return self

    def recommend(self, queries, k, candidates=None, exclude_seen=True, seen=None) -> pl.DataFrame:
        return Ranked.create_empty()

    def score(self, queries, candidates) -> pl.DataFrame:
        return pl.DataFrame(schema={"query_id": pl.String, "item_id": pl.String, "score": pl.Float64})
