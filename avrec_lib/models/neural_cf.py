"""Collaborative filtering and a deep network in one: each alone, or both added up."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from torch import nn

from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import shared_labels
from avrec_lib.models.neural_recommender import NeuralRecommender
from avrec_lib.models.search_space import OneOf, Real, Space, Whole
from avrec_lib.models.top_k import UNRANKED
from avrec_lib.networks.held_out import learned_events
from avrec_lib.networks.neural_cf import BRANCHES, PAIR_LOSSES, Branches, PairLoss, PairNetwork, PairsInTime
from avrec_lib.networks.options import check_whole
from avrec_lib.networks.packing import packed
from avrec_lib.networks.precision import Precision
from avrec_lib.networks.threads import device

_ROWS = 256  # queries whose histories are read at a time


class NeuralCF(NeuralRecommender):
    """NeuMF (He et al. 2017, "Neural collaborative filtering") with users told by what they chose, not by their id.

    Score = a product of vectors (`branches="CF"`), a network of two layers over the same kind of vectors and the
    labels of the item (`"deep"`), or both added up; the formula stands in `networks.neural_cf.PairNetwork`. The paper
    has an embedding for each user; here each branch has the decayed and normalised sum of the vectors of the last
    `length` items of the history, as in SVD++ and FISM, so that strangers who bring a history are answered too.

    Learned from every event of one run a user and epoch, as of just before it; with `in_order=False` the order of a
    history means nothing and `decay` is 1. `loss` is the paper's binary cross entropy against `negatives` items drawn
    evenly, or a softmax over as many drawn by frequency: on the validation choices of MovieLens-100K the product alone
    has an NDCG@10 of .112 by the softmax and .032 by cross entropy after 16 to 20 epochs, so that is the default.
    Labels are tags, category and creator that two items or more share, where `fit` is given `items` and `labels` is
    true; text is not read. Items that nobody chose in training (what `patience` holds out is no part of it) are not
    ranked, nor is anything for a query without a history.

    To score a query costs width + hidden²/2 + hidden/2 multiplications an item, about nine inner products at width 64
    and hidden 32, in blocks of 65,536 pairs; `"CF"` costs one inner product. Raises DataError in `fit` when no user
    has two events.
    """

    name = "NeuMF"
    learned = ("weights", "label_columns", "label_starts")
    network: PairNetwork
    space: ClassVar[Space] = {
        "width": Whole(16, 128, log=True),
        "hidden": Whole(16, 128, log=True),
        "decay": Real(0.6, 0.99),
        "dropout": Real(0.0, 0.6),
        "learning_rate": Real(5e-4, 1e-2, log=True),
        "loss": OneOf(*PAIR_LOSSES),
    }

    def __init__(
        self, branches: Branches = "both", width: int = 64, hidden: int = 32, length: int = 100, decay: float = 0.8,
        in_order: bool = True, labels: bool = True, dropout: float = 0.6, loss: PairLoss = "sampled softmax",
        negatives: int = 64, epochs: int = 20, batch: int = 1024, learning_rate: float = 2e-3,
        weight_decay: float = 0.0, decays: bool = True, patience: int | None = None, precision: Precision = "auto",
        seed: int = 0, threads: int | None = None,
    ) -> None:  # fmt: skip
        if branches not in BRANCHES:
            raise unknown_name("branches", branches, BRANCHES)
        if loss not in PAIR_LOSSES:
            raise unknown_name("loss", loss, PAIR_LOSSES)
        check_whole(width=width, length=length, negatives=negatives)
        check_whole(2, hidden=hidden)
        if not 0 < decay <= 1 or not 0 <= dropout < 1:
            raise UsageError(
                "NeuMF takes a decay above 0, up to 1, and a dropout from 0, below 1, not {options}.",
                options=(decay, dropout),
            )
        self.branches, self.width, self.hidden, self.length = branches, width, hidden, length
        self.decay, self.in_order, self.labels, self.dropout = (
            float(decay),
            bool(in_order),
            bool(labels),
            float(dropout),
        )
        self.loss, self.negatives, self.epochs, self.batch = loss, negatives, epochs, batch
        self.learning_rate, self.weight_decay, self.decays = float(learning_rate), float(weight_decay), bool(decays)
        self.patience, self.precision, self.seed, self.threads = patience, precision, seed, threads
        self._plan()  # refuses what cannot be
        if branches != "both":
            self.name = f"NeuMF, {branches} alone"

    def _network(self, items: int) -> PairNetwork:
        decay = self.decay if self.in_order else 1.0
        return PairNetwork(
            items, self.width, self.hidden, self.branches, decay, self.dropout, self.label_columns, self.label_starts
        )

    def _learn(self, interactions: Interactions) -> None:
        found = shared_labels(interactions).T.tocsr()
        if not self.labels or self.branches == "CF":
            found = found[:, :0]
        self.label_columns, self.label_starts = found.indices, found.indptr
        super()._learn(interactions)

    def _learner(self, network: nn.Module, interactions: Interactions) -> PairsInTime:
        assert isinstance(network, PairNetwork)
        past, plan = interactions.past, self._plan()
        if not (past.lengths > 1).any():
            raise DataError(
                "{model} learns what goes with what, but no user of this log has two events.", model=self.name,
                hint="Popularity and content models need no second one.",
            )  # fmt: skip
        return PairsInTime(
            network, past.items, past.starts, longest=self.length, batch=plan.batch, loss=self.loss,
            negatives=self.negatives, in_order=self.in_order, held_out=plan.patience is not None, seed=plan.seed,
        )  # fmt: skip

    def _finish(self, network: nn.Module, interactions: Interactions) -> None:
        """Vectors of items that were never learned from become 0, which marks them."""
        assert isinstance(network, PairNetwork)
        past, plan = interactions.past, self._plan()
        told = learned_events(past.starts, plan.patience, plan.seed)
        network.forget(np.bincount(past.items[told], minlength=past.catalogue) == 0)

    def _prepare(self, items: int) -> None:
        columns, starts = self.label_columns, self.label_starts
        if (
            starts.shape != (items + 1,) or starts[0] != 0 or starts[-1] != len(columns) or (np.diff(starts) < 0).any()
            or (len(columns) and not np.array_equal(np.unique(columns), np.arange(len(np.unique(columns)))))
        ):  # fmt: skip
            raise ValueError("labels do not fit the catalogue")
        super()._prepare(items)

    def _network_scores(self, histories: Histories) -> np.ndarray:
        scores = np.full(histories.shape, UNRANKED, dtype=np.float32)
        latest = histories.latest(self.length)
        known = np.flatnonzero(histories.lengths > 0)
        for rows in np.array_split(known, len(known) // _ROWS + 1):
            if len(rows):
                block = latest.block(int(rows[0]), int(rows[-1]) + 1)
                lengths = block.lengths[block.lengths > 0]
                at = 0
                for part in self.network.scores(packed(block.items, lengths, device())):
                    scores[rows[at : at + len(part)]] = part.cpu().numpy()
                    at += len(part)
        scores[:, ~self.network.known().cpu().numpy()] = UNRANKED
        return scores
