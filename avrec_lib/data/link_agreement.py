"""Is a knowledge graph about these items? What shares an entity should share tags; wrongly numbered links do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.data.triples import Graph

_MOST_ITEMS = 50  # an entity of more items says little of each
_MOST_PAIRS = 20_000


@dataclass(frozen=True)
class LinkAgreement:
    """Of `pairs` of items that share an entity, `share` have a tag in common; by `chance` as many would.

    Chance is the mean when the tags are dealt to the items anew, `p_value` how often so many pairs then have one. All
    are None where no pair of items with tags shares an entity.
    """

    pairs: int
    share: float | None = None
    chance: float | None = None
    p_value: float | None = None

    @property
    def agrees(self) -> bool | None:
        """Whether they share tags a tenth more often than by chance (p ≤ 0.01); None where nothing can be said."""
        if self.share is None or self.chance is None or self.p_value is None:
            return None
        return self.p_value <= 0.01 and self.share > 1.1 * self.chance


def link_agreement(graph: Graph, items: pl.DataFrame, permutations: int = 199, seed: int = 0) -> LinkAgreement:
    """Whether the links of `graph` agree with the tags of `items` (item_id, tags).

    Entities next to 2 to 50 items count, each pairing its items in a circle. A graph of which the links name other
    items looks like chance; so does one that is right but about something else than tags.
    """
    told = items.select("item_id", tag="tags").explode("tag").drop_nulls().unique().sort("item_id", "tag")
    rows = told.select("item_id").unique(maintain_order=True).with_row_index("row")
    edges = pl.concat([graph.triples.select("head", "tail"), graph.triples.select(head="tail", tail="head")])
    near = graph.links.join(edges, left_on="entity", right_on="head").join(rows, on="item_id").select("tail", "row")
    near = near.unique().sort("tail", "row").filter(pl.len().over("tail").is_between(2, _MOST_ITEMS))
    following = pl.col("row").shift(-1).over("tail").fill_null(pl.col("row").first().over("tail"))
    pairs = near.select(low=pl.min_horizontal("row", following), high=pl.max_horizontal("row", following)).unique()
    pairs = pairs.sort("low", "high")
    if pairs.is_empty():
        return LinkAgreement(0)
    pairs = pairs.sample(min(_MOST_PAIRS, pairs.height), seed=seed)
    columns = told.select(pl.col("tag").rank("dense") - 1).to_series().to_numpy()
    places = told.join(rows, on="item_id", maintain_order="left")["row"].to_numpy()
    tags = sparse.csr_matrix((np.ones(told.height, np.float32), (places, columns)))
    low, high = pairs["low"].to_numpy(), pairs["high"].to_numpy()

    def share(dealt: np.ndarray) -> float:
        common = tags[dealt[low]].multiply(tags[dealt[high]]).sum(axis=1)
        return float((np.asarray(common) > 0).mean())

    rng = np.random.default_rng(seed)
    found = share(np.arange(rows.height))
    by_chance = np.array([share(rng.permutation(rows.height)) for _ in range(permutations)])
    p_value = (1 + (by_chance >= found).sum()) / (1 + permutations)
    return LinkAgreement(pairs.height, found, float(by_chance.mean()), float(p_value))
