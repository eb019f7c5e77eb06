"""A causal transformer that says what comes next: the SASRec family, with a softmax over all items."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from avrec_lib.models.next_item import NextItemRecommender
from avrec_lib.models.search_space import OneOf, Real, Space, Whole
from avrec_lib.networks.losses import Loss
from avrec_lib.networks.options import check_whole
from avrec_lib.networks.precision import Precision
from avrec_lib.networks.transformer import CausalTransformer, check_heads


class SequenceTransformer(NextItemRecommender):
    """`blocks` of causal self-attention over the last `length` items (Kang and McAuley 2018, "Self-attentive sequential
    recommendation"), learned as eSASRec is (Tikhonovich et al. 2025): every place of a run predicts the next item.

    A run of at most `length` items is cut out of every history anew each epoch. The loss (`networks.losses`) is the
    softmax over all items up to 20,000, sampled with `negatives` above; `loss` chooses one. Where an item stands is
    told by its distance to the one that looks back, so a run means the same wherever it was cut. Without `patience` all
    rows are learned from, for `epochs` epochs; with it some last items are held out to decide when to stop.
    """

    name = "transformer"
    space: ClassVar[Space] = {
        "width": OneOf(32, 64, 96, 128), "length": Whole(20, 200, log=True), "dropout": Real(0.0, 0.6),
        "epochs": Whole(10, 120, log=True), "learning_rate": Real(5e-4, 5e-3, log=True),
    }  # fmt: skip

    def __init__(
        self, width: int = 64, blocks: int = 2, heads: int = 2, length: int = 50, dropout: float = 0.5,
        loss: Loss | None = None, negatives: int = 256, epochs: int = 60, batch: int = 1024,
        learning_rate: float = 2e-3, weight_decay: float = 0.0, averaging: float = 0.998,
        patience: int | None = None,
        precision: Precision = "auto", threads: int | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        self._take(width, length, dropout, loss, negatives)
        check_whole(blocks=blocks, heads=heads)
        check_heads(width, heads)
        self.blocks, self.heads = blocks, heads
        self.epochs, self.batch, self.learning_rate, self.weight_decay = epochs, batch, learning_rate, weight_decay
        self.averaging, self.patience = averaging, patience
        self.precision, self.threads, self.seed = precision, threads, seed
        self._plan()  # refuses what cannot be

    def _reader(self) -> nn.Module:
        return CausalTransformer(self.width, self.blocks, self.heads, self.length, self.dropout)
