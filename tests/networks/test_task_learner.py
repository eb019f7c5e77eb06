"""Learning several tasks: labels that are unknown, tasks weighed, draws beside choices, gradients that conflict."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avrec_lib.errors import UsageError
from avrec_lib.networks.experts import Labels, Sizes, TaskNetwork
from avrec_lib.networks.loop import Plan, train
from avrec_lib.networks.task_conflict import gradient_cosines
from avrec_lib.networks.task_learner import Impressions, Negatives, Requests, TaskLearner, log_odds


def network(architecture: str = "MMoE", tasks: int = 2, items: int = 6) -> TaskNetwork:
    torch.manual_seed(0)
    sizes = Sizes(items, labels=0, platforms=1, tasks=tasks, width=4, experts=2, hidden=6, dropout=0.0)
    return TaskNetwork(architecture, sizes, Labels(np.zeros(0, np.int64), np.zeros(items + 1, np.int64)))  # type: ignore[arg-type]


def requests(count: int) -> Requests:
    """`count` requests, each after item 0."""
    items, context = np.zeros(count, np.int32), np.zeros((count, 3), np.int64)
    return Requests(items, np.arange(count), np.ones(count, np.int64), context)


def impressions(labels: list[list[float]], each: int = 1) -> Impressions:
    """One row a pair of labels, `each` in a request, items in turn."""
    count = len(labels)
    items = np.arange(count) % 6
    return Impressions(np.arange(count) // each, items, np.zeros(count, np.int64), np.array(labels, np.float32))


def test_an_older_event_weighs_the_decay_less_and_weights_sum_to_one() -> None:
    context = np.zeros((3, 3), np.int64)
    asked = Requests(np.array([4, 2, 3], np.int32), np.array([0, 2, 2]), np.array([2, 0, 1]), context)
    found = asked.asked(np.array([2, 0, 1]), 0.5)
    assert found.items.tolist() == [3, 4, 2]
    assert found.starts.tolist() == [0, 1, 3]
    assert found.weights.tolist() == pytest.approx([1.0, 1 / 3, 2 / 3])


def test_an_unknown_label_counts_for_nothing() -> None:
    net = network()
    learner = TaskLearner(net, requests(3), impressions([[1, np.nan], [0, 1], [1, np.nan]]), batch=10, decay=1.0)
    odds = log_odds(net, requests(3), learner.impressions, np.arange(3), 1.0).numpy()
    chance = 1 / (1 + np.exp(-odds))
    clicks = -(np.log(chance[0, 0]) + np.log(1 - chance[1, 0]) + np.log(chance[2, 0])) / 3
    losses = learner.task_losses(np.arange(3)).detach().numpy()
    assert losses == pytest.approx([clicks, -np.log(chance[1, 1])], rel=1e-5)
    assert learner.loss(np.arange(3))[0].item() == pytest.approx(losses.mean(), rel=1e-5)


def test_a_request_with_more_impressions_than_are_scored_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    net, rows, opened = network(), np.array([1, 0]), []
    shown = impressions([[1, 0]] * 10, each=5)
    whole = log_odds(net, requests(2), shown, rows, 1.0)
    net.bodies[0].register_forward_pre_hook(lambda _, inputs: opened.append(len(inputs[0])))
    monkeypatch.setattr("avrec_lib.networks.task_learner.ROWS_AT_ONCE", 3)
    torch.testing.assert_close(log_odds(net, requests(2), shown, rows, 1.0), whole)
    assert opened == [3, 3, 3, 1]


def test_uncertainty_weighs_the_loss_of_a_task_and_pays_for_it() -> None:
    net = network()
    learner = TaskLearner(net, requests(2), impressions([[1, 0], [0, 1]]), batch=10, decay=1.0, balance="uncertainty")
    with torch.no_grad():
        net.log_variances[:] = torch.tensor([0.5, -1.0])
    first, second = learner.task_losses(np.arange(2)).tolist()
    expected = (first * np.exp(-0.5) + 0.25 + second * np.exp(1.0) - 0.5) / 2
    assert learner.loss(np.arange(2))[0].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("balance", ["mean", "uncertainty"])
def test_a_task_without_a_label_in_a_batch_is_not_in_its_loss(balance: str) -> None:
    net = network()
    with torch.no_grad():
        net.log_variances[:] = 0.5
    labels = impressions([[1, np.nan], [0, np.nan], [1, 0]])
    learner = TaskLearner(net, requests(3), labels, batch=10, decay=1.0, balance=balance)  # type: ignore[arg-type]
    first = learner.task_losses(np.arange(2))[0].item()
    loss, _ = learner.loss(np.arange(2))
    assert loss.item() == pytest.approx(first if balance == "mean" else first * np.exp(-0.5) + 0.25, rel=1e-5)
    loss.backward()
    assert balance == "mean" or net.log_variances.grad[1] == 0
    nothing, _ = learner.loss(np.empty(0, np.int64))
    assert nothing.item() == 0


def test_a_rare_outcome_counts_from_the_first_step() -> None:
    net = network()
    labels = [[row < 50, row < 2] for row in range(100)]
    TaskLearner(net, requests(100), impressions(labels), batch=10, decay=1.0).weigh_by_rates()
    shares = np.array([50.5, 2.5]) / 101
    entropy = -shares * np.log(shares) - (1 - shares) * np.log(1 - shares)
    weights = np.exp(-net.log_variances.detach().numpy())
    assert weights == pytest.approx(1 / (2 * entropy), rel=1e-5)


def test_items_drawn_beside_a_choice_say_nothing_where_their_user_chose_them() -> None:
    chosen = np.array([0 * 6 + 1, 0 * 6 + 2, 1 * 6 + 5])
    draws = Negatives(20, np.array([1, 2, 5]), users=np.array([0, 1]), chosen=chosen, catalogue=6)
    items, labels = draws.draw(np.random.default_rng(0))
    assert items.shape == labels.shape == (2, 20)
    own = np.stack([np.isin(items[0], [1, 2]), items[1] == 5])
    assert np.isnan(labels[own]).all()
    assert (labels[~own] == 0).all()
    assert own.any() and not own.all()


def test_the_last_tenth_of_the_requests_is_asked_and_not_learned_from() -> None:
    labels = [[row % 2, row % 3 == 0] for row in range(40)]
    learner = TaskLearner(network(), requests(20), impressions(labels, 2), batch=8, decay=1.0, held_out=True)
    learned = np.concatenate(learner.batches(np.random.default_rng(0)))
    assert sorted(learned) == list(range(18))
    found = learner.validate()
    assert next(iter(found)) == "validation explained"
    assert TaskLearner(network(), requests(20), impressions(labels, 2), batch=8, decay=1.0).validate() == {}


@pytest.mark.parametrize("architecture", ["MMoE", "shared bottom", "single task"])
def test_each_task_learns_which_items_are_its_own(architecture: str) -> None:
    labels = [[row % 6 < 3, row % 2] for row in range(240)]
    net = network(architecture)
    learner = TaskLearner(net, requests(80), impressions(labels, 3), batch=60, decay=1.0)
    train(learner, Plan(epochs=40, learning_rate=0.02, seed=0, threads=1), "test")
    odds = log_odds(net, requests(80), learner.impressions, np.arange(80), 1.0).numpy()
    assert ((odds > 0) == np.array(labels, bool)).all()


@pytest.mark.parametrize("balance", ["mean", "uncertainty"])
def test_a_single_task_is_learned_the_same_whatever_the_others_are(balance: str) -> None:
    rng, found = np.random.default_rng(0), []
    first = rng.integers(0, 2, 60)
    for other in (rng.integers(0, 2, 60), np.zeros(60), np.where(np.arange(60) < 57, np.nan, 1)):
        shown = impressions(np.column_stack([first, other]).tolist(), 3)
        shown.places[:] = np.arange(60) % 3
        net = network("single task")
        learner = TaskLearner(net, requests(20), shown, batch=6, decay=1.0, balance=balance)  # type: ignore[arg-type]
        train(learner, Plan(epochs=3, learning_rate=0.02, clip=0.05, threads=1), "test")
        odds = log_odds(net, requests(20), shown, np.arange(20), 1.0)[:, 0]
        found.append((odds, net.places.weight.detach()[:, 0], net.log_variances.detach()[0]))
    for one in found[1:]:
        for mine, same in zip(one, found[0], strict=True):
            torch.testing.assert_close(mine, same, rtol=0, atol=1e-6)


def test_tasks_with_opposite_labels_conflict_and_with_equal_labels_agree() -> None:
    for labels, cosine in (([[1, 0], [0, 1]], -1.0), ([[1, 1], [0, 0]], 1.0)):
        net = network("shared bottom")
        net.towers[1].load_state_dict(net.towers[0].state_dict())
        with torch.no_grad():
            for tower in net.towers:
                tower[2].weight.zero_()
                tower[2].weight += 1e-4  # log-odds near 0, so that both mistakes are of the same size
                tower[2].bias.zero_()
        learner = TaskLearner(net, requests(2), impressions(labels), batch=10, decay=1.0)
        found = gradient_cosines(learner, [np.arange(2)])
        assert found.shape == (1, 2, 2)
        assert found[0, 0, 1] == pytest.approx(cosine, abs=1e-2)
        assert np.diagonal(found[0]) == pytest.approx([1, 1])


def test_a_task_without_a_label_has_no_angle_and_single_tasks_have_none_at_all() -> None:
    learner = TaskLearner(network(), requests(2), impressions([[1, np.nan], [0, np.nan]]), batch=10, decay=1.0)
    assert np.isnan(gradient_cosines(learner, [np.arange(2)])[0, 0, 1])
    alone = TaskLearner(network("single task"), requests(2), impressions([[1, 0], [0, 1]]), batch=10, decay=1.0)
    with pytest.raises(UsageError, match="share nothing"):
        gradient_cosines(alone, [np.arange(2)])
