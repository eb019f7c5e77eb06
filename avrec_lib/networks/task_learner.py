"""Learning several tasks from what was shown and what came of it, or one from choices against sampled items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avrec_lib.networks.experts import ROWS_AT_ONCE, Asked, Shown, TaskNetwork
from avrec_lib.networks.packing import runs
from avrec_lib.networks.threads import device

Balance = Literal["mean", "uncertainty"]
BALANCES: tuple[Balance, ...] = get_args(Balance)
HELD_OUT_SHARE = 0.1


@dataclass(frozen=True)
class Requests:
    """Requests in the order of their times. The history of request r is the `lengths[r]` of `items` from `starts[r]`,
    oldest first, and histories may overlap; `context` (requests, 3) int64: hour + 1, weekday, platform, each 0 where it
    is unknown."""

    items: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    context: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def asked(self, rows: np.ndarray, decay: float) -> Asked:
        """The requests `rows` as tensors; an event weighs `decay` to the power of how many came later, over the sum."""
        first, lengths = self.starts[rows], self.lengths[rows]
        ends = np.cumsum(lengths)
        ages = np.repeat(ends, lengths) - np.arange(lengths.sum()) - 1
        weights = decay ** ages.astype(np.float64)
        owner = np.repeat(np.arange(len(rows)), lengths)
        weights /= np.bincount(owner, weights, len(rows))[owner]
        parts = (
            self.items[runs(first, lengths)].astype(np.int64), ends - lengths, weights.astype(np.float32),
            lengths.astype(np.float32), self.context[rows],
        )  # fmt: skip
        return Asked(*(torch.from_numpy(np.ascontiguousarray(part)).to(device()) for part in parts))


@dataclass(frozen=True)
class Impressions:
    """What was shown on requests, by request: arrays (n,) of the row of the request (rising), of the item and the
    place from 1 (0: unknown), and `labels` (n, tasks) float32 of 0 and 1, NaN where it is unknown."""

    requests: np.ndarray
    items: np.ndarray
    places: np.ndarray
    labels: np.ndarray

    def of_requests(self, rows: np.ndarray) -> tuple[Impressions, np.ndarray]:
        """The impressions of the requests `rows`, numbered by their place in `rows`; and their own rows here."""
        first = np.searchsorted(self.requests, rows)
        lengths = np.searchsorted(self.requests, rows, side="right") - first
        own = runs(first, lengths)
        named = np.repeat(np.arange(len(rows)), lengths)
        return Impressions(named, self.items[own], self.places[own], self.labels[own]), own

    def part(self, start: int, end: int) -> Impressions:
        """The impressions `start` … `end` by themselves, their requests numbered as before."""
        return Impressions(*(each[start:end] for each in (self.requests, self.items, self.places, self.labels)))

    def shown(self, first: int = 0) -> Shown:
        """All but the labels as tensors, with requests counted from `first`."""
        parts = self.requests - first, self.items, self.places
        return Shown(*(torch.from_numpy(part.astype(np.int64)).to(device()) for part in parts))


@dataclass(frozen=True)
class Negatives:
    """What no choice looks like: beside each impression `each` items of `pool` drawn alike.

    `users` (impressions,) are the rows of their users, and `chosen` the sorted distinct numbers user · catalogue + item
    of all choices: a draw that its user chose at any time says nothing.
    """

    each: int
    pool: np.ndarray
    users: np.ndarray
    chosen: np.ndarray
    catalogue: int

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Items (impressions, each), and their labels: 0, or NaN for one that says nothing."""
        items = rng.choice(self.pool, (len(self.users), self.each))
        keys = self.users[:, None] * self.catalogue + items
        place = np.searchsorted(self.chosen, keys).clip(max=len(self.chosen) - 1)
        return items, np.where(self.chosen[place] == keys, np.nan, 0).astype(np.float32)


class TaskLearner:
    """A learner (`loop.Learner`) of the log-odds of every task by cross entropy, the mean over tasks of their means;
    a task of which a batch has no label is left out of it. Networks of single tasks are clipped each by itself and know
    nothing of each other, but for the early stop, which is common.

    With `balance` "uncertainty" the loss L_t of a task enters as L_t · e^−s_t + s_t / 2, s_t learned (Kendall, Gal and
    Cipolla 2018). A batch is about `batch` impressions, of requests at random. With `negatives` every impression is a
    choice of a single task, and what is no choice is drawn anew every epoch. With `held_out` the last tenth of the
    requests is not learned from, and says when to stop: 1 less the cross entropy over that of the constant chance, mean
    over tasks.
    """

    def __init__(
        self, network: TaskNetwork, requests: Requests, impressions: Impressions, *, batch: int, decay: float,
        balance: Balance = "mean", negatives: Negatives | None = None, held_out: bool = False, seed: int = 0,
    ) -> None:  # fmt: skip
        self.network, self.requests, self.impressions = network, requests, impressions
        self.batch, self.decay, self.balance = batch, decay, balance
        self.negatives = negatives
        learned = len(requests) - (int(HELD_OUT_SHARE * len(requests)) if held_out else 0)
        self.learned, self.asked = np.arange(learned), np.arange(learned, len(requests))
        self._draw(np.random.default_rng([seed, 2]))
        self.questions = self.shown(self.asked)
        self.rates = _rates(self.shown(self.learned).labels)

    @torch.no_grad()
    def weigh_by_rates(self) -> None:
        """Begin the learned weights of tasks where they are best for predicting the constant chance: s_t = ln(2 H_t).

        H_t is the entropy of the share of ones; e^−s · H + s / 2 is least there. So a rare outcome counts from the
        first step, not only once its weight has been learned.
        """
        entropy = -(self.rates * np.log(self.rates) + (1 - self.rates) * np.log(1 - self.rates))
        self.network.log_variances.copy_(torch.from_numpy(np.log(2 * entropy)))

    def batches(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Rows of requests at random, about as many as have `batch` impressions."""
        self._draw(rng)
        shuffled = rng.permutation(self.learned)
        each = (1 + (self.negatives.each if self.negatives else 0)) * len(self.impressions.items)
        share = each / max(len(self.requests), 1) / self.batch
        return np.array_split(shuffled, max(1, round(len(shuffled) * share)))

    def loss(self, batch: np.ndarray) -> tuple[Tensor, int]:
        """The loss of a batch of requests, and how many were shown."""
        shown = self.shown(batch)
        losses = self._losses(batch, shown)
        if self.balance == "uncertainty":
            losses = losses * (-self.network.log_variances).exp() + self.network.log_variances / 2
        told = torch.from_numpy(~np.isnan(shown.labels).all(0)).to(losses.device)
        # Networks of single tasks learn as if each were alone: the same whatever labels the others have.
        among = int(told.sum()) if self.network.shared() else len(told)
        return losses[told].sum() / max(among, 1), len(shown.items)

    def clip_groups(self) -> list[list[Tensor]]:
        """The gradients that are clipped apart: those of each single task's own network."""
        return self.network.gradients_apart()

    def task_losses(self, batch: np.ndarray) -> Tensor:
        """The mean cross entropy of each task over the impressions of a batch whose label is known, (tasks,)."""
        return self._losses(batch, self.shown(batch))

    def _losses(self, rows: np.ndarray, shown: Impressions) -> Tensor:
        return _task_means(self.network(self.requests.asked(rows, self.decay), shown.shown()), shown.labels)

    def _draw(self, rng: np.random.Generator) -> None:
        if self.negatives is not None:
            self.drawn = self.negatives.draw(rng)

    def shown(self, rows: np.ndarray) -> Impressions:
        """What was shown on the requests `rows`, and the items drawn beside each choice."""
        found, own = self.impressions.of_requests(rows)
        if self.negatives is None:
            return found
        items, labels = (drawn[own] for drawn in self.drawn)
        again = np.repeat(np.arange(len(own)), 1 + self.negatives.each)
        return Impressions(
            found.requests[again], np.column_stack([found.items, items]).ravel(), found.places[again],
            np.column_stack([found.labels[:, 0], labels]).reshape(-1, 1),
        )  # fmt: skip

    def validate(self) -> dict[str, float]:
        """What the network explains of the last requests, and the cross entropy of each task there."""
        if not len(self.asked):
            return {}
        logits = log_odds(self.network, self.requests, self.questions, self.asked, self.decay)
        losses = _task_means(logits, self.questions.labels).double().cpu().numpy()
        constant = torch.from_numpy(np.log(self.rates / (1 - self.rates))).float().to(logits.device)
        base = _task_means(constant.expand_as(logits), self.questions.labels).double().cpu().numpy()
        known = base > 0  # a task without a label among the last requests says nothing
        gain = float((1 - losses[known] / base[known]).mean()) if known.any() else 0.0
        curves = {f"validation cross entropy of task {task + 1}": float(loss) for task, loss in enumerate(losses)}
        return {"validation explained": gain, **curves}


@torch.no_grad()
def log_odds(
    network: TaskNetwork, requests: Requests, impressions: Impressions, rows: np.ndarray, decay: float
) -> Tensor:
    """Log-odds (n, tasks) of `impressions`, whose requests are numbered by their place in `rows`; some at a time."""
    parts = [torch.empty(0, network.sizes.tasks, device=device())]
    for start in range(0, len(impressions.items), ROWS_AT_ONCE):
        block = impressions.part(start, start + ROWS_AT_ONCE)
        first, last = block.requests[0], block.requests[-1]
        parts.append(network(requests.asked(rows[first : last + 1], decay), block.shown(first)))
    return torch.cat(parts)


def _task_means(logits: Tensor, labels: np.ndarray) -> Tensor:
    """The mean cross entropy of each column over the labels that are known; 0 where none is."""
    wanted = torch.from_numpy(labels).to(logits.device)
    known = ~wanted.isnan()
    each = functional.binary_cross_entropy_with_logits(logits, wanted.nan_to_num(), reduction="none")
    return (each * known).sum(0) / known.sum(0).clamp(min=1)


def _rates(labels: np.ndarray) -> np.ndarray:
    """The share of ones in each column (tasks,), a little inside 0 and 1."""
    known = ~np.isnan(labels)
    return (np.nansum(labels, 0) + 0.5) / (known.sum(0) + 1.0)
