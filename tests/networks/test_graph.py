"""Spreading over relations between items against its dense twin, and what a step of learning may know."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from avrec_lib.networks.graph import GRAPH_LOSSES, GraphChoices, ItemGraph, Relation, item_scales, pair_of, product
from avrec_lib.networks.loop import Plan, train

USERS, ITEMS, WIDTH = 9, 7, 3


def table(rows: int = USERS, columns: int = ITEMS, seed: int = 0) -> sparse.csr_matrix:
    cells = np.random.default_rng(seed).random((rows, columns)) < 0.5
    cells[:, -1] = False  # an item that nobody chose
    return sparse.csr_matrix(cells.astype(np.float32))


def dense_step(groups: np.ndarray) -> np.ndarray:
    """D^−½ Bᵀ C⁻¹ B D^−½, entry by entry."""
    sizes, counts = groups.sum(axis=1), groups.sum(axis=0)
    step = np.zeros((groups.shape[1],) * 2)
    for i in range(len(step)):
        for j in range(len(step)):
            for members, size in zip(groups, sizes, strict=True):
                if members[i] and members[j]:
                    step[i, j] += 1 / size / np.sqrt(counts[i] * counts[j])
    return step


def learner(loss: str = "softmax", co_choice: bool = True, **options) -> GraphChoices:
    torch.manual_seed(0)
    labels = [table(4, seed=1)]
    network = ItemGraph(ITEMS, WIDTH, co_choice + len(labels), layers=2)
    return GraphChoices(
        network, table(), labels, co_choice=co_choice, **{"batch": 4, "hidden": 0.5, "loss": loss, **options}
    )  # fmt: skip


def test_two_items_are_close_when_small_groups_hold_both() -> None:
    groups = np.array([[1, 1, 0], [1, 1, 1]], np.float32)
    step = Relation(sparse.csr_matrix(groups)).normalised
    # item 0 and 1 share a group of 2 and one of 3, each is in two groups: (1/2 + 1/3) / √(2 · 2)
    assert (step.T @ step).toarray()[0, 1] == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_spreading_is_the_mean_over_steps_of_dense_products() -> None:
    torch.manual_seed(1)
    chosen, labels = table(), table(4, seed=1)
    network = ItemGraph(ITEMS, WIDTH, 2, layers=2)
    with torch.no_grad():
        network.mix.copy_(torch.tensor([0.5, -0.5]))
        found = network([Relation(each).pair() for each in (chosen, labels)], torch.arange(ITEMS) < ITEMS - 1)
    shares = np.exp([0.5, -0.5]) / np.exp([0.5, -0.5]).sum()
    step = shares[0] * dense_step(chosen.toarray()) + shares[1] * dense_step(labels.toarray())
    start = network.items.detach().numpy().astype(float) * (np.arange(ITEMS) < ITEMS - 1)[:, None]
    assert found.numpy() == pytest.approx((start + step @ start + step @ step @ start) / 3, abs=1e-6)


def test_the_largest_eigenvalue_is_one_so_that_steps_neither_grow_nor_vanish() -> None:
    assert np.linalg.eigvalsh(dense_step(table().toarray())).max() == pytest.approx(1)


def test_gradients_are_those_of_dense_products() -> None:
    matrix, other = table(), torch.randn(USERS, WIDTH)
    sparsely, densely = (torch.ones(ITEMS, WIDTH).cumsum(0).requires_grad_() for _ in range(2))
    (product(pair_of(matrix), sparsely).sin() * other).sum().backward()
    ((torch.from_numpy(matrix.toarray()) @ densely).sin() * other).sum().backward()
    assert torch.allclose(sparsely.grad, densely.grad, atol=1e-5)


def test_the_gradient_of_spreading_is_that_of_its_dense_twin() -> None:
    taught = learner()
    (taught.embeddings() ** 2).sum().backward()
    start, mix = (each.detach().double().requires_grad_() for each in (taught.network.items, taught.network.mix))
    steps = [torch.from_numpy(dense_step(each.toarray())) for each in (table(), table(4, seed=1))]
    layer = total = start * taught.chosen[:, None]
    for _ in range(2):
        layer = sum(share * (step @ layer) for share, step in zip(mix.softmax(0), steps, strict=True))
        total = total + layer
    ((total / 3) ** 2).sum().backward()
    assert torch.allclose(taught.network.items.grad.double(), start.grad, atol=1e-5)
    assert torch.allclose(taught.network.mix.grad.double(), mix.grad, atol=1e-5)


def test_hidden_choices_leave_the_graph_and_nothing_else_changes() -> None:
    relation, kept = Relation(table()), np.arange(table().nnz) % 3 > 0
    forth, back = relation.pair(kept)
    whole = relation.normalised.toarray()
    expected = whole.copy()
    rows, columns = table().nonzero()
    expected[rows[~kept], columns[~kept]] = 0
    assert forth.to_dense().numpy() == pytest.approx(expected)
    assert back.to_dense().numpy() == pytest.approx(expected.T)


def test_every_user_is_told_some_and_asked_some_of_what_they_chose() -> None:
    taught = learner(hidden=0.99)
    batches = taught.batches(np.random.default_rng(0))
    assert sorted(np.concatenate([each.users for each in batches])) == np.flatnonzero(taught.lengths > 1).tolist()
    for each in batches:
        for user, row in enumerate(each.users):
            told, found = each.told[each.told_by == user], each.found[each.found_by == user]
            own = range(taught.starts[row], taught.starts[row + 1])
            assert sorted([*told, *found]) == list(own) and len(told) and len(found)


def test_what_is_to_be_found_has_no_part_in_the_vector_of_its_user() -> None:
    taught = learner()
    batch = taught.batches(np.random.default_rng(0))[0]
    states = taught._states(torch.eye(ITEMS), taught.items[batch.told], batch.told_by, len(batch.users))
    expected = np.zeros((len(batch.users), ITEMS))
    scales = item_scales(table().getnnz(axis=0))
    for user in range(len(batch.users)):
        told = taught.items[batch.told[batch.told_by == user]]
        expected[user, told] = scales[told] / np.sqrt(len(told))
    assert states.numpy() == pytest.approx(expected)


def test_the_softmax_loss_is_cross_entropy_over_what_could_be_found() -> None:
    taught = learner()
    batch = taught.batches(np.random.default_rng(0))[0]
    loss, count = taught.loss(batch)
    kept = np.ones(table().nnz, bool)
    kept[batch.found] = False
    items = taught.embeddings(kept)
    states = taught._states(items, taught.items[batch.told], batch.told_by, len(batch.users))
    losses, weights = [], []
    for place, user in zip(batch.found, batch.found_by, strict=True):
        scores = (states[user] @ items.T).detach().numpy()
        open_ = np.setdiff1d(np.arange(ITEMS - 1), taught.items[batch.told[batch.told_by == user]])
        weights.append(np.sum(batch.found_by == user) ** -0.5)  # so that long histories do not decide alone
        losses.append(np.log(np.exp(scores[open_]).sum()) - scores[taught.items[place]])
    assert count == len(losses)
    assert loss.item() == pytest.approx(np.average(losses, weights=weights), rel=1e-5)


@pytest.mark.parametrize("loss", GRAPH_LOSSES)
def test_every_loss_falls(loss: str) -> None:
    tastes = sparse.csr_matrix(np.add.outer(np.arange(12), np.arange(12)) % 2, dtype=np.float32)
    torch.manual_seed(0)
    network = ItemGraph(12, WIDTH, 1, layers=1)
    taught = GraphChoices(network, tastes, [], co_choice=True, batch=6, hidden=0.5, loss=loss, negatives=20)
    curves = train(taught, Plan(epochs=20, learning_rate=0.1, precision="float32"), "graph")
    losses = curves.filter(curve="train loss")["value"]
    assert losses.tail(5).mean() < losses.head(5).mean()


def test_items_that_nobody_chose_are_reached_by_labels_alone() -> None:
    chosen = table()
    labels = sparse.csr_matrix(np.eye(1, ITEMS, 0, dtype=np.float32) + np.eye(1, ITEMS, ITEMS - 1, dtype=np.float32))
    pairs, known = [Relation(each).pair() for each in (chosen, labels)], torch.arange(ITEMS) < ITEMS - 1
    with_labels = ItemGraph(ITEMS, WIDTH, 2, 1)(pairs, known)
    without = ItemGraph(ITEMS, WIDTH, 1, 1)(pairs[:1], known)
    assert with_labels[-1].any() and not without[-1].any()


def test_validation_is_the_discount_of_the_place_of_what_was_held_out() -> None:
    user = int(np.flatnonzero(table().getnnz(axis=1) == 3)[0])
    left = np.setdiff1d(np.arange(ITEMS), table()[user].indices)
    found = []
    for answer in left:
        taught = learner(answers=(np.array([user]), np.array([answer])))
        found.append(taught.validate()["validation ndcg@10"])
    assert sorted(found, reverse=True) == pytest.approx(1 / np.log2(np.arange(2, len(left) + 2)))
    assert learner().validate() == {}
