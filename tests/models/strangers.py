"""Recommenders as strangers write them: one that keeps the contract, and one for each way of breaking it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
import polars as pl


class Neighbours:
    """Items by how many users share them with the user's own: nothing of avrec, polars alone, no score, no save."""

    name = "neighbours"

    def fit(self, train: pl.DataFrame, items: pl.DataFrame | None = None, users: pl.DataFrame | None = None) -> Self:
        self.log = train.select("user_id", "item_id").unique(maintain_order=True)
        return self

    def recommend(
        self,
        queries: pl.DataFrame,
        k: int,
        candidates: Sequence[str] | None = None,
        exclude_seen: bool = True,
        seen: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        asked = queries.select("query_id", "user_id")
        own = asked.join(self.log, on="user_id")
        alike = own.join(self.log, on="item_id", suffix="_other").group_by("query_id", "user_id", "user_id_other").len()
        scores = (
            alike.join(self.log, left_on="user_id_other", right_on="user_id")
            .group_by("query_id", "user_id", "item_id")
            .agg(score=pl.col("len").sum().cast(pl.Float64))
        )
        if candidates is not None:
            scores = scores.filter(pl.col("item_id").is_in(list(candidates)))
        if exclude_seen:
            hidden = self.log if seen is None else pl.concat([self.log, seen.select("user_id", "item_id")])
            scores = scores.join(hidden, on=["user_id", "item_id"], how="anti")
        ordered = scores.sort("query_id", "score", "item_id", descending=[False, True, False])
        ranked = ordered.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query_id"))
        return ranked.filter(pl.col("rank") <= k).select("query_id", "user_id", "item_id", "rank", "score")


class Changed(Neighbours):
    """What `Neighbours` answers, changed by `change`."""

    def recommend(self, *arguments: Any, **more: Any) -> pl.DataFrame:
        return self.change(super().recommend(*arguments, **more))

    def change(self, ranked: pl.DataFrame) -> pl.DataFrame:
        return ranked


class SaysNaN(Changed):
    def change(self, ranked: pl.DataFrame) -> pl.DataFrame:
        return ranked.with_columns(score=pl.lit(float("nan")))


class WrongColumns(Changed):
    def change(self, ranked: pl.DataFrame) -> pl.DataFrame:
        return ranked.rename({"item_id": "movie"}).drop("rank")


class NumbersAsIds(Changed):
    def change(self, ranked: pl.DataFrame) -> pl.DataFrame:
        return ranked.with_columns(pl.col("item_id").str.slice(1).cast(pl.Int64))


class FromZero(Changed):
    def change(self, ranked: pl.DataFrame) -> pl.DataFrame:
        return ranked.with_columns(pl.col("rank") - 1)


class SaysItTwice(Changed):
    def change(self, ranked: pl.DataFrame) -> pl.DataFrame:
        return ranked.with_columns(pl.col("item_id").first().over("query_id"))


class UpsideDown(Changed):
    def change(self, ranked: pl.DataFrame) -> pl.DataFrame:
        return ranked.with_columns(score=pl.col("rank").cast(pl.Float64))


class AnswersOthers(Changed):
    def change(self, ranked: pl.DataFrame) -> pl.DataFrame:
        return ranked.with_columns(
            query_id=pl.lit("nobody"), rank=pl.int_range(1, pl.len() + 1).over("user_id")
        ).filter(pl.col("user_id") == pl.col("user_id").first())


class Invents(Changed):
    def change(self, ranked: pl.DataFrame) -> pl.DataFrame:
        return ranked.with_columns(item_id="new " + pl.col("item_id"))


class Lists(Changed):
    def change(self, ranked: pl.DataFrame) -> Any:
        return ranked.rows()


class IgnoresK(Neighbours):
    def recommend(self, queries: pl.DataFrame, k: int, *arguments: Any, **more: Any) -> pl.DataFrame:
        return super().recommend(queries, 10, *arguments, **more)


class ShowsSeen(Neighbours):
    def recommend(self, *arguments: Any, exclude_seen: bool = True, **more: Any) -> pl.DataFrame:
        return super().recommend(*arguments, exclude_seen=False, **more)


class ForgetsFurtherSeen(Neighbours):
    def recommend(self, *arguments: Any, seen: pl.DataFrame | None = None, **more: Any) -> pl.DataFrame:
        return super().recommend(*arguments, **more)


class IgnoresCandidates(Neighbours):
    def recommend(
        self, queries: pl.DataFrame, k: int, candidates: Sequence[str] | None = None, *arguments: Any, **more: Any
    ) -> pl.DataFrame:
        return super().recommend(queries, k, None, *arguments, **more)


class FailsOnStrangers(Neighbours):
    def recommend(self, queries: pl.DataFrame, *arguments: Any, **more: Any) -> pl.DataFrame:
        known = set(self.log["user_id"])
        for user in queries["user_id"]:
            if user not in known:
                raise KeyError(user)  # the line that is to be blamed
        return super().recommend(queries, *arguments, **more)


class RollsDice(Neighbours):
    def fit(self, train: pl.DataFrame, **more: Any) -> Self:
        super().fit(train, **more)
        self.order = np.random.default_rng().permutation(12)
        return self

    def recommend(self, queries: pl.DataFrame, k: int, *arguments: Any, **more: Any) -> pl.DataFrame:
        ranked = super().recommend(queries, 1000, *arguments, **more).drop("rank", "score")
        dice = pl.DataFrame({"item_id": [f"i{i}" for i in range(12)], "score": self.order.astype(float)})
        ordered = ranked.join(dice, on="item_id").sort("query_id", "score", descending=[False, True])
        numbered = ordered.with_columns(rank=pl.int_range(1, pl.len() + 1).over("query_id"))
        return numbered.filter(pl.col("rank") <= k)


class ScoresOtherwise(Neighbours):
    def score(self, queries: pl.DataFrame, candidates: Iterable[str]) -> pl.DataFrame:
        wanted = pl.DataFrame({"item_id": list(candidates)})
        return queries.select("query_id", "user_id").join(wanted, how="cross").with_columns(score=pl.lit(0.5))


class Nameless(Neighbours):
    name = ""


class CannotRecommend:
    name = "no recommend"

    def fit(self, train: pl.DataFrame, items: pl.DataFrame | None = None) -> Self:
        return self


class FitsNothing(Neighbours):
    def fit(self, train: pl.DataFrame, **more: Any) -> None:  # type: ignore[override]
        super().fit(train, **more)


class NeedsRatings(Neighbours):
    def fit(self, train: pl.DataFrame, **more: Any) -> Self:
        return super().fit(train.drop_nulls("value").head(train["value"].drop_nulls()[0]), **more)


class LeavesWhileItLearns(Neighbours):
    def fit(self, train: pl.DataFrame, **more: Any) -> Self:
        sys.exit(0)  # the line that leaves


class LeavesWhenAsked(Neighbours):
    def recommend(self, *arguments: Any, **more: Any) -> pl.DataFrame:
        sys.exit("done")


class NeedsArguments(Neighbours):
    def __init__(self, factors: int) -> None:
        self.factors = factors


class FailsToStart(Neighbours):
    def __init__(self) -> None:
        raise RuntimeError("no GPU here")


not_a_class = 3
