"""LSTM and GRU for interests that move, and their twin that knows the same events without their order."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from avrec_lib.errors import unknown_name
from avrec_lib.models.next_item import NextItemRecommender
from avrec_lib.models.search_space import Real, Space, Whole
from avrec_lib.networks.losses import Loss
from avrec_lib.networks.precision import Precision
from avrec_lib.networks.recurrent import CELLS, Recurrent, RunningMean

Reader = Literal["LSTM", "GRU", "mean"]


class RecurrentRecommender(NextItemRecommender):
    """doc; GRU4Rec"""

    space: ClassVar[Space] = {
        "width": Whole(16, 128, log=True),
        "dropout": Real(0.0, 0.6),
        "learning_rate": Real(5e-4, 5e-3, log=True),
    }

    def __init__(
        self, cell: Reader = "GRU", width: int = 64, layers: int = 1, length: int = 50, dropout: float = 0.3,
        loss: Loss | None = None, negatives: int = 256, epochs: int = 60, batch: int = 4096,
        learning_rate: float = 2e-3, weight_decay: float = 0.0, patience: int | None = None,
        precision: Precision = "auto", seed: int = 0, threads: int | None = None,
    ) -> None:  # fmt: skip
        if cell not in (*CELLS, "mean"):
            raise unknown_name("cell", cell, (*CELLS, "mean"))
        self.cell, self.layers, self.name = cell, layers, cell if cell != "mean" else "mean of history"
        self.width, self.length, self.dropout = width, length, float(dropout)
        self.loss, self.negatives, self.epochs, self.batch = loss, negatives, epochs, batch
        self.learning_rate, self.weight_decay, self.patience = learning_rate, weight_decay, patience
        self.precision, self.seed, self.threads = precision, seed, threads

    def _reader(self) -> nn.Module:
        if self.cell == "mean":
            return RunningMean(self.width, self.dropout)
        return Recurrent(self.cell, self.width, self.layers, self.dropout)
