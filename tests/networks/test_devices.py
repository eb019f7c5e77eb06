"""Networks compute where their weights are: on a device that holds no numbers, a tensor made elsewhere is found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from avrec_lib.networks.experts import ARCHITECTURES, Asked, Labels, Shown, Sizes, TaskNetwork
from avrec_lib.networks.graph import ItemGraph
from avrec_lib.networks.losses import full_softmax, gbce, sampled_softmax
from avrec_lib.networks.neural_cf import BRANCHES, Branches, PairNetwork
from avrec_lib.networks.next_item import SequenceNetwork
from avrec_lib.networks.packing import Packed
from avrec_lib.networks.recurrent import Recurrent, RunningMean
from avrec_lib.networks.towers import Content, ItemTower, UserTower, decayed, pooled, sharpened
from avrec_lib.networks.transformer import CausalTransformer

ELSEWHERE = torch.device("meta")
ITEMS, WIDTH = 6, 4


class OneDevice(TorchDispatchMode):
    """Refuses what mixes devices, products of matrices too, which this device lets pass."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        if len({each.device for each in tensors if each.ndim}) > 1:
            raise RuntimeError(f"{function} has tensors on more than one device")
        return function(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def one_device() -> Iterator[None]:
    with OneDevice():
        yield


class Known(Packed):
    """Sequences whose numbers cannot be read, but for the length of the longest."""

    longest = 3


def whole(*size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.int64, device=ELSEWHERE)


def real(*size: int) -> Tensor:
    return torch.zeros(size, device=ELSEWHERE)


def sequences() -> Packed:
    return Known(whole(5), whole(2))


READERS = {
    "transformer": lambda: CausalTransformer(WIDTH, 2, 2, 3, 0.1),
    "GRU": lambda: Recurrent("GRU", WIDTH, 1, 0.1),
    "LSTM": lambda: Recurrent("LSTM", WIDTH, 1, 0.1),
    "mean": lambda: RunningMean(WIDTH, 0.1),
}


def test_a_tensor_made_elsewhere_is_found() -> None:
    class Careless(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.arange(len(x))

    with pytest.raises(RuntimeError, match="device"):
        Careless()(real(5))


@pytest.mark.parametrize("reader", READERS)
def test_readers_of_sequences(reader: str) -> None:
    network = SequenceNetwork(ITEMS, WIDTH, READERS[reader](), 0.1).to(ELSEWHERE)
    found = network(sequences())
    assert (found.device, found.shape) == (ELSEWHERE, (5, WIDTH))
    assert found[sequences().last()].device == ELSEWHERE


def test_losses() -> None:
    states, targets, items, sample = real(5, WIDTH), whole(5), real(ITEMS, WIDTH), whole(3)
    losses = [
        full_softmax(states, targets, items), sampled_softmax(states, targets, items, sample, real(ITEMS)),
        gbce(states, targets, items, sample),
    ]  # fmt: skip
    assert [each.device for each in losses] == [ELSEWHERE] * 3


def test_towers() -> None:
    content = Content(sparse.csr_matrix(np.eye(ITEMS, 2, dtype=np.float32)), np.ones((ITEMS, 3), np.float32))
    tower, users = ItemTower(content, WIDTH, 0.1).to(ELSEWHERE), UserTower(WIDTH, np.array([3, 2]), 2, 0.1)
    items = tower(np.arange(3), np.array([True, False, True]))
    lengths = np.array([2, 1])
    history = pooled(items, np.array([0, 1, 2]), lengths, decayed(lengths, 0.5))
    states = users.to(ELSEWHERE)(history, whole(2), whole(2, 2), real(2, 2))
    left, right = sharpened(states, items, 0.1)
    assert (left @ right.T).device == ELSEWHERE


@pytest.mark.parametrize("branches", BRANCHES)
def test_pairs(branches: Branches) -> None:
    labels = np.array([0, 1, 1]), np.array([0, 2, 3, 3, 3, 3, 3])
    network = PairNetwork(ITEMS, WIDTH, 6, branches, 0.5, 0.1, *labels).to(ELSEWHERE)
    users, items = network.user_side(network(sequences())), network.item_side()
    assert network.of_pairs(users, items.rows(whole(5))).device == ELSEWHERE
    assert network.of_all(users, items).shape == (5, ITEMS)
    assert [each.device for each in network.scores(sequences())] == [ELSEWHERE]


def test_spreading_over_relations() -> None:
    network = ItemGraph(ITEMS, WIDTH, 2, 2).to(ELSEWHERE)
    pair = real(3, ITEMS), real(ITEMS, 3)  # dense: no sparse matrix lives there
    found = network([pair, pair], torch.ones(ITEMS, dtype=torch.bool, device=ELSEWHERE))
    assert (found.device, found.shape) == (ELSEWHERE, (ITEMS, WIDTH))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_networks_of_several_tasks(architecture: str) -> None:
    sizes = Sizes(items=ITEMS, labels=2, platforms=3, tasks=2, width=WIDTH, experts=2, hidden=5, dropout=0.1)
    labels = Labels(np.array([0, 1, 1], np.int64), np.array([0, 1, 3, 3, 3, 3, 3], np.int64))
    network = TaskNetwork(architecture, sizes, labels).to(ELSEWHERE)  # type: ignore[arg-type]
    asked = Asked(whole(3), whole(2), real(3), real(2), whole(2, 3))
    assert network(asked, Shown(whole(4), whole(4), whole(4))).device == ELSEWHERE
    assert network.everywhere(asked).shape == (2, ITEMS, 2)
