"""Runs of histories and what comes next: what is held out is not learned from, nor counted."""

from __future__ import annotations

import numpy as np
import pytest

from avrec_lib.networks.next_item import NextItems, SequenceNetwork
from avrec_lib.networks.recurrent import RunningMean


def learner(held_out: bool) -> NextItems:
    items, starts = np.array([0, 1, 2, 1, 0, 3]), np.array([0, 3, 6])
    network = SequenceNetwork(4, 4, RunningMean(4, 0.0), 0.0)
    return NextItems(network, items, starts, longest=5, batch=8, loss="sampled softmax", held_out=held_out)


def test_negatives_are_drawn_by_what_is_learned_from_alone() -> None:
    found, whole = (learner(held_out).popular.shares.tolist() for held_out in (True, False))
    assert found == pytest.approx([2 / 4, 2 / 4, 0, 0])  # items 2 and 3 are the last
    assert whole == pytest.approx([2 / 6, 2 / 6, 1 / 6, 1 / 6])
