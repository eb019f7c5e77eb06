"""Can it learn at all? A model that cannot repeat what a hundred users did is broken, whatever its metrics say."""

from __future__ import annotations

import copy

import polars as pl

from avrec_lib.data.facts import Fact, Level, in_percent
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.popularity import Popularity
from avrec_lib.protocols import queries_table

PLACES = 10
ENOUGH = 0.8
FEWEST = 5  # items of a user whose last one can be asked of those before
SAID = (
    "**{model}**, trained on {people} users alone and without dropout, finds the last choice of {share} of them among "
    "its first {places}; the most popular items hold {popular} of these."
)
NOBODY = "Whether **{model}** can learn a few users by heart cannot be asked: no user has chosen five different items."


def overfits(
    model: MatrixRecommender, train: pl.DataFrame, items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None, *, people: int = 100, most_items: int = 30, epochs: int | None = None,
) -> Fact:  # fmt: skip
    """Whether a copy of `model`, without dropout, finds the last choice of `people` users that it was trained on.

    Deep recommenders can train without learning and say nothing. Each user's first `most_items` items are learned, all
    of them; then the last of these is asked of those before, ten places long. The fact is red where no more is found
    than among the most popular items, amber below 80 %, and amber where no user has five items. `epochs` in the place
    of the model's own.
    """
    ordered = train.sort("timestamp", maintain_order=True) if "timestamp" in train.columns else train
    own = ordered.drop_nulls("item_id").unique(["user_id", "item_id"], keep="first", maintain_order=True)
    own = own.filter(pl.int_range(pl.len()).over("user_id") < most_items)
    histories = own.group_by("user_id", maintain_order=True).agg(pl.col("item_id"))
    asked = histories.filter(pl.col("item_id").list.len() >= FEWEST).head(people)
    if asked.is_empty():
        return Fact("overfits_few_users", 0, None, "amber", NOBODY, {"model": model.name})
    rows = own.join(asked.select("user_id"), on="user_id", how="semi", maintain_order="left")
    student = copy.deepcopy(model)
    changes = {"dropout": 0.0, "patience": None, "checkpoint_folder": None}
    for name, value in (changes | ({} if epochs is None else {"epochs": epochs})).items():
        if hasattr(student, name):
            setattr(student, name, value)
    found, popular = (_found(one.fit(rows, items, users), asked) for one in (student, Popularity()))
    share = found / asked.height
    level: Level = "red" if found <= popular else "amber" if share < ENOUGH else "info"
    words = {"model": model.name, "people": asked.height, "places": PLACES}
    words["popular"] = in_percent(popular / asked.height)
    return Fact("overfits_few_users", found, share, level, SAID, words)


def _found(model: MatrixRecommender, asked: pl.DataFrame) -> int:
    """Of how many users the last of their items (item_id, a list) stands among the first ten, given those before."""
    before = pl.col("item_id").list.head(pl.col("item_id").list.len() - 1)
    queries = queries_table(asked.select(query_id="user_id", user_id="user_id", history=before))
    answers = asked.select(query_id="user_id", item_id=pl.col("item_id").list.last())
    return model.recommend(queries, PLACES).join(answers, on=["query_id", "item_id"]).height
