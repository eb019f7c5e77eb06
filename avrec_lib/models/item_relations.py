"""What relates items besides the choices of users, as groups of items: labels that they bear, entities they have."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.data.triples import Graph
from avrec_lib.errors import DataError
from avrec_lib.models.interactions import Interactions


def entity_groups(graph: Graph, interactions: Interactions) -> sparse.csr_matrix:
    """Entities × items float32: 1 where the item is that entity, or an edge of `graph` leads from the item to it.

    Edges are followed either way, and a relation's name makes no difference. Entities of one item relate nothing and
    are left out; the others stand by name. Raises DataError when no item of the catalogue is linked.
    """
    links = graph.links.join(interactions.item_rows, on="item_id").select("item_row", "entity")
    if links.is_empty():
        raise DataError(
            "No item of the catalogue is linked to the knowledge graph.",
            hint="Are the item_ids of its links those of the training rows?",
        )
    triples = graph.triples.drop_nulls()
    both = pl.concat([triples.select("head", "tail"), triples.select(head="tail", tail="head")])
    near = links.join(both, left_on="entity", right_on="head").select("item_row", entity="tail")
    cells = pl.concat([links, near]).unique()
    groups = cells.select("entity").filter(pl.len().over("entity") > 1).unique().sort("entity").with_row_index("group")
    placed = cells.join(groups, on="entity")
    rows, columns = (placed[name].to_numpy().astype(np.int32) for name in ("group", "item_row"))
    shape = (groups.height, len(interactions.item_ids))
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
