"""The two branches pair by pair against all at once, the user vector against its formula, and what is learned from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from avrec_lib.networks import neural_cf
from avrec_lib.networks.loop import Plan, train
from avrec_lib.networks.neural_cf import BRANCHES, PAIR_LOSSES, Branches, PairLoss, PairNetwork, PairsInTime
from avrec_lib.networks.packing import packed

CPU = torch.device("cpu")
ITEMS = 7
LABELS = np.array([0, 1, 1, 0]), np.array([0, 2, 2, 3, 4, 4, 4, 4])  # items 0, 2 and 3 have labels


def network(branches: Branches = "both", decay: float = 0.5, dropout: float = 0.0) -> PairNetwork:
    torch.manual_seed(0)
    made = PairNetwork(ITEMS, 4, 6, branches, decay, dropout, *LABELS).eval()
    nn.init.normal_(made.bias)
    return made


def pair(made: PairNetwork, history: list[int], item: int) -> float:
    """One user and one item through the whole network, as the formula says it."""
    weights = torch.tensor([made.decay**age for age in range(len(history))][::-1])
    user = (weights[:, None] * made.past.weight[history]).sum(0) / weights.square().sum().sqrt()
    own, score = made.items.weight[item], made.bias[item]
    if made.of_product:
        score = score + (made.weights * user[: made.of_product] * own[: made.of_product]).sum()
    if made.of_layer:
        joined = torch.cat([user[made.of_product :], own[made.of_product :]])
        first = torch.cat([made.of_user.weight, made.of_item.weight], dim=1) @ joined + made.of_user.bias
        if made.labels is not None and len(labels := made.label_columns[LABELS[1][item] : LABELS[1][item + 1]]):
            first = first + made.labels.weight[labels].mean(0)
        score = score + made.upper(first)[0]
    return float(score)


@pytest.mark.parametrize("pairs", [neural_cf.PAIRS, 14, 3], ids=["at once", "two users a block", "three items a block"])
@pytest.mark.parametrize("branches", BRANCHES)
@torch.no_grad()
def test_scores_of_all_items_are_those_of_each_pair(
    branches: Branches, pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neural_cf, "PAIRS", pairs)
    made, histories = network(branches), [[0, 1, 2], [3], [6, 6, 5, 4]]
    told = packed(np.concatenate(histories), np.array([len(each) for each in histories]), CPU)
    found = torch.cat(list(made.scores(told))).numpy()
    expected = [[pair(made, history, item) for item in range(ITEMS)] for history in histories]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_row_with_row_and_all_with_all_agree() -> None:
    made = network()
    users = made.user_side(made(packed(np.array([0, 1, 2, 3, 4]), np.array([2, 3]), CPU)))
    items, targets = made.item_side(), torch.tensor([6, 0, 3, 3, 1])
    of_all = made.of_all(users, items).gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(made.of_pairs(users, items.rows(targets)), of_all)


@torch.no_grad()
def test_a_user_is_the_decayed_sum_of_what_came_so_far_and_of_nothing_later() -> None:
    made = network(decay=0.5)
    states = made(packed(np.array([5, 1, 2]), np.array([3]), CPU))
    first, second, third = (made.past.weight[item] for item in (5, 1, 2))
    torch.testing.assert_close(states[0], first)
    torch.testing.assert_close(states[1], (second + first / 2) / 1.25**0.5)
    torch.testing.assert_close(states[2], (third + second / 2 + first / 4) / 1.3125**0.5)


@torch.no_grad()
def test_without_decay_the_sum_is_over_the_root_of_their_number() -> None:
    made = network(decay=1.0)
    states = made(packed(np.array([5, 1, 2, 3]), np.array([4]), CPU))
    torch.testing.assert_close(states[3], made.past.weight[[5, 1, 2, 3]].sum(0) / 2)


def learner(loss: PairLoss, in_order: bool = True, held_out: bool = False, **options: float) -> PairsInTime:
    """30 users who choose either items 0, 1, 2 or 3, 4, 5, over and over."""
    sequence = np.concatenate([np.arange(9) % 3 + 3 * (user % 2) for user in range(30)]).astype(np.int32)
    made = network(**options)  # type: ignore[arg-type]
    return PairsInTime(
        made, sequence, np.arange(0, 271, 9), longest=6, batch=64, loss=loss, negatives=8, in_order=in_order,
        held_out=held_out, seed=0,
    )  # fmt: skip


@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_it_learns_what_comes_next_of_whose_items(loss: PairLoss) -> None:
    taught = learner(loss)
    train(taught, Plan(epochs=30, learning_rate=0.03, precision="float32"), "pairs")
    with torch.no_grad():
        scores = torch.cat(list(taught.network.scores(packed(np.array([0, 1, 4, 5]), np.array([2, 2]), CPU))))
    assert scores.argmax(dim=1).tolist() == [2, 3]


def test_a_target_is_never_its_own_negative() -> None:
    alone = PairsInTime(
        PairNetwork(1, 2, 2, "both", 1.0, 0.0, np.zeros(0, int), np.zeros(2, int)), np.zeros(4, np.int32),
        np.array([0, 4]), longest=3, batch=8, loss="sampled softmax", negatives=3, in_order=True, held_out=False,
        seed=0,
    )  # fmt: skip
    value, count = alone.loss(alone.batches(np.random.default_rng(0))[0])
    value.backward()
    assert (float(value.detach()), count) == (0.0, 3)
    assert all(torch.isfinite(each.grad).all() for each in alone.network.parameters() if each.grad is not None)


def test_without_order_each_epoch_tells_the_events_in_another_one_but_never_what_is_held_out() -> None:
    taught = learner("sampled softmax", in_order=False, held_out=True)
    assert len(taught.asked) == 30
    told = []
    for seed in (0, 1):
        taught.batches(np.random.default_rng(seed))
        told.append(taught.told.reshape(30, 9))
        np.testing.assert_array_equal(np.sort(told[-1]), np.sort(taught.sequence.reshape(30, 9)))
        np.testing.assert_array_equal(told[-1][:, -1], taught.sequence.reshape(30, 9)[:, -1])
    assert not np.array_equal(told[0], told[1])
    assert set(taught.validate()) == {"validation ndcg@10", "validation loss"}
