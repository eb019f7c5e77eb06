"""What the lists of a visit do, as tables: how diverse, popular and old they are, and how their tags are mixed."""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.evaluate.diversity import intra_list_diversity
from avrec_lib.evaluate.list_sums import list_means
from avrec_lib.evaluate.lists import Lists
from avrec_lib.widgets.item_facts import ItemFacts
from avrec_lib.widgets.recommendation_state import RecommendationState

HISTORY = "history"
LATEST = 100
"""So many choices of the history, the latest, are held against the lists."""


def sources(state: RecommendationState) -> dict[str, np.ndarray]:
    """Places in the catalogue by where they stand: the history (its LATEST choices), then each model's list."""
    history = np.array(state.visit.history[-LATEST:], dtype=np.int64)
    return {HISTORY: history} | state.places()


def items_shown(state: RecommendationState) -> pl.DataFrame:
    """One row an item of the history and of each list: list, title, born (a year, null where unknown), users."""
    facts = state.facts
    schema = {"list": pl.String, "title": pl.String, "born": pl.Float64, "users": pl.Int64}
    parts = [
        pl.DataFrame(
            {
                "list": [name] * len(places), "title": [facts.titles[place] for place in places],
                "born": pl.Series(facts.born[places], nan_to_null=True), "users": facts.users[places],
            }, schema=schema,
        )
        for name, places in sources(state).items()
    ]  # fmt: skip
    return pl.concat(parts)


def tag_mixture(state: RecommendationState, most: int = 8) -> pl.DataFrame:
    """Columns list, tag, share of the history and of each list; an item's tags count 1/(tags of the item) each.

    The `most` tags with the largest sum of shares, the largest first; a source without any tag has no row.
    """
    facts = state.facts
    schema = {"list": pl.String, "tag": pl.String, "weight": pl.Float64}
    rows = [
        (name, tag, 1 / len(facts.tags[place]))
        for name, places in sources(state).items()
        for place in places
        for tag in facts.tags[place] or ()
    ]
    weights = pl.DataFrame(rows, schema, orient="row").group_by("list", "tag", maintain_order=True).sum()
    shares = weights.with_columns(share=pl.col("weight") / pl.col("weight").sum().over("list")).drop("weight")
    first = shares.group_by("tag").agg(pl.col("share").sum()).sort("share", "tag", descending=[True, False])
    lists = shares.select("list").unique(maintain_order=True)
    # Every list has a row for every tag, so that the bars of all lists stand in one order.
    grid = lists.join(first.head(most).select("tag"), how="cross", maintain_order="left_right")
    return grid.join(shares, on=["list", "tag"], how="left", maintain_order="left").with_columns(
        pl.col("share").fill_null(0.0)
    )


def list_measures(state: RecommendationState) -> pl.DataFrame:
    """Columns list, diversity, users, born, tail_share of the history and of each list.

    `diversity` is that of tags alone (`intra_list_diversity`; null without tags), so not the measure that the slider
    acts by; `users` and `born` are means over the items that say so; `tail_share` is the share of tail items. Null
    for an empty list.
    """
    facts, places = state.facts, sources(state)
    lists = _lists(facts, places)
    undefined = np.full(len(places), np.nan)
    columns = {
        "diversity": undefined
        if facts.tag_vectors is None
        else intra_list_diversity(lists, facts.tag_vectors, lists.depth),
        "users": list_means(lists.items, facts.users.astype(np.float64)),
        "born": list_means(lists.items, facts.born),
        "tail_share": list_means(lists.items, facts.is_tail.astype(np.float64)),
    }
    return pl.DataFrame({"list": list(places)}).with_columns(
        pl.Series(name, values, nan_to_null=True) for name, values in columns.items()
    )


def _lists(facts: ItemFacts, places: dict[str, np.ndarray]) -> Lists:
    items = np.full((len(places), max(1, *map(len, places.values()))), -1, dtype=np.int32)
    for row, held in enumerate(places.values()):
        items[row, : len(held)] = held
    queries = pl.DataFrame({"query_id": list(places), "user_id": list(places)})
    return Lists(queries, pl.Series(facts.ids, dtype=pl.String), items)
