"""Two towers whose outputs meet in a dot product: items by id and content, users by history, profile and context."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from avrec_lib.networks.packing import runs

NEAR_ZERO = 0.05  # spread of what ids and labels begin with: what is never learned should hardly matter


@dataclass(frozen=True)
class Content:
    """What is known of items: `labels` (items, labels) sparse float32 and `numbers` (items, dimensions) float32.

    Either may have no column. An item whose rows are all zeros has no content.
    """

    labels: sparse.csr_matrix
    numbers: np.ndarray

    @cached_property
    def known(self) -> np.ndarray:
        """Whether each item has content, (items,) bool."""
        return (self.labels.getnnz(axis=1) > 0) | self.numbers.any(axis=1)


class ItemTower(nn.Module):
    """v = [id] + x + f(x), x a sum over labels plus a linear map of numbers, f a layer for what labels say together."""

    def __init__(self, content: Content, width: int, dropout: float) -> None:
        super().__init__()
        items, labels = content.labels.shape
        self.content = content
        self.ids = nn.Embedding(items, width)
        self.labels = nn.Embedding(max(labels, 1), width)
        self.numbers = nn.Linear(content.numbers.shape[1], width, bias=False) if content.numbers.shape[1] else None
        self.together = Residual(width, dropout)
        for table in (self.ids, self.labels):
            nn.init.normal_(table.weight, std=NEAR_ZERO)

    def forward(self, rows: np.ndarray, with_id: np.ndarray) -> Tensor:
        """Vectors (rows, width) of the items `rows`; those that are not `with_id` (rows,) bool by content alone."""
        place = self.ids.weight.device
        of_id = self.ids(torch.from_numpy(rows).to(place)) * torch.from_numpy(with_id).to(place)[:, None]
        table = self.content.labels
        lengths = np.diff(table.indptr)[rows]
        places = runs(table.indptr[rows], lengths)
        x = pooled(self.labels.weight, table.indices[places], lengths, table.data[places])
        if self.numbers is not None:
            x = x + self.numbers(torch.from_numpy(self.content.numbers[rows]).to(place))
        known = torch.from_numpy(self.content.known[rows]).to(place)[:, None]
        return of_id + self.together(x) * known


class UserTower(nn.Module):
    """u = y + f(y), y a linear map of the pooled history plus vectors of each value of the profile and of the context.

    `values` has the number of values of each column of a profile, the first of which is "unknown"; `context` is the
    number of features of the moment, zeros where it is not known.
    """

    def __init__(self, width: int, values: np.ndarray, context: int, dropout: float) -> None:
        super().__init__()
        self.history = nn.Linear(width + 1, width)
        self.nothing = nn.Parameter(torch.zeros(width))
        self.profile = nn.Embedding(max(int(values.sum()), 1), width)
        self.context = nn.Linear(context, width, bias=False) if context else None
        self.together = Residual(width, dropout)
        self.dropout = nn.Dropout(dropout)
        self.first_values = np.concatenate([[0], np.cumsum(values)])[:-1].astype(np.int64)
        nn.init.normal_(self.profile.weight, std=NEAR_ZERO)

    def forward(self, history: Tensor, lengths: Tensor, profile: Tensor, context: Tensor) -> Tensor:
        """(users, width) from pooled histories, their lengths (users,), codes of profiles and features of moments."""
        counted = torch.log1p(lengths.float())[:, None] / 5
        y = self.history(torch.cat([self.dropout(history), counted], dim=1))
        y = y + (lengths == 0)[:, None] * self.nothing
        if profile.shape[1]:
            y = y + self.profile(profile + torch.from_numpy(self.first_values).to(profile.device)).sum(dim=1)
        if self.context is not None:
            y = y + self.context(context)
        return self.together(y)


class Residual(nn.Module):
    """x + a layer of it."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.inward, self.outward, self.dropout = nn.Linear(width, width), nn.Linear(width, width), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, width) -> (rows, width)."""
        return x + self.outward(self.dropout(functional.gelu(self.inward(x))))


class Towers(nn.Module):
    """Both towers; with a `temperature` what meets are directions, cos(u, v) / temperature, else u · v."""

    def __init__(self, items: ItemTower, users: UserTower, temperature: float | None) -> None:
        super().__init__()
        self.items, self.users, self.temperature = items, users, temperature


def sharpened(users: Tensor, items: Tensor, temperature: float | None) -> tuple[Tensor, Tensor]:
    """Both as their dot product is to be taken: as they are, or as directions, those of users by 1 / `temperature`."""
    if temperature is None:
        return users, items
    return functional.normalize(users) / temperature, functional.normalize(items)


def pooled(vectors: Tensor, rows: np.ndarray, lengths: np.ndarray, weights: np.ndarray) -> Tensor:
    """Σ weight · vectors[row] of each run of `rows`, as long as `lengths` say: (runs, width); 0 for an empty run."""
    place = vectors.device
    if not len(rows):
        return vectors.new_zeros(len(lengths), vectors.shape[1])
    starts = torch.from_numpy((np.cumsum(lengths) - lengths).astype(np.int64)).to(place)
    each = torch.from_numpy(rows.astype(np.int64)).to(place)
    shares = torch.from_numpy(weights.astype(np.float32)).to(place)
    return functional.embedding_bag(each, vectors, starts, mode="sum", per_sample_weights=shares)


def decayed(lengths: np.ndarray, decay: float) -> np.ndarray:
    """Weights of the events of histories end to end, oldest first: decay to the age, brought to sum 1 in each."""
    ages = np.repeat(np.cumsum(lengths), lengths) - np.arange(lengths.sum()) - 1
    weights = np.maximum(decay ** ages.astype(np.float64), 1e-12)
    history = np.repeat(np.arange(len(lengths)), lengths)
    return weights / np.bincount(history, weights, minlength=len(lengths))[history]
