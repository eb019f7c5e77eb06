"""Recommenders that read a history in order and say what comes next."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import nn

from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.neural_recommender import NeuralRecommender
from avrec_lib.models.top_k import UNRANKED
from avrec_lib.networks.held_out import learned_events
from avrec_lib.networks.losses import LOSSES, MOST_ITEMS, Loss
from avrec_lib.networks.next_item import NextItems, SequenceNetwork
from avrec_lib.networks.options import check_whole
from avrec_lib.networks.packing import packed, runs
from avrec_lib.networks.threads import device

TOKENS = 2**15  # events that are read at a time when scoring


class NextItemRecommender(NeuralRecommender):
    """Score of j = state after the last items of the history · embedding of j; a subclass says what reads (`_reader`).

    Items that nobody chose in training are not ranked, nor is anything for a query without a history.
    """

    network: SequenceNetwork
    decays = False  # a moving average of the weights does what a falling rate would, and training can go on
    width: int
    dropout: float
    length: int
    loss: Loss | None
    negatives: int

    def _take(self, width: int, length: int, dropout: float, loss: Loss | None, negatives: int) -> None:
        """Keep the options that all of them have; UsageError for what cannot be."""
        check_whole(width=width, length=length, negatives=negatives)
        if not 0 <= dropout < 1:
            raise UsageError(
                "{model} takes width, length and negatives of 1 or more and a dropout from 0, below 1, not {options}.",
                model=type(self).__name__, options=(width, length, negatives, dropout),
            )  # fmt: skip
        if loss is not None and loss not in LOSSES:
            raise unknown_name("loss", loss, LOSSES)
        self.width, self.length, self.dropout = width, length, float(dropout)
        self.loss, self.negatives = loss, negatives

    @abstractmethod
    def _reader(self) -> nn.Module:
        """What maps embeddings in order onto states, as `networks.next_item.SequenceNetwork` takes it."""

    def _network(self, items: int) -> SequenceNetwork:
        return SequenceNetwork(items, self.width, self._reader(), self.dropout)

    def _learner(self, network: nn.Module, interactions: Interactions) -> NextItems:
        assert isinstance(network, SequenceNetwork)
        past, plan = interactions.past, self._plan()
        if not (past.lengths > 1).any():
            raise DataError(
                "{model} learns what comes after what, but no user of this log has two events.", model=self.name,
                hint="Popularity and content models can work with it.",
            )  # fmt: skip
        loss = self.loss or ("softmax" if past.catalogue <= MOST_ITEMS else "sampled softmax")
        return NextItems(
            network, past.items, past.starts, longest=self.length, batch=plan.batch, loss=loss,
            negatives=self.negatives, held_out=plan.patience is not None, seed=plan.seed,
        )  # fmt: skip

    def _finish(self, network: nn.Module, interactions: Interactions) -> None:
        """Embeddings of items that were never learned become 0, which marks them."""
        assert isinstance(network, SequenceNetwork)
        past, plan = interactions.past, self._plan()
        learned = past.items[learned_events(past.starts, plan.patience, plan.seed)]
        counts = np.bincount(learned, minlength=past.catalogue)
        with torch.no_grad():
            network.items.weight[torch.from_numpy(counts == 0).to(device())] = 0

    def _network_scores(self, histories: Histories) -> np.ndarray:
        scores = np.full(histories.shape, UNRANKED, dtype=np.float32)
        items = self.network.items.weight
        latest = histories.latest(self.length)
        blocks = max(1, len(latest.items) // TOKENS)  # of a score block, which knows nothing of how long histories are
        for rows in np.array_split(np.flatnonzero(latest.lengths > 0), blocks):
            if len(rows):
                lengths = latest.lengths[rows]
                inputs = packed(latest.items[runs(latest.starts[rows], lengths)], lengths, device())
                scores[rows] = (self.network(inputs)[inputs.last()] @ items.T).cpu().numpy()
        scores[:, ~items.any(dim=1).cpu().numpy()] = UNRANKED
        return scores
