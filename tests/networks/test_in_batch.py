"""Two towers and the batches they learn from: by hand, and against the softmax over all items."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from torch.nn import functional

from avrec_lib.networks.in_batch import InBatch, in_batch_softmax
from avrec_lib.networks.loop import Plan, train
from avrec_lib.networks.towers import Content, ItemTower, Towers, UserTower, decayed, pooled, sharpened

ITEMS = 6


def content(known: bool = True) -> Content:
    labels = np.array([[1, 0], [0, 1], [1, 0], [0, 1], [1, 1], [0, 0]], np.float32) * known
    return Content(sparse.csr_matrix(labels), np.empty((ITEMS, 0), np.float32))


def towers(known: bool = True, context: int = 2) -> Towers:
    torch.manual_seed(0)
    return Towers(ItemTower(content(known), 4, 0.0), UserTower(4, np.array([3]), context, 0.0), None).eval()


def learner(network: Towers, in_order: bool = True, held_out: bool = False, **options: Any) -> InBatch:
    items, starts = np.array([0, 2, 4, 1, 3, 0, 4, 2, 0]), np.array([0, 3, 6, 9])
    context = np.arange(18, dtype=np.float32).reshape(9, 2) / 18
    told: dict[str, Any] = {
        "longest": 2,
        "decay": 0.5,
        "id_dropout": 0.0,
        "strangers": 0.0,
        "batch": 4,
        "seed": 0,
    } | options
    return InBatch(network, items, starts, np.array([[1], [2], [0]]), context, in_order=in_order, held_out=held_out,
                   **told)  # fmt: skip


def test_with_every_choice_in_one_batch_the_loss_is_that_of_the_softmax_over_all_items() -> None:
    rng = np.random.default_rng(0)
    choices = np.repeat(np.arange(4), [5, 3, 1, 1])
    counts = torch.from_numpy(np.bincount(choices).astype(np.float32))
    scores = torch.from_numpy(rng.normal(size=(10, 4)).astype(np.float32))
    targets = torch.from_numpy(choices)
    found = in_batch_softmax(scores, targets, counts, counts / 10)
    assert found.item() == pytest.approx(functional.cross_entropy(scores, targets).item(), rel=1e-6)


def test_what_is_often_in_a_batch_only_by_its_popularity_weighs_no_more_than_others() -> None:
    # Two rows, of the items a and b: a has 80 % of all choices, so that 1.6 of two rows should be of it.
    scores, chance = torch.zeros(2, 2), torch.tensor([0.8, 0.2])
    found = in_batch_softmax(scores, torch.tensor([0, 1]), torch.ones(2), chance)
    weight_of_a, weight_of_b = 1 / (2 * 0.8), 1 / (2 * 0.2)
    assert found.item() == pytest.approx((np.log(1 + weight_of_b) + np.log(1 + weight_of_a)) / 2, rel=1e-6)


def test_other_choices_of_the_target_are_no_negatives() -> None:
    scores = torch.zeros(3, 2)
    alone = in_batch_softmax(scores[:1], torch.tensor([0]), torch.tensor([1.0, 1.0]), torch.tensor([0.5, 0.5]))
    twice = in_batch_softmax(scores[:1], torch.tensor([0]), torch.tensor([2.0, 1.0]), torch.tensor([0.5, 0.5]))
    assert alone.item() == twice.item()


def test_a_history_is_pooled_by_decayed_weights_and_an_empty_one_is_zero() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    lengths = np.array([2, 0, 1])
    weights = decayed(lengths, 0.5)
    assert weights == pytest.approx([1 / 3, 2 / 3, 1])
    found = pooled(vectors, np.array([0, 1, 1]), lengths, weights)
    assert found.numpy() == pytest.approx(np.array([[1 / 3, 2 / 3], [0, 0], [0, 1]]))
    assert pooled(vectors, np.array([], np.int64), np.zeros(2, np.int64), np.array([])).tolist() == [[0, 0], [0, 0]]


def test_items_of_the_same_content_differ_by_their_ids_alone() -> None:
    tower = towers().items
    rows = np.array([0, 2, 5])
    with_ids, without = tower(rows, np.ones(3, bool)), tower(rows, np.zeros(3, bool))
    assert torch.equal(without[0], without[1])
    assert not torch.equal(with_ids[0], with_ids[1])
    assert without[2].tolist() == [0, 0, 0, 0]  # nothing is known of it


def test_a_temperature_leaves_directions() -> None:
    users, items = sharpened(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]]), 0.1)
    assert (users @ items.T).item() == pytest.approx(0.8 / 0.1, rel=1e-5)


def test_a_choice_is_predicted_from_what_came_before_it_and_never_from_itself() -> None:
    network = towers()
    known = learner(network)
    before = known._users(np.arange(9), None, None)
    # The second event of the first user: all it knows is item 0, which came first.
    vector = network.items(np.array([0]), np.ones(1, bool))
    profile, context = torch.tensor([[1]]), torch.tensor([[2 / 18, 3 / 18]])
    alone = network.users(vector, torch.tensor([1]), profile, context)
    assert before[1].tolist() == pytest.approx(alone[0].tolist(), rel=1e-5)
    later = known.items.copy()
    later[[1, 2]] = 5
    known.items = later
    changed = known._users(np.arange(9), None, None)
    assert torch.equal(changed[1], before[1])
    assert not torch.equal(changed[2], before[2])


def test_without_order_events_stay_with_their_user_and_take_their_moment_along() -> None:
    known = learner(towers(), in_order=False)
    batches = known.batches(np.random.default_rng(1))
    assert sorted(np.concatenate([events for events, _ in batches])) == list(range(9))
    assert [sorted(known.places[at : at + 3]) for at in (0, 3, 6)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert known.places.tolist() != list(range(9))


def test_what_is_held_out_is_the_last_item_and_not_learned_from() -> None:
    known = learner(towers(), in_order=False, held_out=True)
    batches = known.batches(np.random.default_rng(1))
    assert known.places[[2, 5, 8]].tolist() == [2, 5, 8]
    assert not {2, 5, 8} & set(np.concatenate([events for events, _ in batches]).tolist())
    value = known.validate()["validation ndcg@10"]
    assert 0 < value <= 1
    assert learner(towers()).validate() == {}


def test_what_is_held_out_is_asked_in_the_order_of_time_however_the_epoch_was_shuffled() -> None:
    known = learner(towers(), in_order=False, held_out=True)
    asked = []
    known._users = lambda events, *_, real=known._users: asked.append(real(events, None, None)) or asked[-1]  # type: ignore
    for seed in range(4):
        known.batches(np.random.default_rng(seed))
        known.validate()
    assert all(torch.equal(asked[0], each) for each in asked[1:])


@pytest.mark.parametrize("known", [True, False], ids=["with content", "ids alone"])
def test_training_lowers_the_loss_and_the_same_seed_gives_the_same_weights(known: bool) -> None:
    weights = []
    for _ in range(2):
        network = towers(known)
        hard = learner(network, id_dropout=0.2, strangers=0.2, batch=9)
        curves = train(hard, Plan(epochs=40, learning_rate=0.05, seed=3, threads=1), "towers")
        losses = curves.filter(curve="train loss")["value"].to_numpy()
        assert losses[-5:].mean() < 0.9 * losses[:3].mean()
        weights.append(torch.cat([each.detach().ravel() for each in network.parameters()]))
    assert torch.equal(*weights)


def test_without_a_moment_or_a_profile_a_user_is_the_history() -> None:
    tower = UserTower(4, np.empty(0, np.int64), 0, 0.0).eval()
    found = tower(torch.ones(1, 4), torch.ones(1), torch.empty((1, 0), dtype=torch.int64), torch.zeros(1, 4))
    assert found.shape == (1, 4)
