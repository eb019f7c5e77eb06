"""Learning what comes next: runs of histories in, cross entropy of each next item out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from avrec_lib.networks.held_out import NDCG, held_out_users, ndcg_of
from avrec_lib.networks.losses import Loss, PopularitySample, full_softmax, gbce, sampled_softmax
from avrec_lib.networks.packing import Packed, buckets, crops, packed, runs
from avrec_lib.networks.threads import device, rows_on_device


class SequenceNetwork(nn.Module):
    """Item embeddings, something that reads them in order, and the dot product of its states with the same embeddings.

    `reader` maps (tokens, width) and the `Packed` they belong to onto (tokens, width).
    """

    def __init__(self, items: int, width: int, reader: nn.Module, dropout: float) -> None:
        super().__init__()
        self.items = nn.Embedding(items, width)
        nn.init.normal_(self.items.weight, std=width**-0.5)
        self.dropout = nn.Dropout(dropout)
        self.reader = reader

    def forward(self, sequences: Packed) -> Tensor:
        """The state after each token, (tokens, width): what comes next is near it."""
        return self.reader(self.dropout(self.items(sequences.tokens)), sequences)


@dataclass(frozen=True)
class Run:
    """Sequences of inputs, and the item that comes after each token."""

    inputs: Packed
    targets: Tensor


class NextItems:
    """A learner (`loop.Learner`): one run of at most `longest` inputs a user and epoch, cut out at random.

    `items` (events,) are the histories of all users end to end, oldest first, user u from `starts[u]`. With `held_out`
    the last item of one user in ten (at least 200 users, at most 2,000) is not learned from; it is asked every epoch.
    """

    def __init__(
        self, network: SequenceNetwork, items: np.ndarray, starts: np.ndarray, *, longest: int, batch: int, loss: Loss,
        negatives: int = 256, held_out: bool = False, seed: int = 0,
    ) -> None:  # fmt: skip
        self.network, self.longest, self.batch, self.negatives = network, longest, batch, negatives
        self.of_loss = loss
        self.sequence, self.starts, self.ends = items, starts[:-1], starts[1:].copy()
        self.asked = held_out_users(starts, seed) if held_out else np.empty(0, np.int64)
        self.ends[self.asked] -= 1
        learned = np.delete(items, self.ends[self.asked])
        counts = np.bincount(learned, minlength=network.items.num_embeddings)
        self.popular = PopularitySample.of(counts, negatives, device())

    def batches(self, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
        """First place and length of the runs of each batch."""
        first, lengths = crops(self.starts, self.ends, self.longest, rng)
        return [(first[rows], lengths[rows]) for rows in buckets(lengths, self.batch, rng)]

    def loss(self, batch: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, int]:
        """Mean cross entropy of the next items of a batch of runs."""
        run = self._run(*batch)
        states, weights = self.network(run.inputs), self.network.items.weight
        match self.of_loss:
            case "softmax":
                value = full_softmax(states, run.targets, weights)
            case "sampled softmax":
                value = sampled_softmax(states, run.targets, weights, self.popular.draw(), self.popular.log_chance)
            case "gBCE":
                sample = torch.randint(len(weights), (self.negatives,), device=weights.device)
                value = gbce(states, run.targets, weights, sample)
        return value, len(run.targets)

    def _run(self, first: np.ndarray, lengths: np.ndarray) -> Run:
        places = runs(first, lengths)
        targets = rows_on_device(self.sequence[places + 1])
        return Run(packed(self.sequence[places], lengths, device()), targets)

    def _scores(self, inputs: Packed) -> Tensor:
        """Of all items after the last token of each sequence: (sequences, items)."""
        return (self.network(inputs)[inputs.last()] @ self.network.items.weight.T).float()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """NDCG at 10 and cross entropy of the items held out, what their users already had hidden from the first."""
        if not len(self.asked):
            return {}
        gains, surprise = [], []
        for rows in np.array_split(self.asked, max(1, len(self.asked) // 200)):
            ends = self.ends[rows]
            lengths = np.minimum(ends - self.starts[rows], self.longest)
            inputs = packed(self.sequence[runs(ends - lengths, lengths)], lengths, device())
            scores = self._scores(inputs)
            answers = rows_on_device(self.sequence[ends])
            surprise.append(nn.functional.cross_entropy(scores, answers, reduction="none"))
            whole = ends - self.starts[rows]
            seen = np.repeat(np.arange(len(rows)), whole), self.sequence[runs(self.starts[rows], whole)]
            gains.append(ndcg_of(scores, answers, seen))
        return {NDCG: float(torch.cat(gains).mean()), "validation loss": float(torch.cat(surprise).mean())}
