"""LSTM and GRU for interests that move, and their twin that knows the same events without their order."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

from torch import nn

from avrec_lib.errors import unknown_name
from avrec_lib.models.next_item import NextItemRecommender
from avrec_lib.models.search_space import Real, Space, Whole
from avrec_lib.networks.losses import Loss
from avrec_lib.networks.options import check_whole
from avrec_lib.networks.precision import Precision
from avrec_lib.networks.recurrent import Recurrent, RunningMean

Reader = Literal["GRU", "LSTM", "mean"]


class RecurrentRecommender(NextItemRecommender):
    """A recurrent network over the last `length` items (Hidasi et al. 2016, "Session-based recommendations with
    recurrent neural networks"): its state is what the user is about by now, and moves with every event.

    `cell` is GRU, LSTM, or mean: the mean of the same embeddings through one layer, which has no order. Trained alike
    they differ by nothing else, so their paired difference is what knowing the order is worth. Loss, runs and
    `patience` are those of `SequenceTransformer`.
    """

    space: ClassVar[Space] = {
        "width": Whole(32, 128, log=True), "length": Whole(20, 200, log=True), "dropout": Real(0.0, 0.6),
        "epochs": Whole(10, 120, log=True), "learning_rate": Real(5e-4, 1e-2, log=True),
    }  # fmt: skip

    def __init__(
        self, cell: Reader = "GRU", width: int = 64, layers: int = 1, length: int = 50, dropout: float = 0.4,
        loss: Loss | None = None, negatives: int = 256, epochs: int = 40, batch: int = 1024,
        learning_rate: float = 3e-3, weight_decay: float = 0.0, averaging: float = 0.998,
        patience: int | None = None,
        precision: Precision = "auto", threads: int | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        if cell not in get_args(Reader):
            raise unknown_name("cell", cell, get_args(Reader))
        self._take(width, length, dropout, loss, negatives)
        check_whole(layers=layers)
        self.cell, self.layers, self.name = cell, layers, "mean of history" if cell == "mean" else cell
        self.epochs, self.batch, self.learning_rate, self.weight_decay = epochs, batch, learning_rate, weight_decay
        self.averaging, self.patience = averaging, patience
        self.precision, self.threads, self.seed = precision, threads, seed
        self._plan()  # refuses what cannot be

    def _reader(self) -> nn.Module:
        if self.cell == "mean":
            return RunningMean(self.width, self.dropout)
        return Recurrent(self.cell, self.width, self.layers, self.dropout)
