"""Losses against their formulas in numpy, and the sampled ones against the full one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avrec_lib.networks.losses import PopularitySample, full_softmax, gbce, sampled_softmax


def drawn(tokens: int = 5, items: int = 12, width: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(tokens, width), torch.randint(items, (tokens,)), torch.randn(items, width)


def test_the_full_softmax_is_minus_the_mean_log_likelihood():
    states, targets, items = drawn()
    scores = (states @ items.T).numpy().astype(np.float64)
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    by_hand = -np.log(chances[np.arange(5), targets.numpy()]).mean()
    assert full_softmax(states, targets, items).item() == pytest.approx(by_hand, rel=1e-5)


def test_a_sampled_softmax_of_every_item_is_the_full_one():
    states, targets, items = drawn()
    everything = torch.arange(12)
    found = sampled_softmax(states, targets, items, everything, torch.zeros(12))  # each is there once: ln 1 = 0
    assert found.item() == pytest.approx(full_softmax(states, targets, items).item(), rel=1e-5)


def test_the_correction_makes_a_skewed_sample_point_where_the_full_softmax_does():
    states, targets, items = drawn(tokens=200, items=50)
    items.requires_grad_()
    chance = torch.softmax(torch.randn(50), 0)
    full = torch.autograd.grad(full_softmax(states, targets, items), items)[0]

    def likeness(log_chance: torch.Tensor) -> float:
        total = torch.zeros_like(full)
        for _ in range(5):
            sample = torch.multinomial(chance, 4096, replacement=True)
            total += torch.autograd.grad(sampled_softmax(states, targets, items, sample, log_chance), items)[0]
        return torch.cosine_similarity(total.flatten(), full.flatten(), dim=0).item()

    assert likeness((chance * 4096).log()) > 0.99
    assert likeness(torch.zeros(50)) < 0.95


@pytest.mark.parametrize("calibration", [0.0, 0.75, 1.0])
def test_gbce_is_its_formula(calibration: float):
    states, targets, items = drawn()
    sample = torch.tensor([0, 3, 5])
    share = 3 / 11
    beta = share * (calibration * (1 - 1 / share) + 1 / share)
    sigmoid = 1 / (1 + np.exp(-(states @ items.T).numpy().astype(np.float64)))
    by_hand = [
        -beta * np.log(sigmoid[row, target])
        - sum(np.log(1 - sigmoid[row, other]) for other in sample.tolist() if other != target)
        for row, target in enumerate(targets.tolist())
    ]
    assert gbce(states, targets, items, sample, calibration).item() == pytest.approx(np.mean(by_hand), rel=1e-5)


def test_without_calibration_gbce_is_binary_cross_entropy():
    share = 3 / 11
    assert share * (0 * (1 - 1 / share) + 1 / share) == 1  # β of the positive


def test_a_sample_by_popularity_tells_how_often_it_expects_each_item():
    sample = PopularitySample.of(np.array([6, 3, 1, 0]), 1000, torch.device("cpu"))
    assert sample.log_chance.exp().tolist() == pytest.approx([600, 300, 100, 1e-12])
    torch.manual_seed(0)
    found = np.bincount(sample.draw(), minlength=4)
    assert found.sum() == 1000 and found[3] == 0
    assert found[:3] == pytest.approx([600, 300, 100], abs=60)  # four standard errors
