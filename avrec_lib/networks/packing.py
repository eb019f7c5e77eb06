"""Sequences of very different length as batches without padding waste: packed tokens, padded for attention alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Packed:
    """Sequences end to end: `tokens` (total,) int64, and `lengths` (sequences,) int64, each 1 or more."""

    tokens: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence: the width of the padded grid."""
        return int(self.lengths.max())

    def grid(self) -> Tensor:
        """The place of each token in the padded grid (sequences · longest), whose rows are filled from the left."""
        starts = torch.cumsum(self.lengths, 0) - self.lengths
        rows = torch.arange(len(self), device=self.lengths.device)
        count = len(self.tokens)  # told, so that a GPU need not be waited for
        shifts = torch.repeat_interleave(rows * self.longest - starts, self.lengths, output_size=count)
        return torch.arange(count, device=self.tokens.device) + shifts

    def last(self) -> Tensor:
        """The place of the last token of each sequence among the packed ones: (sequences,) int64."""
        return torch.cumsum(self.lengths, 0) - 1


def runs(first: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The places first, first + 1, …, first + length − 1 of each run, end to end."""
    starts = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(first - starts, lengths)


def packed(items: np.ndarray, lengths: np.ndarray, device: torch.device) -> Packed:
    """Item rows end to end and the lengths of the sequences, as tensors on `device`."""
    tokens, sizes = (torch.from_numpy(array.astype(np.int64)).to(device) for array in (items, lengths))
    return Packed(tokens, sizes)


def crops(
    starts: np.ndarray, ends: np.ndarray, longest: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Of each sequence one run of at most `longest` inputs, at random: where it begins, and its length.

    A sequence is starts … ends of packed histories. Its last item is a target only, so one of a single item has no run.
    """
    inputs = ends - starts - 1
    kept = inputs > 0
    inputs, begins = inputs[kept], starts[kept]
    lengths = np.minimum(inputs, longest)
    return begins + rng.integers(0, inputs - lengths + 1), lengths


def buckets(lengths: np.ndarray, tokens: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows of sequences of like length, as many as fill a grid of `tokens` places (at least one), in random order.

    Within a length the order is random too, so that batches differ from epoch to epoch.
    """
    order = np.lexsort((rng.random(len(lengths)), lengths))
    batches = []
    end = len(order)
    while end > 0:  # from the longest down, so that what is left over is short
        start = max(0, end - max(1, tokens // int(lengths[order[end - 1]])))
        batches.append(order[start:end])
        end = start
    return [batches[place] for place in rng.permutation(len(batches))]
