"""Can it learn at all? A model that cannot repeat what a hundred users did is broken, whatever its metrics say."""

from __future__ import annotations

import copy

import polars as pl

from avrec_lib.data.facts import Fact
from avrec_lib.errors import DataError
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.protocols import queries_table

PLACES = 10
ENOUGH, HARDLY = 0.8, 0.4
FEWEST = 5  # events of a user whose last one can be asked of those before


def overfits(
    model: MatrixRecommender, train: pl.DataFrame, items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None, *, people: int = 100, most_events: int = 30, epochs: int | None = None,
) -> Fact:  # fmt: skip
    """Whether a copy of `model`, without dropout, finds the last choice of `people` users that it was trained on.

    Deep recommenders can train without learning and say nothing. Each user's first `most_events` choices are learned,
    all of them; then the last of them is asked of those before, ten places long. The fact is red below 40 % found,
    amber below 80 %. `epochs` in the place of the model's own. Raises DataError where no user has five choices.
    """
    ordered = train.sort("timestamp", maintain_order=True) if "timestamp" in train.columns else train
    own = ordered.filter(pl.col("item_id").is_not_null(), pl.int_range(pl.len()).over("user_id") < most_events)
    histories = own.group_by("user_id", maintain_order=True).agg(pl.col("item_id"))
    asked = histories.filter(
        pl.col("item_id").list.len() >= FEWEST,
        ~pl.col("item_id").list.head(pl.col("item_id").list.len() - 1).list.contains(pl.col("item_id").list.last()),
    ).head(people)
    if asked.is_empty():
        raise DataError("No user has five choices, so nothing can be learned by heart.")
    student = copy.deepcopy(model)
    for name, value in {"dropout": 0.0, "patience": None, "epochs": epochs}.items():
        if hasattr(student, name) and (value is not None or name == "patience"):
            setattr(student, name, value)
    student.fit(own.join(asked.select("user_id"), on="user_id", how="semi", maintain_order="left"), items, users)
    before = pl.col("item_id").list.head(pl.col("item_id").list.len() - 1)
    queries = queries_table(asked.select(query_id="user_id", user_id="user_id", history=before))
    answers = asked.select(query_id="user_id", item_id=pl.col("item_id").list.last())
    found = student.recommend(queries, PLACES).join(answers, on=["query_id", "item_id"]).height
    share = found / asked.height
    return Fact(
        "overfits_few_users", found, share, "red" if share < HARDLY else "amber" if share < ENOUGH else "info",
        "**{model}**, trained on {people} users alone and without dropout, finds the last choice of {share} of them "
        "among its first {places}.", {"model": model.name, "people": asked.height, "places": PLACES},
    )  # fmt: skip
