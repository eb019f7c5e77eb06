"""The loop on a network of one number: the rate, the average, early stop, threads, precision."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from avrec_lib.errors import UsageError
from avrec_lib.networks.loop import Plan, train
from avrec_lib.networks.threads import THREADS_VARIABLE, threads


class Number:
    """A learner that draws one number towards 3, and is validated by values it is told."""

    def __init__(self, values: list[float] | None = None) -> None:
        self.network = nn.Linear(1, 1, bias=False)
        self.values, self.seen = values, []

    def batches(self, rng: np.random.Generator) -> list[Tensor]:
        return [torch.ones(4, 1), torch.ones(2, 1)]

    def loss(self, batch: Tensor) -> tuple[Tensor, int]:
        return ((self.network(batch) - 3) ** 2).mean(), len(batch)

    def validate(self) -> dict[str, float]:
        self.seen.append(self.network.weight.item())
        return {} if self.values is None else {"validation": self.values[len(self.seen) - 1]}


def curve(table: pl.DataFrame, name: str) -> list[float]:
    return table.filter(curve=name)["value"].to_list()


def test_the_curves_tell_loss_norm_time_and_targets():
    table = train(Number(), Plan(epochs=3, learning_rate=0.1), "number")
    assert table["epoch"].to_list() == [1, 1, 2, 2, 3, 3]
    assert table.filter(curve="train loss")["targets"].to_list() == [6, 12, 18]
    losses = curve(table, "train loss")
    assert losses == sorted(losses, reverse=True)


def test_training_stops_when_it_does_not_get_better_and_keeps_the_best():
    learner = Number([0.1, 0.3, 0.2, 0.2, 0.9])
    table = train(learner, Plan(epochs=10, learning_rate=0.1, patience=2), "number")
    assert curve(table, "validation") == [0.1, 0.3, 0.2, 0.2]
    assert learner.network.weight.item() == pytest.approx(learner.seen[1])


def test_a_value_that_is_no_number_never_becomes_the_best():
    table = train(learner := Number([0.1, float("nan"), 0.05]), Plan(epochs=9, patience=2, learning_rate=0.1), "number")
    assert learner.network.weight.item() == pytest.approx(learner.seen[0])
    assert curve(table, "validation") == [0.1, None, 0.05]


def test_without_patience_the_last_weights_are_kept_and_nothing_is_validated():
    learner = Number([0.9, 0.1])
    train(learner, Plan(epochs=2, learning_rate=0.1), "number")
    assert learner.seen == []


def test_averaged_weights_lie_behind_those_that_move():
    torch.manual_seed(0)
    plain, averaged = Number(), Number()
    averaged.network.load_state_dict(plain.network.state_dict())
    train(plain, Plan(epochs=5, learning_rate=0.1, decays=False), "plain")
    train(averaged, Plan(epochs=5, learning_rate=0.1, decays=False, averaging=0.9), "averaged")
    assert averaged.network.weight.item() < plain.network.weight.item() < 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": 0}, "epochs is a whole number from 1"), ({"learning_rate": 0.0}, "learning_rate"),
        ({"patience": 0}, "patience"), ({"averaging": 1.0}, "averaging"), ({"precision": "bfloat61"}, "bfloat16"),
        ({"threads": 0}, "threads"), ({"seed": -1}, "seed"),
    ],
    ids=range(7),
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(options: dict, said: str):
    with pytest.raises(UsageError, match=said):
        Plan(**options)


def test_threads_are_a_setting_and_go_back_afterwards(monkeypatch: pytest.MonkeyPatch):
    before = torch.get_num_threads()
    with threads(1):
        assert torch.get_num_threads() == 1
    monkeypatch.setenv(THREADS_VARIABLE, "2")
    with threads():
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before
    monkeypatch.setenv(THREADS_VARIABLE, "many")
    with pytest.raises(UsageError, match="AVREC_THREADS is a whole number"), threads():
        pass


class Two(Number):
    """Two numbers, whose gradients are of very different size, clipped apart."""

    def __init__(self, apart: bool) -> None:
        super().__init__()
        self.network, self.apart = nn.ParameterList([torch.zeros(1), torch.zeros(1)]), apart

    def loss(self, batch: Tensor) -> tuple[Tensor, int]:
        return (0.03 * self.network[0] + 4 * self.network[1]).sum(), len(batch)

    def clip_groups(self) -> list[list[Tensor]]:
        return [[each.grad] for each in self.network] if self.apart else []


@pytest.mark.parametrize(("apart", "left"), [(True, [0.03, 1.0]), (False, [0.03 / 4, 1.0])])
def test_what_a_learner_keeps_apart_is_clipped_apart(apart: bool, left: list[float]):
    table = train(learner := Two(apart), Plan(epochs=1, clip=1.0), "two")
    assert [each.grad.item() for each in learner.network] == pytest.approx(left, rel=1e-3)
    assert curve(table, "gradient norm") == pytest.approx([np.hypot(0.03, 4)], rel=1e-3)


def test_half_precision_learns_the_same_task():
    learner = Number()
    train(learner, Plan(epochs=60, learning_rate=0.1, precision="bfloat16"), "number")
    assert learner.network.weight.item() == pytest.approx(3, abs=0.05)
