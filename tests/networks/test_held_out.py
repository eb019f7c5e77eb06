"""What decides when to stop: a network that tells nothing apart, or says no numbers, is not the best."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import nn

from avrec_lib.networks.candidate_order import CandidateLists, CandidateNetwork
from avrec_lib.networks.graph import GraphChoices, ItemGraph
from avrec_lib.networks.held_out import NDCG, held_out_users, ndcg_of
from avrec_lib.networks.in_batch import InBatch
from avrec_lib.networks.loop import Learner
from avrec_lib.networks.next_item import NextItems, SequenceNetwork
from avrec_lib.networks.recurrent import RunningMean
from avrec_lib.networks.towers import Content, ItemTower, Towers, UserTower

USERS, ITEMS, LENGTH = 40, 40, 4
STARTS = np.arange(USERS + 1) * LENGTH
HISTORIES = np.concatenate([np.random.default_rng(user).permutation(ITEMS)[:LENGTH] for user in range(USERS)])


def next_items() -> NextItems:
    network = SequenceNetwork(ITEMS, 4, RunningMean(4, 0.0), 0.0)
    return NextItems(network, HISTORIES, STARTS, longest=3, batch=16, loss="softmax", held_out=True)


def in_batch() -> InBatch:
    content = Content(sparse.csr_matrix((ITEMS, 0), dtype=np.float32), np.empty((ITEMS, 0), np.float32))
    towers = Towers(ItemTower(content, 4, 0.0), UserTower(4, np.empty(0, np.int64), 0, 0.0), None)
    return InBatch(
        towers, HISTORIES, STARTS, np.empty((USERS, 0), np.int32), np.empty((len(HISTORIES), 0), np.float32),
        longest=3, decay=0.9, id_dropout=0.0, strangers=0.0, batch=16, in_order=True, held_out=True, seed=0,
    )  # fmt: skip


def graph_choices() -> GraphChoices:
    told = np.arange(len(HISTORIES)) % LENGTH < LENGTH - 1
    cells = (np.ones(told.sum(), np.float32), (np.repeat(np.arange(USERS), LENGTH)[told], HISTORIES[told]))
    return GraphChoices(
        ItemGraph(ITEMS, 4, 1, 1), sparse.csr_matrix(cells, shape=(USERS, ITEMS)), [], co_choice=True, batch=4,
        loss="softmax", hidden=0.5, answers=(np.arange(USERS), HISTORIES[~told]),
    )  # fmt: skip


def candidate_lists() -> CandidateLists:
    rows, answers = np.repeat(np.arange(USERS), ITEMS), np.arange(USERS * ITEMS) % ITEMS == 7
    return CandidateLists(
        CandidateNetwork(1, 3, 0.0, ITEMS, 0), np.ones((len(rows), 2), np.float32), np.tile(np.arange(ITEMS), USERS),
        rows, answers, rows, batch=4000, held_out=True, seed=0,
    )  # fmt: skip


LEARNERS = [next_items, in_batch, graph_choices, candidate_lists]


def with_every_weight(learner: Learner, value: float) -> Learner:
    for each in learner.network.parameters():
        nn.init.constant_(each, value)
    learner.network.eval()
    return learner


@pytest.mark.parametrize("value", [0.0, float("nan")], ids=["zero", "no number"])
@pytest.mark.parametrize("make", LEARNERS)
def test_a_network_that_tells_nothing_apart_ranks_nothing_first(make: Callable[[], Learner], value: float) -> None:
    assert with_every_weight(make(), value).validate()[NDCG] == 0  # the middle of 30 items or more


@pytest.mark.parametrize("make", LEARNERS)
def test_validation_needs_no_gradients_and_gives_no_warning(make: Callable[[], Learner]) -> None:
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make().validate()


def test_an_answer_stands_in_the_middle_of_its_ties() -> None:
    scores = torch.tensor([[3.0, 1.0, 1.0, 1.0, 0.0], [2.0, 1.0, 0.0, 0.0, 0.0]])
    found = ndcg_of(scores, torch.tensor([1, 0]))
    assert found.tolist() == pytest.approx([1 / np.log2(1 + 3), 1])  # places 2, 3 and 4


def test_what_is_hidden_is_no_rival_and_a_hidden_answer_is_asked_all_the_same() -> None:
    scores = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    hidden = np.array([0, 1, 1]), np.array([0, 0, 1])
    assert ndcg_of(scores, torch.tensor([1, 1]), hidden).tolist() == [1, 1]
    assert scores[0, 0] == 3  # they are not changed


def test_what_is_not_finite_is_missed_and_no_number_of_another_stands_before() -> None:
    nan, infinity = float("nan"), float("inf")
    scores = torch.tensor([[nan, 0.0], [infinity, 0.0], [-infinity, -infinity], [1.0, nan]])
    found = ndcg_of(scores, torch.zeros(4, dtype=torch.int64))
    assert found.tolist() == pytest.approx([0, 0, 0, 1 / np.log2(3)])


def test_only_users_of_three_items_are_held_out() -> None:
    assert held_out_users(np.array([0, 2, 5, 6, 10]), seed=0).tolist() == [1, 3]
