"""The same models on thinner rows: values, differences and words by share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import polars as pl
import pytest

from avrec_lib.data.split import Split
from avrec_lib.errors import UsageError
from avrec_lib.evaluate.by_user import user_values
from avrec_lib.evaluate.perturbation import differences_by_share, means_by_share, shares_by_verdict, values_by_share
from avrec_lib.schema import Events, Queries, Truth, Values, with_all_columns

USERS = [f"u{n:02}" for n in range(40)]


def split_of(events: int) -> Split:
    """Everyone has so many rows and is asked for the item `wanted`."""
    train = pl.DataFrame({"user_id": USERS * events, "item_id": "other", "event": "play"})
    train = with_all_columns(train.lazy(), Events).cast(Events.create_empty().schema).collect()
    asked = pl.DataFrame({"query_id": USERS, "user_id": USERS})
    queries = with_all_columns(asked.lazy(), Queries).collect()
    truth = asked.with_columns(item_id=pl.lit("wanted"), relevance=1.0).select(Truth.column_names())
    return Split(train, queries, truth, train.select("user_id", "item_id"))


class Knowing:
    """Puts the wanted item first for who has `needs` rows or more, else second."""

    def __init__(self, name: str, needs: int) -> None:
        self.name, self.needs = name, needs

    def fit(self, train: pl.DataFrame, items: pl.DataFrame | None = None, users: pl.DataFrame | None = None) -> Self:
        self.rows = train.height // len(USERS)
        return self

    def recommend(
        self, queries: Any, k: int, candidates: Sequence[str] | None = None, exclude_seen: bool = True,
        seen: pl.DataFrame | None = None,
    ) -> pl.DataFrame:  # fmt: skip
        order = ["wanted", "x"] if self.rows >= self.needs else ["x", "wanted"]
        return pl.concat(
            queries.select("query_id", "user_id", item_id=pl.lit(item), rank=pl.lit(place), score=pl.lit(-float(place)))
            for place, item in enumerate(order, 1)
        )

    def score(self, queries: Any, candidates: Any) -> pl.DataFrame:
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path) -> Self:
        raise NotImplementedError


def test_from_which_share_on_one_model_is_better_stands_in_words() -> None:
    splits = {0.2: split_of(2), 0.5: split_of(5), 1.0: split_of(10)}
    values = values_by_share([Knowing("modest", 1), Knowing("greedy", 4)], splits, 10)
    assert Values.validate(values.drop("share")) is not None
    means = means_by_share(values).select("share", "model", "value").rows()
    low = pytest.approx(0.6309, abs=1e-4)  # 1 / log2(3): the second place
    assert means == [(0.2, "modest", 1.0), (0.2, "greedy", low), (0.5, "modest", 1.0), (0.5, "greedy", 1.0),
                     (1.0, "modest", 1.0), (1.0, "greedy", 1.0)]  # fmt: skip
    differences = differences_by_share(values, "greedy", ["modest"])
    assert differences.select("share", "model", "baseline", "verdict").rows() == [
        (0.2, "greedy", "modest", "worse"), (0.5, "greedy", "modest", "the same"),
        (1.0, "greedy", "modest", "the same"),
    ]  # fmt: skip
    assert shares_by_verdict(differences) == {"better": "–", "worse": "20 %", "alike": "50 %, 100 %", "open": "–"}


def test_a_model_that_was_not_asked_is_named() -> None:
    values = values_by_share([Knowing("modest", 1)], {1.0: split_of(3)}, 10)
    with pytest.raises(UsageError, match="'greedy' is to be compared, but the values hold modest"):
        differences_by_share(values, "greedy", ["modest"])


def test_a_number_for_each_user_becomes_values() -> None:
    table = pl.DataFrame({"user_id": ["u", "v"], "value": [1.5, float("inf")]})
    values = user_values(table, "surprise", "own")
    assert Values.validate(values).select("model", "query_id", "metric", "value").rows() == [
        ("own", "u", "surprise", 1.5), ("own", "v", "surprise", None),
    ]  # fmt: skip
