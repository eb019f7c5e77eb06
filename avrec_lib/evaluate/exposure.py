"""How evenly all lists together spread their places over items and over creators.

These numbers have no interval. A bootstrap over users draws only 63 % of them, and fewer distinct lists show fewer
items: every resample looks more concentrated than the lists it came from, so that its interval need not even hold the
number itself (`test_a_bootstrap_over_users_misses_the_number_itself`). Compare them between models that answered the
same queries, never between different numbers of lists.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.evaluate.list_sums import first_places
from avrec_lib.evaluate.lists import Lists, row_of_each
from avrec_lib.evaluate.metric import Metric
from avrec_lib.schema import Items, require_columns

METRICS = {
    metric.name: metric
    for metric in (
        Metric("catalogue_coverage", "higher", "Share of the catalogue that is shown"),
        Metric("answered_share", "higher", "Share of queries with a full list"),
        Metric("gini_items", None, "Gini coefficient of exposure over items"),
        Metric("entropy_items", None, "Evenness (entropy) of exposure over items"),
        Metric("gini_creators", None, "Gini coefficient of exposure over creators"),
        Metric("entropy_creators", None, "Evenness (entropy) of exposure over creators"),
    )
}


def item_exposure(lists: Lists, catalogue: pl.Series, k: int, *, discounted: bool = False) -> pl.DataFrame:
    """Columns item_id, exposure: how often each item of `catalogue` stands in the first `k` places, 0 when never.

    With `discounted` a place at rank r counts 1/log2(r + 1), the chance of being looked at that DCG assumes (Singh and
    Joachims 2018). Items outside the catalogue are not counted. Sorted by item_id.
    """
    places = first_places(lists, k)
    filled = places >= 0
    weight = 1 / np.log2(np.arange(2, k + 2)) if discounted else np.ones(k)
    shown = np.bincount(places[filled], np.broadcast_to(weight, places.shape)[filled], len(lists.item_ids))
    items = catalogue.cast(pl.String).drop_nulls().unique().sort()
    codes = row_of_each(items, lists.item_ids, "catalogue")
    return pl.DataFrame({"item_id": items, "exposure": np.append(shown, 0.0)[codes]})


def creator_exposure(exposure: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Columns creator_id, exposure: the sum of `item_exposure` over the items of each creator.

    Every creator of an item in the catalogue has a row, shown or not; items without a creator are left out.
    """
    require_columns(("item_id", "creator_id"), items.columns, Items, "items")
    owned = exposure.join(items.select("item_id", "creator_id").drop_nulls(), on="item_id")
    return owned.group_by("creator_id").agg(pl.col("exposure").sum()).sort("creator_id")


def gini(exposure: pl.Series) -> float | None:
    """Gini coefficient Σ_i (2 i − n − 1) x_i / (n Σ x) of n exposures in ascending order x_1 … x_n.

    0: all alike; 1 − 1/n: one has it all. None where nothing was shown.
    """
    amounts = exposure.sort().to_numpy()
    total = amounts.sum()
    if not total > 0:
        return None
    n = len(amounts)
    return float((2 * np.arange(1, n + 1) - n - 1) @ amounts / (n * total))


def entropy(exposure: pl.Series) -> float | None:
    """Shannon entropy −Σ p ln p of n exposures as shares p, over its largest value ln n: 1 when all are alike.

    None where nothing was shown, and for a single item or creator, which cannot be uneven.
    """
    amounts = exposure.to_numpy()
    total = amounts.sum()
    if not total > 0 or len(amounts) < 2:
        return None
    p = amounts[amounts > 0] / total
    return float(max(0.0, -(p @ np.log(p)) / np.log(len(amounts))))
