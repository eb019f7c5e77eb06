"""Networks of several tasks: the gating formula, what is shared and what is not, and how unknown things are filled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avrec_lib.networks.experts import ARCHITECTURES, Asked, Experts, Labels, Shown, Sizes, TaskNetwork


def small(architecture: str = "MMoE", tasks: int = 2) -> TaskNetwork:
    torch.manual_seed(0)
    sizes = Sizes(items=4, labels=2, platforms=3, tasks=tasks, width=3, experts=2, hidden=5, dropout=0.0)
    labels = Labels(np.array([0, 1, 1], np.int64), np.array([0, 1, 3, 3, 3], np.int64))
    return TaskNetwork(architecture, sizes, labels).eval()  # type: ignore[arg-type]


def asked() -> Asked:
    """One request after items 0 and 1, one after nothing."""
    return Asked(
        torch.tensor([0, 1]), torch.tensor([0, 2]), torch.tensor([0.25, 0.75]), torch.tensor([2.0, 0.0]),
        torch.tensor([[13, 2, 1], [0, 0, 0]]),
    )  # fmt: skip


def shown() -> Shown:
    return Shown(torch.tensor([0, 0, 1]), torch.tensor([2, 3, 1]), torch.tensor([0, 0, 0]))


def test_each_task_mixes_the_experts_by_its_own_gate() -> None:
    torch.manual_seed(1)
    experts = Experts(size=4, experts=3, hidden=2, tasks=2)
    x = torch.randn(5, 4)
    weight, bias, gates = (each.detach().numpy() for each in (experts.layer.weight, experts.layer.bias,
                                                              experts.gate.weight))  # fmt: skip
    expected = np.zeros((5, 2, 2))
    for row, each in enumerate(x.numpy()):
        said = [np.maximum(weight[2 * e : 2 * e + 2] @ each + bias[2 * e : 2 * e + 2], 0) for e in range(3)]
        for task in range(2):
            odds = np.exp(gates[3 * task : 3 * task + 3] @ each)
            for e in range(3):
                expected[row, task] += odds[e] / odds.sum() * said[e]
    np.testing.assert_allclose(experts(x).detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    assert experts.gates(x).sum(-1).detach().numpy() == pytest.approx(np.ones((5, 2)))


def test_a_user_is_the_weighted_mean_of_the_items_of_the_history_with_their_labels() -> None:
    inputs = small().inputs[0]
    items, labels = (each.weight.detach().numpy() for each in (inputs.items, inputs.labels))
    vectors = items + np.stack([labels[0], labels[1], 0 * labels[0], 0 * labels[0]])
    catalogue = inputs.catalogue()
    np.testing.assert_allclose(catalogue.detach().numpy(), vectors, rtol=1e-6)
    users, _ = inputs.users(catalogue, asked())
    expected = np.stack([0.25 * vectors[0] + 0.75 * vectors[1], 0 * vectors[0]])
    np.testing.assert_allclose(users.detach().numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_items_at_once_get_the_log_odds_of_one_at_a_time(architecture: str) -> None:
    network = small(architecture)
    everywhere = network.everywhere(asked())
    assert everywhere.shape == (2, 4, 2)
    picked = everywhere[shown().requests, shown().items]
    torch.testing.assert_close(network(asked(), shown()), picked)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_more_pairs_are_open_than_may_be(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, opened = small(architecture), []
    whole = network.everywhere(asked())
    network.bodies[0].register_forward_pre_hook(lambda _, inputs: opened.append(len(inputs[0])))
    for most, expected in ((6, [6, 2]), (1, [2, 2, 2, 2])):
        monkeypatch.setattr("avrec_lib.networks.experts.ROWS_AT_ONCE", most)
        torch.testing.assert_close(network.everywhere(asked()), whole)
        assert opened == expected, "an item at a time is the least"
        opened.clear()


def test_only_single_tasks_have_nothing_in_common() -> None:
    for architecture in ARCHITECTURES:
        network = small(architecture)
        network(asked(), shown())[:, 0].sum().backward()
        moved = [each.grad is not None and bool(each.grad.any()) for each in network.inputs[-1].parameters()]
        assert any(moved) == (architecture != "single task")
        assert bool(network.shared()) == (architecture != "single task")


def test_the_gates_are_not_shared() -> None:
    network = small()
    assert not any(each is network.bodies[0].gate.weight for each in network.shared())


def test_what_was_learned_of_the_unknown_stays_and_ranking_takes_the_mean_of_all_places() -> None:
    network = small()
    with torch.no_grad():
        network.places.weight[:3] = torch.tensor([[7.0, -1.0], [1.0, 2.0], [4.0, 8.0]])
    inputs = network.inputs[0]
    before = [each.weight.detach().clone() for each in inputs.context()]
    network.fill_unknown(np.array([[13, 2, 0], [13, 0, 0], [14, 0, 2]]), np.array([1, 1, 2, 0]))
    assert network.places.weight[0].tolist() == [7.0, -1.0]
    assert network.usual_place.tolist() == [(7 + 1 + 1 + 4) / 4, (-1 + 2 + 2 + 8) / 4]
    torch.testing.assert_close(inputs.hour.weight[0], (2 * before[0][13] + before[0][14]) / 3)
    assert torch.equal(inputs.weekday.weight, before[1])
    assert torch.equal(inputs.platform.weight, before[2])
    ranked, plain = network.everywhere(asked())[0, 2], network(asked(), shown())[0]
    torch.testing.assert_close(ranked - plain, network.usual_place - network.places.weight[0])


def test_a_place_adds_its_bias_and_an_unknown_one_never_met_the_mean_of_those_met() -> None:
    network = small()
    with torch.no_grad():
        network.places.weight[1:3] = torch.tensor([[1.0, 2.0], [4.0, 8.0]])
    network.fill_unknown(np.array([[13, 2, 1]]), np.array([1, 1, 2]))
    assert network.places.weight[0].tolist() == [2.0, 4.0]
    plain = network(asked(), shown())
    on_top = network(asked(), Shown(shown().requests, shown().items, torch.tensor([1, 1, 1])))
    torch.testing.assert_close(on_top - plain, torch.tensor([[-1.0, -2.0]]).expand(3, 2))
