"""A knowledge graph as a recommender: a random walk from what the user chose, over what items share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.data.triples import Graph, triples_of_items
from avrec_lib.errors import DataError, UsageError
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import known_items
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import Real, Space, Whole
from avrec_lib.models.top_k import UNRANKED

_CELLS = 2**22


class KnowledgeGraph(MatrixRecommender):
    """Score = pᵢ after `steps` steps of a random walk with restart: p ← (1 − restart) · p P + restart · s.

    Personalised PageRank, cut short. s is spread over the entities of the history's items, decayᵃ for an item of age a
    (0 for the last), and sums to 1; pᵢ is the sum over the entities of item i. From a node v the walker takes each of
    its relations r alike, and each of the d_r(v) edges of r alike; the chance of an entity that is no item is
    multiplied by (its edges)^−damping (0: what many share says as much as any other), and the chances of a node are
    brought to sum 1. Edges are walked both ways; two entities have one edge, under the first name of what relates them.
    An entity with one edge that is no item leads nowhere, and is left out. Items with many edges are reached more
    often: much is known of what is widely chosen.

    `graph` is that of `data.triples` (`graph_of(dataset)`, `read_triples(file)`); without it the table of items makes
    one. An item that the walk does not reach is not ranked; new items are ranked like any other. A saved model has the
    walk, not the graph. `fit` raises DataError when no item of the catalogue is linked. Haveliwala 2002,
    "Topic-sensitive PageRank".
    """

    name = "knowledge graph"
    space: ClassVar[Space] = {
        "restart": Real(0.05, 0.6), "steps": Whole(2, 8), "decay": Real(0.8, 1.0), "damping": Real(0.0, 1.0),
    }  # fmt: skip
    learned = ("link_columns", "link_starts", "walk_columns", "walk_starts", "walk_data")

    def __init__(
        self,
        graph: Graph | None = None,
        restart: float = 0.2,
        steps: int = 4,
        decay: float = 0.99,
        damping: float = 0.0,
    ) -> None:
        in_range = 0 <= restart < 1 and 0 < decay <= 1 and 0 <= damping < np.inf
        if not in_range or not isinstance(steps, int) or steps < 1:
            raise UsageError(
                "A knowledge graph takes a restart from 0, below 1, steps from 1, a decay above 0, up to 1, and a "
                "damping of 0 or more, not {options}.", options=(restart, steps, decay, damping),
            )  # fmt: skip
        self.graph, self.restart, self.steps = graph, float(restart), steps
        self.decay, self.damping = float(decay), float(damping)

    def options(self) -> dict[str, Any]:
        """The constructor arguments of this model but for the graph, whose walk is among what it learned."""
        return {name: value for name, value in super().options().items() if name != "graph"}

    def _learn(self, interactions: Interactions) -> None:
        graph = self.graph
        if graph is None:
            graph = triples_of_items(known_items(interactions, self.name))
        links = graph.links.join(interactions.item_rows, on="item_id")
        edges, nodes = _edges(graph.triples, links["entity"])
        placed = links.join(nodes, on="entity").unique().sort("item_row", "node")
        if placed.is_empty():
            raise DataError(
                "No item of the catalogue is linked to the knowledge graph.",
                hint="Are the item_ids of its links those of the training rows?",
            )
        rows, columns = placed["item_row"].to_numpy(), placed["node"].to_numpy().astype(np.int32)
        self.link_columns = columns
        self.link_starts = np.searchsorted(rows, np.arange(len(interactions.item_ids) + 1)).astype(np.int32)
        walk = _walk(edges, nodes.height, np.unique(columns), self.damping)
        self.walk_columns, self.walk_starts, self.walk_data = walk.indices, walk.indptr, walk.data

    def _prepare(self, items: int) -> None:
        nodes = len(self.walk_starts) - 1
        walk = sparse.csr_matrix((self.walk_data, self.walk_columns, self.walk_starts), shape=(nodes, nodes))
        ones = np.ones(len(self.link_columns), np.float32)
        links = sparse.csr_matrix((ones, self.link_columns, self.link_starts), shape=(items, nodes))
        for table in (walk, links):
            table.check_format(full_check=True)  # numbers from a file must not reach beyond the arrays
        if not np.isfinite(self.walk_data).all():
            raise ValueError("walk_data are no numbers")
        self._links, self._backwards = links, walk.T.tocsr()

    def _score(self, histories: Histories) -> np.ndarray:
        return self.walked(histories.recent(self.decay))

    def walked(self, histories: sparse.csr_matrix) -> np.ndarray:
        """Scores (queries, items) of walks from `histories`, queries × items with the weight of each item."""
        seeds = histories @ self._links
        mass = np.asarray(seeds.sum(axis=1)).ravel()
        seeds = sparse.diags(np.divide(1, mass, out=np.zeros_like(mass), where=mass > 0)) @ seeds
        scores = np.empty(histories.shape, np.float32)
        rows = max(1, _CELLS // seeds.shape[1])
        for start in range(0, len(scores), rows):
            restarts = seeds[start : start + rows].T.astype(np.float32).toarray()  # nodes × queries
            reached = restarts
            for _ in range(self.steps):
                reached = self._backwards @ reached
                reached *= 1 - self.restart
                reached += self.restart * restarts
            scores[start : start + rows] = (self._links @ reached).T
        return np.where(scores > 0, scores, np.float32(UNRANKED))


def _edges(triples: pl.DataFrame, of_items: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Columns source, target, relation of every edge, both ways, by node; and columns entity, node.

    A pair of entities stands once each way, under the first name of its relations: many graphs have each fact twice,
    as the film of a director and as the director of a film. What is left out has no node.
    """
    apart = triples.drop_nulls().filter(pl.col("head") != pl.col("tail"))
    low, high = pl.min_horizontal("head", "tail"), pl.max_horizontal("head", "tail")
    pairs = apart.group_by(source=low, target=high).agg(pl.col("relation").min())
    both = pl.concat([pairs, pairs.select(source="target", target="source", relation="relation")])
    is_item = pl.col("source").is_in(of_items.unique().implode())
    useful = both.filter(is_item | (pl.len().over("source") > 1)).select(entity="source").unique().sort("entity")
    nodes = useful.with_row_index("node")
    coded = both.join(nodes.rename({"entity": "source", "node": "from"}), on="source").join(
        nodes.rename({"entity": "target", "node": "to"}), on="target"
    )
    return coded.select(source="from", target="to", relation="relation").sort("source", "target"), nodes


def _walk(edges: pl.DataFrame, nodes: int, items: np.ndarray, damping: float) -> sparse.csr_matrix:
    """Nodes × nodes float32: the chance to step from one to the other; a row sums to 1, or 0 without an edge."""
    source, target = (edges[side].to_numpy().astype(np.int32) for side in ("source", "target"))
    degree = np.bincount(target, minlength=nodes).astype(np.float64)
    pull = np.maximum(degree, 1) ** -damping
    pull[items] = 1.0
    share = edges.select(1 / pl.len().over("source", "relation")).to_series().to_numpy()
    chance = sparse.csr_matrix((share * pull[target], (source, target)), shape=(nodes, nodes))
    total = np.asarray(chance.sum(axis=1)).ravel()
    scale = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
    return (sparse.diags(scale) @ chance).astype(np.float32).tocsr()
