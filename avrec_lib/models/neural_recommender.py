"""The shared half of every recommender that is a network: training in fit, weights as one array, states times items."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
import torch
from torch import nn

from avrec_lib.data.dataset import fingerprint
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.networks.checkpoint import Checkpoint
from avrec_lib.networks.flat_weights import flat_weights, with_weights
from avrec_lib.networks.loop import Learner, Plan, plan_of, train
from avrec_lib.networks.threads import threads


class NeuralRecommender(MatrixRecommender):
    """A recommender that is a torch network; a subclass says what network (`_network`) and what trains it (`_learner`).

    `curves` (`networks.curves`) tells how the last training went; a loaded model has none. The same seed gives the same
    model for the same number of threads.
    """

    learned: ClassVar[tuple[str, ...]] = ("weights",)
    network: nn.Module
    curves: pl.DataFrame | None = None
    checkpoint_folder: Path | None = None

    @abstractmethod
    def _network(self, items: int) -> nn.Module:
        """A network for a catalogue of `items`, its weights drawn by lot."""

    @abstractmethod
    def _learner(self, network: nn.Module, interactions: Interactions) -> Learner:
        """What trains `network` on a log. Raises DataError where there is nothing to learn from."""

    def _plan(self) -> Plan:
        """How to train: the options of this model that are named like those of `Plan`, else its defaults."""
        return plan_of(self)

    def with_checkpoints(self, folder: Path) -> Self:
        """Keep the state of every epoch in `folder`, so that a training that was killed goes on there; returns itself.

        Each training has a file of its own there, named after its options and data, so that windows, seeds and copies
        do not meet. A training that came to an end is not repeated. `fit` raises DataError for a damaged file.
        """
        self.checkpoint_folder = folder
        return self

    def _learn(self, interactions: Interactions) -> None:
        plan = self._plan()
        torch.manual_seed(plan.seed)
        network = self._network(len(interactions.item_ids))
        learner = self._learner(network, interactions)
        checkpoint = None
        if self.checkpoint_folder is not None:
            checkpoint = Checkpoint.of(self._configuration(interactions), self.checkpoint_folder)
        self.curves = train(learner, plan, self.name, checkpoint)
        self._finish(network, interactions)
        self.weights = flat_weights(network)

    def _finish(self, network: nn.Module, interactions: Interactions) -> None:
        """What is left to do with a trained network before its weights are kept."""

    def _configuration(self, interactions: Interactions) -> dict[str, Any]:
        tables = {"log": interactions.log.lazy()}
        tables |= {
            name: table.lazy()
            for name, table in (("items", interactions.items), ("users", interactions.users))
            if table is not None
        }
        return {"model": type(self).__name__, "options": self.options(), "data": fingerprint(tables)}

    def _prepare(self, items: int) -> None:
        self.network = with_weights(self._network(items), self.weights)

    def _score(self, histories: Histories) -> np.ndarray:
        with torch.inference_mode(), threads(self._plan().threads):
            return self._network_scores(histories)

    @abstractmethod
    def _network_scores(self, histories: Histories) -> np.ndarray:
        """As `_score`, with the trained `network`; gradients are off."""
