"""What becomes of a model's lists in other orders: the front of accuracy against diversity, calibration, fusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from avrec_lib.evaluate.diversity import item_labels
from avrec_lib.evaluate.taste import histories_of
from avrec_lib.evaluate.trial import Trial
from avrec_lib.models.co_choice import co_choice_embeddings
from avrec_lib.rerank import (
    Calibration,
    ExposureFloor,
    ItemVectors,
    MaximalMarginalRelevance,
    MaxSumDiversity,
    accuracy_diversity_front,
    exposure_groups,
    reciprocal_rank_fusion,
    rerank,
)

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


def other_orders(
    trials: Sequence[Trial], others: Sequence[Sequence[Trial]], k: int, items: pl.DataFrame | None, *,
    depth: int = 60, calibration: float = 0.3, tail_share: float = 0.3,
) -> list[Trial]:  # fmt: skip
    """The `trials` of one model as ranked, and with their first `depth` places in other orders, as trials of new names.

    Calibrated to the tags of the history (trade-off `calibration`), with a floor of `tail_share` for items of the tail,
    and fused by reciprocal rank with the trials of `others` on the same splits. What the data cannot tell is left out.
    """
    made = list(trials)
    for place, trial in enumerate(trials):
        ranked, train = trial.ranked, trial.split.train
        groups = exposure_groups(train, items)
        if items is not None and "tags" in items.columns and (labels := item_labels(items, "tags")).height:
            histories = histories_of(trial.split.queries, train)
            order = rerank(ranked, k, Calibration(calibration, labels, histories), depth=depth)
            made.append(replace(trial, model=f"{trial.model}, calibrated", ranked=order))
        if (groups["group"] == "tail").any():
            order = rerank(ranked, k, ExposureFloor({"tail": tail_share}, groups), depth=depth)
            made.append(replace(trial, model=f"{trial.model}, {tail_share:.0%} of the tail", ranked=order))
        if others:
            order = reciprocal_rank_fusion([ranked, *(one[place].ranked for one in others)], k)
            made.append(replace(trial, model=f"{trial.model}, fused by rank", ranked=order))
    return made


def _apart(table: pl.DataFrame, trial: Trial) -> pl.DataFrame:
    return table.with_columns(query_id=pl.format("{} {}", "query_id", pl.lit(trial.split.window)))
