"""The transformer against a twin that reads one sequence at a time, in plain loops over heads and places."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from avrec_lib.errors import UsageError
from avrec_lib.networks.packing import packed
from avrec_lib.networks.recurrent import Recurrent, RunningMean
from avrec_lib.networks.transformer import Block, CausalTransformer

WIDTH, HEADS, LONGEST = 8, 2, 6


def network() -> CausalTransformer:
    torch.manual_seed(0)
    return CausalTransformer(WIDTH, blocks=2, heads=HEADS, longest=LONGEST, dropout=0.5).eval()


def attention_by_hand(block: Block, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    query, key, value = block.inward(x).chunk(3, dim=1)
    rows = []
    for place in range(len(x)):
        heads = []
        for head in range(HEADS):
            own = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            scores = torch.stack([
                query[place, own] @ key[other, own] / (WIDTH // HEADS) ** 0.5 + bias[head, place - other]
                for other in range(place + 1)
            ])  # fmt: skip
            heads.append(torch.softmax(scores, 0) @ value[: place + 1, own])
        rows.append(torch.cat(heads))
    return block.outward(torch.stack(rows))


def by_hand(net: CausalTransformer, x: torch.Tensor) -> torch.Tensor:
    for block in net.blocks:
        x = x + attention_by_hand(block, block.norm_of_attention(x), net.bias)
        x = x + block.forward_out(functional.gelu(block.forward_in(block.norm_of_forward(x))))
    return net.norm(x)


@torch.no_grad()
def test_packed_sequences_are_read_as_one_by_one():
    lengths = np.array([3, 6, 1, 4])
    x = torch.randn(int(lengths.sum()), WIDTH)
    together = network()(x, packed(np.zeros(len(x)), lengths, torch.device("cpu")))
    alone = torch.cat([by_hand(network(), part) for part in x.split(lengths.tolist())])
    assert together.numpy() == pytest.approx(alone.numpy(), abs=1e-5)


@pytest.mark.parametrize("reader", ["transformer", "LSTM", "GRU", "mean"])
@torch.no_grad()
def test_no_state_knows_what_comes_later(reader: str):
    torch.manual_seed(0)
    net = {
        "transformer": network(), "mean": RunningMean(WIDTH, 0.0).eval(),
        "LSTM": Recurrent("LSTM", WIDTH, 1, 0.0).eval(), "GRU": Recurrent("GRU", WIDTH, 2, 0.0).eval(),
    }[reader]  # fmt: skip
    sequences = packed(np.zeros(9), np.array([4, 5]), torch.device("cpu"))
    x = torch.randn(9, WIDTH)
    changed = x.clone()
    changed[3] = torch.randn(WIDTH)
    before, after = net(x, sequences), net(changed, sequences)
    differs = (before - after).abs().amax(1) > 1e-6
    assert differs.tolist() == [False, False, False, True, False, False, False, False, False]


@torch.no_grad()
def test_a_run_means_the_same_wherever_it_was_cut():
    """Two sequences with the same last items and other first ones, too far back to count, end in the same state."""
    net = network()
    x = torch.randn(4, WIDTH)
    one = net(x, packed(np.zeros(4), np.array([4]), torch.device("cpu")))
    two = net(torch.cat([x, x]), packed(np.zeros(8), np.array([4, 4]), torch.device("cpu")))
    assert one[-1].numpy() == pytest.approx(two[-1].numpy(), abs=1e-6)


def test_a_width_that_the_heads_cannot_share_is_refused():
    with pytest.raises(UsageError, match="cannot be shared by 3 heads"):
        CausalTransformer(8, 1, 3, 5, 0.0)
