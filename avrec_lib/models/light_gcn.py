"""LightGCN without embeddings of users: item embeddings that spread over choices, labels and a knowledge graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import polars as pl
import torch
from scipy import sparse
from torch import nn

from avrec_lib.data.dataset import fingerprint
from avrec_lib.data.triples import Graph, triples_of_items
from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import SHARED, check_attributes, item_labels, known_items, shared_labels
from avrec_lib.models.item_relations import entity_groups
from avrec_lib.models.neural_recommender import NeuralRecommender
from avrec_lib.models.search_space import Real, Space, Whole
from avrec_lib.models.top_k import UNRANKED
from avrec_lib.networks.graph import GRAPH_LOSSES, GraphChoices, GraphLoss, ItemGraph, Relation, item_scales
from avrec_lib.networks.held_out import learned_events
from avrec_lib.networks.losses import MOST_ITEMS
from avrec_lib.networks.options import check_whole
from avrec_lib.networks.threads import device

RelationName = Literal["co-choice", "labels", "knowledge graph"]
RELATIONS: tuple[RelationName, ...] = get_args(RelationName)


class LightGCN(NeuralRecommender):
    """Score of j = u · eⱼ, u = Σᵢ decayᵃ sᵢ eᵢ / √Σᵢ decayᵃ over the items i of the history, a its age (0: the last).

    e is the mean of learned embeddings and of what `layers` steps over a graph of items make of them; sᵢ is 1/√(choices
    of i), in another unit (`networks.graph`). It is LightGCN (He et al. 2020, "LightGCN: Simplifying and powering graph
    convolution network for recommendation") with users that begin at zero: what they are is always a sum of items, as
    in INMO (Wu et al. 2022, "INMO: A model-agnostic and scalable module for inductive collaborative filtering"), so
    that new users are answered and the list of a history does not depend on whose it is. One step here is item → user →
    item there. `layers` 0 leaves the graph out.

    `relations` say what a step goes over: users who chose both items (co-choice), labels in the columns `by` that both
    bear, entities that both have in the `graph` of `data.triples` (without it the table of items makes one). Each is
    normalised symmetrically by itself; they are mixed by the softmax of one learned number each (`shares`). Items that
    nobody chose begin at zero and are ranked where labels or the graph reach them; those that nothing reaches are not.

    Training hides the share `hidden` of the choices of `batch` users at a time from their vectors and from the graph,
    and asks for it: what is to be found never helps to find itself. Every step spreads over the whole graph, so large
    logs want a large `batch`. `loss` is by default a softmax over all items up to 20,000, above them over `negatives`
    drawn by how often they are chosen; "BPR" is the loss of the paper. On choices held out of the training rows of
    MovieLens-100K the softmax had an NDCG@10 of .073, BPR .065 and the sampled softmax .051.

    `fit` raises DataError when no user has two items, and when a relation is asked for that nothing is known of.
    """

    name = "LightGCN"
    space: ClassVar[Space] = {
        "width": Whole(16, 128, log=True),
        "layers": Whole(1, 3),
        "learning_rate": Real(0.01, 0.2, log=True),
        "weight_decay": Real(0.0, 0.3),
        "hidden": Real(0.1, 0.8),
        "decay": Real(0.8, 1.0),
    }
    learned = ("vectors", "scales", "shares")
    precision = "float32"  # sparse products know no other

    def __init__(
        self, relations: Sequence[RelationName] = ("co-choice",), graph: Graph | None = None,
        by: Sequence[str] = SHARED, width: int = 64, layers: int = 1, decay: float = 1.0, loss: GraphLoss | None = None,
        hidden: float = 0.5, negatives: int = 256, epochs: int = 60, batch: int = 256, learning_rate: float = 0.07,
        weight_decay: float = 0.0, patience: int | None = None, seed: int = 0, threads: int | None = None,
    ) -> None:  # fmt: skip
        for relation in relations:
            if relation not in RELATIONS:
                raise unknown_name("relation", relation, RELATIONS)
        if loss is not None and loss not in GRAPH_LOSSES:
            raise unknown_name("loss", loss, GRAPH_LOSSES)
        check_whole(width=width, negatives=negatives)
        check_whole(0, layers=layers)
        if not relations or not 0 < decay <= 1 or not 0 < hidden < 1:
            raise UsageError(
                "LightGCN takes one relation or more, a decay above 0, up to 1, and hidden between 0 and 1, not "
                "{options}.", options=(tuple(relations), decay, hidden),
            )  # fmt: skip
        self.relations = tuple(name for name in RELATIONS if name in relations)
        self.graph, self.by = graph, check_attributes(by)
        self.width, self.layers, self.decay, self.loss = width, layers, float(decay), loss
        self.hidden, self.negatives, self.epochs, self.batch = float(hidden), negatives, epochs, batch
        self.learning_rate, self.weight_decay = float(learning_rate), float(weight_decay)
        self.patience, self.seed, self.threads = patience, seed, threads
        self._plan()  # refuses what cannot be
        if decay < 1:
            self.name = "LightGCN, recency"

    def options(self) -> dict[str, Any]:
        """The constructor arguments of this model but for the graph, what came of which is among what it learned."""
        return {name: value for name, value in super().options().items() if name != "graph"}

    def item_embeddings(self) -> pl.DataFrame:
        """Columns item_id, vector (a list of `width` numbers) of the items that it ranks; raises before `fit`.

        What two of them have in common is that the same users choose them, whatever they are: candidates for
        `ContentNeighbours(embeddings=…)` or an index of nearest neighbours.
        """
        ids = self._fitted().item_ids[self._reached]
        return pl.DataFrame(
            {"item_id": pl.Series(ids, dtype=pl.String), "vector": self.vectors[self._reached].tolist()}
        )

    def _network(self, items: int) -> ItemGraph:
        return ItemGraph(items, self.width, len(self.relations), self.layers)

    def _others(self, interactions: Interactions) -> list[sparse.csr_matrix]:
        """The groups of every relation but that of choices, in the order of `relations`."""
        groups = []
        if "labels" in self.relations:
            item_labels(interactions, self.by, self.name)  # raises where there is none
            groups.append(shared_labels(interactions, self.by))
        if "knowledge graph" in self.relations:
            graph = self.graph or triples_of_items(known_items(interactions, self.name))
            groups.append(entity_groups(graph, interactions))
        return groups

    def _learner(self, network: nn.Module, interactions: Interactions) -> GraphChoices:
        assert isinstance(network, ItemGraph)
        past, plan = interactions.past, self._plan()
        told = learned_events(past.starts, plan.patience, plan.seed)
        last = np.flatnonzero(~told)
        cells = (np.ones(told.sum(), np.float32), (past.queries[told], past.items[told]))
        chosen = sparse.csr_matrix(cells, shape=past.shape)
        chosen.data[:] = 1  # twice chosen is chosen
        if not (chosen.getnnz(axis=1) > 1).any():
            raise DataError(
                "{model} learns from what users chose besides, but no user of this log has two items.",
                model=self.name, hint="Popularity and content models can work with it.",
            )  # fmt: skip
        loss = self.loss or ("softmax" if past.catalogue <= MOST_ITEMS else "sampled softmax")
        return GraphChoices(
            network, chosen, self._others(interactions), co_choice="co-choice" in self.relations, batch=plan.batch,
            loss=loss, hidden=self.hidden, negatives=self.negatives, answers=(past.queries[last], past.items[last]),
        )  # fmt: skip

    def _finish(self, network: nn.Module, interactions: Interactions) -> None:
        """Keep what the embeddings are after spreading over all that is known, from those that were learned."""
        assert isinstance(network, ItemGraph)
        chosen = interactions.matrix()
        counts = chosen.getnnz(axis=0)
        past, plan = interactions.past, self._plan()
        told = learned_events(past.starts, plan.patience, plan.seed)
        learned = np.bincount(past.items[told], minlength=past.catalogue) > 0
        own = [chosen] if "co-choice" in self.relations else []
        pairs = [Relation(groups).pair() for groups in [*own, *self._others(interactions)]]
        with torch.no_grad():
            self.vectors = network(pairs, torch.from_numpy(learned).to(device())).cpu().numpy()
            self.shares = network.mix.softmax(0).cpu().numpy()
        self.scales = item_scales(counts)

    def _configuration(self, interactions: Interactions) -> dict[str, Any]:
        graph = self.graph
        tables = {} if graph is None else {"triples": graph.triples.lazy(), "links": graph.links.lazy()}
        return {**super()._configuration(interactions), "graph": fingerprint(tables)}

    def _prepare(self, items: int) -> None:
        shapes = {"vectors": (items, self.width), "scales": (items,), "shares": (len(self.relations),)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or not np.isfinite(array).all():
                raise ValueError(f"{name} do not fit the catalogue")
        self._reached = self.vectors.any(axis=1)

    def _network_scores(self, histories: Histories) -> np.ndarray:
        weights = histories.recent(self.decay)
        lengths = np.asarray(weights.sum(axis=1), np.float32).ravel()
        users = (weights @ (self.scales[:, None] * self.vectors)) / np.sqrt(np.maximum(lengths, 1e-6))[:, None]
        scores = (users @ self.vectors.T).astype(np.float32)
        scores[~users.any(axis=1)] = UNRANKED
        scores[:, ~self._reached] = UNRANKED
        return scores
