"""What decides when to stop: users whose last item is held out, and how high a network ranks it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

FEWEST_HELD_OUT, MOST_HELD_OUT = 200, 2000
HELD_OUT_SHARE = 0.1
PLACES = 10  # of the NDCG that decides when to stop
NDCG = f"validation ndcg@{PLACES}"  # the name of its curve


def held_out_users(starts: np.ndarray, seed: int) -> np.ndarray:
    """Rows of the users whose last item is held out: of those with three items or more."""
    able = np.flatnonzero(np.diff(starts) > 2)
    wanted = int(np.clip(HELD_OUT_SHARE * len(able), FEWEST_HELD_OUT, MOST_HELD_OUT))
    return np.sort(np.random.default_rng([seed, 1]).permutation(able)[:wanted])


def learned_events(starts: np.ndarray, patience: int | None, seed: int) -> np.ndarray:
    """Whether each event of histories is learned from, (events,) bool: all, or with `patience` what is not held out."""
    learned = np.ones(starts[-1], bool)
    if patience is not None:
        learned[starts[held_out_users(starts, seed) + 1] - 1] = False
    return learned


@torch.no_grad()
def ndcg_of(scores: Tensor, answers: Tensor, hidden: tuple[np.ndarray, np.ndarray] | None = None) -> Tensor:
    """1 / log₂(1 + rank) of the answer of each query, 0 beyond ten places: (queries,) float32.

    `scores` (queries, items), `answers` (queries,) int64 columns; `hidden` are rows and columns that no list shows. An
    answer stands in the middle of those it is tied with, so a network that tells nothing apart ranks nothing first. One
    whose score is not finite is missed, and a NaN of another item stands before it. What is hidden is no rival, but an
    answer that is hidden too is asked all the same.
    """
    columns = answers[:, None]
    own = scores.gather(1, columns)
    if hidden is not None:
        rows, items = (torch.from_numpy(each.astype(np.int64)).to(scores.device) for each in hidden)
        scores = scores.index_put((rows, items), scores.new_tensor(-torch.inf)).scatter(1, columns, own)
    before = (~(scores <= own)).sum(1)
    tied = (scores == own).sum(1) - 1
    rank = 1 + before + tied / 2
    return torch.where((rank <= PLACES) & own[:, 0].isfinite(), 1 / torch.log2(rank + 1), 0.0)
