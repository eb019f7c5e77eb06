"""Item embeddings that spread over relations between items, by sparse products, and what trains them (LightGCN)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from avrec_lib.networks.held_out import NDCG, ndcg_of
from avrec_lib.networks.losses import PopularitySample, sampled_softmax
from avrec_lib.networks.packing import runs
from avrec_lib.networks.threads import device, rows_on_device

GraphLoss = Literal["BPR", "softmax", "sampled softmax"]
GRAPH_LOSSES: tuple[GraphLoss, ...] = get_args(GraphLoss)
_DEVIATION = 0.1  # of the first embeddings
_ROWS = 512  # users that are asked at a time

Pair = tuple[Tensor, Tensor]
"""A sparse matrix and the same turned, both by rows."""


class _Product(torch.autograd.Function):
    """A fixed sparse matrix times a dense one. Torch's own backward pass turns the matrix anew in every step."""

    @staticmethod
    def forward(context: Any, dense: Tensor, pair: Pair) -> Tensor:
        context.turned = pair[1]
        return pair[0] @ dense

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return context.turned @ gradients[0].contiguous(), None


def product(pair: Pair, dense: Tensor) -> Tensor:
    """The first of `pair` (rows, columns) times `dense` (columns, width); a gradient reaches `dense` alone."""
    return _Product.apply(dense, pair)


@dataclass(frozen=True)
class Relation:
    """Groups of items: users and what they chose, labels and what bears them. `groups` (groups, items) holds 0 and 1.

    Embeddings spread over it by A = HᵀH with H = C^−½ B D^−½, where B is `groups`, and C and D hold the sums of its
    rows and columns: the symmetric normalisation D^−½ S D^−½ of S = Bᵀ C⁻¹ B, in which two items are the closer the
    more groups they share and the smaller these are. With users as groups it is two steps of LightGCN, from item to
    user to item. The product takes time with the entries of B, not with the pairs of items.
    """

    groups: sparse.csr_matrix

    @cached_property
    def normalised(self) -> sparse.csr_matrix:
        """H, groups × items float32, with the structure of `groups`."""
        groups = self.groups
        by_group, by_item = (np.maximum(groups.getnnz(axis=axis), 1) ** -0.5 for axis in (1, 0))
        data = np.repeat(by_group, np.diff(groups.indptr)) * by_item[groups.indices]
        return sparse.csr_matrix((data.astype(np.float32), groups.indices, groups.indptr), shape=groups.shape)

    @cached_property
    def _turned(self) -> sparse.csr_matrix:
        """The structure of Hᵀ; its data say where in H each entry stands."""
        forth = self.normalised
        return sparse.csr_matrix((np.arange(forth.nnz), forth.indices, forth.indptr), shape=forth.shape).T.tocsr()

    def pair(self, kept: np.ndarray | None = None) -> Pair:
        """H and Hᵀ; where `kept` (entries of B,) is False they are 0, and all else is as it was."""
        data = self.normalised.data if kept is None else self.normalised.data * kept
        return _tensor(self.normalised, data), _tensor(self._turned, data[self._turned.data])


def pair_of(matrix: sparse.csr_matrix) -> Pair:
    """`matrix` and the same turned, as `product` takes them."""
    turned = matrix.T.tocsr()
    return _tensor(matrix, matrix.data), _tensor(turned, turned.data)


def _tensor(structure: sparse.csr_matrix, data: np.ndarray) -> Tensor:
    starts, columns = (torch.from_numpy(array.astype(np.int32)) for array in (structure.indptr, structure.indices))
    values = torch.from_numpy(data.astype(np.float32))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        table = torch.sparse_csr_tensor(starts, columns, values, size=structure.shape, check_invariants=False)
    return table.to(device())


class ItemGraph(nn.Module):
    """Embeddings e⁰ of the items, and e = (e⁰ + … + eᴸ) / (L + 1) with eˡ⁺¹ = Σᵣ αᵣ Aᵣ eˡ over relations r, L `layers`.

    α is the softmax of learned numbers that begin alike. Items that nobody chose have e⁰ = 0: nothing says what it is.
    """

    def __init__(self, items: int, width: int, relations: int, layers: int) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.randn(items, width) * _DEVIATION)
        self.mix = nn.Parameter(torch.zeros(relations))
        self.layers = layers

    def forward(self, pairs: Sequence[Pair], chosen: Tensor) -> Tensor:
        """e (items, width) over the relations `pairs` (`Relation.pair`); `chosen` (items,) bool: has anybody?"""
        shares = self.mix.softmax(0)
        layer = total = self.items * chosen[:, None]
        for _ in range(self.layers):
            layer = torch.stack(
                [share * product(pair[::-1], product(pair, layer)) for share, pair in zip(shares, pairs, strict=True)]
            ).sum(0)
            total = total + layer
        return total / (self.layers + 1)


def item_scales(counts: np.ndarray) -> np.ndarray:
    """√(d̄ / dᵢ) float32 of items with dᵢ = `counts` choices, at least 1, and d̄ the mean of those that have any.

    The 1/√dᵢ with which LightGCN sums what a user chose, in a unit that keeps scores of one size from log to log.
    """
    mean = counts.sum() / max(np.count_nonzero(counts), 1)
    return np.sqrt(mean / np.maximum(counts, 1)).astype(np.float32)


@dataclass(frozen=True)
class Asked:
    """Some users of a step: which of their choices are told, and which are to be found, as places among all choices.

    `users` are their rows; `told_by` and `found_by` say which of `users` each of `told` and `found` belongs to.
    """

    users: np.ndarray
    told: np.ndarray
    told_by: np.ndarray
    found: np.ndarray
    found_by: np.ndarray


class GraphChoices:
    """A learner (`loop.Learner`): a part of each user's choices is hidden and to be found from what is left.

    `chosen` (users, items) holds 1 for each choice, and `others` further relations (`Relation.groups`); the first
    relation of `network` is that of `chosen` where `co_choice` says so. In each step the share `hidden` of the choices
    of `batch` users, at least one and not all, is taken out of the vectors of their users and out of the graph. A user
    is Σ s e / √n over the n items that are left, s their `item_scales`. The loss is the mean over hidden choices, each
    weighing 1/√(those of its user), or the few users of long histories would decide alone (a sampled softmax weighs
    all alike). `answers` are rows of users and of items, held out of `chosen`, that validation asks for.
    """

    def __init__(
        self, network: ItemGraph, chosen: sparse.csr_matrix, others: Sequence[sparse.csr_matrix], *, co_choice: bool,
        batch: int, loss: GraphLoss, hidden: float, negatives: int = 256,
        answers: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        self.network: nn.Module = network
        self.batch, self.of_loss = batch, loss
        self.hidden, self.answers = hidden, answers
        self.relation, self.co_choice = Relation(chosen), co_choice
        self.others = [Relation(groups).pair() for groups in others]
        self.starts, self.items, self.lengths = chosen.indptr, chosen.indices, np.diff(chosen.indptr)
        counts = chosen.getnnz(axis=0)
        self.scales = item_scales(counts)
        self.chosen = torch.from_numpy(counts > 0).to(device())
        self.popular = PopularitySample.of(counts, negatives, device())
        self.keys = np.repeat(np.arange(len(self.lengths)), self.lengths) * len(counts) + self.items  # rising

    def embeddings(self, kept: np.ndarray | None = None) -> Tensor:
        """e of the items (items, width), over those choices alone that are `kept`."""
        own = [self.relation.pair(kept)] if self.co_choice else []
        return self.network([*own, *self.others], self.chosen)

    def batches(self, rng: np.random.Generator) -> list[Asked]:
        """Users with two choices or more, `batch` at a time in random order, and what is hidden of each."""
        able = rng.permutation(np.flatnonzero(self.lengths > 1))
        return [self._asked(able[start : start + self.batch], rng) for start in range(0, len(able), self.batch)]

    def _asked(self, users: np.ndarray, rng: np.random.Generator) -> Asked:
        lengths = self.lengths[users]
        places, owners = runs(self.starts[users], lengths), np.repeat(np.arange(len(users)), lengths)
        shuffled = np.lexsort((rng.random(len(places)), owners))
        turn = runs(np.zeros(len(users), np.int64), lengths)
        found = turn < np.clip(np.rint(self.hidden * lengths), 1, lengths - 1)[owners]
        places = places[shuffled]  # within each user, so that `owners` stay
        return Asked(users, places[~found], owners[~found], places[found], owners[found])

    def loss(self, batch: Asked) -> tuple[Tensor, int]:
        """The loss of the hidden choices of some users."""
        kept = np.ones(len(self.items), bool)
        kept[batch.found] = False
        items = self.embeddings(kept)
        states = self._states(items, self.items[batch.told], batch.told_by, len(batch.users))
        owners, targets = rows_on_device(batch.found_by), rows_on_device(self.items[batch.found])
        weights = torch.bincount(owners, minlength=len(batch.users))[owners] ** -0.5
        match self.of_loss:
            case "softmax":
                scores = (states @ items.T).masked_fill(~self.chosen, -torch.inf)
                scores[
                    rows_on_device(batch.told_by), rows_on_device(self.items[batch.told])
                ] = -torch.inf  # lists hide them too
                losses = scores.logsumexp(1)[owners] - scores[owners, targets]
            case "sampled softmax":
                sample = self.popular.draw()
                losses = sampled_softmax(states[owners], targets, items, sample, self.popular.log_chance)
            case "BPR":
                others = torch.multinomial(self.chosen.float(), len(targets), replacement=True)
                losses = functional.softplus((states[owners] * (items[others] - items[targets])).sum(1))
                weights = weights * self._apart(batch.users[batch.found_by], others)
        return (losses * weights).sum() / weights.sum().clamp(min=1e-12), len(targets)

    def _apart(self, users: np.ndarray, items: Tensor) -> Tensor:
        """Whether each of `users` did not choose the item drawn for it: what was chosen is no negative."""
        keys = users * len(self.scales) + items.cpu().numpy()
        nearest = self.keys[np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)]
        return torch.from_numpy(nearest != keys).to(device())

    def _states(self, items: Tensor, told: np.ndarray, owners: np.ndarray, users: int) -> Tensor:
        lengths = np.bincount(owners, minlength=users)
        cells = (self.scales[told] * lengths[owners] ** -0.5, (owners, told))
        return product(pair_of(sparse.csr_matrix(cells, shape=(users, len(self.scales)))), items)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """NDCG at 10 of the items held out, what their users chose besides hidden."""
        if self.answers is None or not len(self.answers[0]):
            return {}
        gains, items = [], self.embeddings()
        for part in np.array_split(np.arange(len(self.answers[0])), -(-len(self.answers[0]) // _ROWS)):
            users, wanted = self.answers[0][part], rows_on_device(self.answers[1][part])
            lengths = self.lengths[users]
            told, owners = self.items[runs(self.starts[users], lengths)], np.repeat(np.arange(len(users)), lengths)
            scores = self._states(items, told, owners, len(users)) @ items.T
            gains.append(ndcg_of(scores, wanted, (owners, told)))
        return {NDCG: float(torch.cat(gains).mean())}
