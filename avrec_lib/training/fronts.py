"""The front of accuracy against diversity of a model's lists, by two likenesses of which one is not optimised."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from avrec_lib.evaluate.trial import Trial
from avrec_lib.models.co_choice import co_choice_embeddings
from avrec_lib.rerank import ItemVectors, MaximalMarginalRelevance, MaxSumDiversity, accuracy_diversity_front

TRADE_OFFS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.0)
NO_TAGS = "No item has a tag, so nothing says how diverse a list is but who chose its items: one likeness is too few."


def of_lists(
    trials: Sequence[Trial], k: int, items: pl.DataFrame | None, *, depth: int = 60, resamples: int = 2000,
    seed: int = 0,
) -> tuple[pl.DataFrame | None, str]:  # fmt: skip
    """`rerank.accuracy_diversity_front` of one model's `trials`, all splits together; else None and why (a template).

    Optimised is the likeness of tags, reported that of co-choice (`models.co_choice`) in the training rows of the first
    split, without any that another split tests. A user's lists of all splits are one cluster of the bootstrap.
    """
    if items is None or "tags" not in items.columns or not items["tags"].list.len().sum():
        return None, NO_TAGS
    first = trials[0].split
    answers = pl.concat(one.split.truth.select("user_id", "item_id") for one in trials).unique()
    common = first.train.join(answers, on=["user_id", "item_id"], how="anti")
    tags, co_choice = ItemVectors.of_labels(items, "tags"), ItemVectors.of_embeddings(co_choice_embeddings(common))
    ranked = pl.concat(_apart(one.ranked, one) for one in trials)
    truth = pl.concat(_apart(one.split.truth.join(one.queries, on="query_id", how="semi"), one) for one in trials)
    asked = ranked.filter(pl.col("query_id").is_in(truth["query_id"].unique().implode()))
    front = accuracy_diversity_front(
        asked, truth, k,
        {
            "maximal marginal relevance": lambda trade_off: MaximalMarginalRelevance(trade_off, tags),
            "max-sum diversification": lambda trade_off: MaxSumDiversity(trade_off, tags),
        },
        TRADE_OFFS, optimised=tags, reported=co_choice, depth=depth, resamples=resamples, seed=seed,
    )  # fmt: skip
    return front, ""


def _apart(table: pl.DataFrame, trial: Trial) -> pl.DataFrame:
    return table.with_columns(query_id=pl.format("{} {}", "query_id", pl.lit(trial.split.window)))
