"""A causal transformer that says what comes next: the SASRec family with a softmax over all items."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from avrec_lib.models.next_item import NextItemRecommender
from avrec_lib.models.search_space import Space
from avrec_lib.networks.losses import Loss
from avrec_lib.networks.precision import Precision
from avrec_lib.networks.transformer import CausalTransformer


class SequenceTransformer(NextItemRecommender):
    """doc"""

    name = "transformer"
    space: ClassVar[Space] = {}

    def __init__(
        self, width: int = 64, blocks: int = 2, heads: int = 2, length: int = 50, dropout: float = 0.3,
        loss: Loss | None = None, negatives: int = 256, epochs: int = 100, batch: int = 4096,
        learning_rate: float = 1e-3, weight_decay: float = 0.0, decays: bool = True, averaging: float = 0.0,
        patience: int | None = None,
        precision: Precision = "auto", seed: int = 0, threads: int | None = None,
    ) -> None:  # fmt: skip
        self.width, self.blocks, self.heads, self.length, self.dropout = width, blocks, heads, length, float(dropout)
        self.loss, self.negatives, self.epochs, self.batch = loss, negatives, epochs, batch
        self.learning_rate, self.weight_decay, self.averaging, self.patience = (
            learning_rate,
            weight_decay,
            averaging,
            patience,
        )
        self.decays = decays
        self.precision, self.seed, self.threads = precision, seed, threads

    def _reader(self) -> nn.Module:
        return CausalTransformer(self.width, self.blocks, self.heads, self.length, self.dropout)
