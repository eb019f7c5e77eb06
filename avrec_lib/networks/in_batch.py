"""Learning who chooses what from batches of choices: the other items of a batch are what was not chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from avrec_lib.networks.held_out import NDCG, held_out_users, ndcg_of
from avrec_lib.networks.packing import runs
from avrec_lib.networks.threads import device, rows_on_device
from avrec_lib.networks.towers import Towers, decayed, pooled, sharpened


def in_batch_softmax(scores: Tensor, targets: Tensor, counts: Tensor, chance: Tensor) -> Tensor:
    """−ln of the share of the target in a softmax over all items, as a batch of choices lets one estimate it.

    `scores` (rows, columns) are of the distinct items of the batch, `targets` (rows,) the column of each row's own,
    `counts` (columns,) how often an item is in the batch, `chance` (columns,) its share of all choices. Items stand in
    a batch as often as they are chosen, so each weighs n / (rows · chance) in the sum, which is then that over all
    items in expectation, and exactly with all choices in one batch: the logQ correction of Yi et al. 2019,
    "Sampling-bias-corrected neural modeling". Other choices of the target are no negatives of it, and as the target is
    there by right and not by lot, it has no correction.
    """
    weights = torch.log(counts / (len(scores) * chance)).to(scores.dtype)
    own = targets[:, None]
    weighted = (scores + weights).scatter_add(1, own, -weights[own])
    return functional.cross_entropy(weighted.float(), targets)


class InBatch:
    """A `loop.Learner` of `Towers` on histories `items`, those of user u in starts[u] … starts[u + 1], oldest first.

    A choice is predicted from at most `longest` events before it, weighted by `decay` to their age, from the codes of
    the user's profile (users, columns), and from the features of the moment (events, features). For `id_dropout` of
    the items of a batch that have content the id is hidden, so that content learns to place an item alone (Volkovs et
    al. 2017, "DropoutNet"); the past of `strangers` of the choices is hidden, and so are profile and moment of as many.
    A batch has `batch` choices. Without `in_order` the events of every user are shuffled anew in each epoch, so that
    what is learned is what goes together, whatever came first. With `held_out` the last item of some users is kept from
    training for `validate`.
    """

    def __init__(
        self, network: Towers, items: np.ndarray, starts: np.ndarray, profiles: np.ndarray, context: np.ndarray, *,
        longest: int, decay: float, id_dropout: float, strangers: float, batch: int, in_order: bool,
        held_out: bool, seed: int,
    ) -> None:  # fmt: skip
        self.network: nn.Module = network
        self.towers, self.items, self.starts = network, items, starts
        self.profiles, self.context = profiles, context
        self.longest, self.decay, self.batch = longest, decay, batch
        self.id_dropout, self.strangers, self.in_order = id_dropout, strangers, in_order
        self.places = np.arange(len(items))  # what stands where, in the order of this epoch
        self.users = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        self.asked = held_out_users(starts, seed) if held_out else np.empty(0, np.int64)
        self.learned = np.delete(np.arange(len(items)), starts[self.asked + 1] - 1)
        counts = np.bincount(items[self.learned], minlength=network.items.content.labels.shape[0])
        self.chance = counts / counts.sum()

    def batches(self, rng: np.random.Generator) -> Sequence[tuple[np.ndarray, np.random.Generator]]:
        """The choices of each batch, and what draws the dropouts in it."""
        if not self.in_order:
            last = np.zeros(len(self.places), bool)
            last[self.starts[self.asked + 1] - 1] = True
            self.places = np.lexsort((rng.random(len(last)), last, self.users))
        order = rng.permutation(self.learned)
        parts = np.split(order, np.arange(self.batch, len(order), self.batch))
        return list(zip(parts, rng.spawn(len(parts)), strict=True))

    def loss(self, batch: tuple[np.ndarray, np.random.Generator]) -> tuple[Tensor, int]:
        """The mean `in_batch_softmax` of the choices of a batch."""
        events, rng = batch
        columns, targets = self._distinct(self._items_at(events))
        counts = np.bincount(targets)
        hidden = [rng.random(len(events)) < self.strangers for _ in range(3)]
        of_items = self.towers.items(columns, self._with_id(columns, rng))
        users, items = sharpened(self._users(events, hidden, rng), of_items, self.towers.temperature)
        place = users.device
        facts = (torch.from_numpy(each.astype(np.float32)).to(place) for each in (counts, self.chance[columns]))
        return in_batch_softmax(users @ items.T, torch.from_numpy(targets).to(place), *facts), len(events)

    def _items_at(self, places: np.ndarray) -> np.ndarray:
        return self.items[self.places[places]]

    def _distinct(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As np.unique with the inverse, without a sort."""
        there = np.zeros(len(self.chance), bool)
        there[items] = True
        return np.flatnonzero(there), (np.cumsum(there) - 1)[items]

    def _with_id(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return (rng.random(len(rows)) >= self.id_dropout) | ~self.towers.items.content.known[rows]

    def _users(
        self, events: np.ndarray, hidden: Sequence[np.ndarray] | None, rng: np.random.Generator | None
    ) -> Tensor:  # fmt: skip
        """Outputs of the user tower before each of `events`; `hidden`: whose past, profile and moment."""
        users = self.users[events]
        whole = events - self.starts[users]
        profiles, context = self.profiles[users], self.context[self.places[events]]
        if hidden is not None:
            whole = np.where(hidden[0], 0, whole)
            profiles = np.where(hidden[1][:, None], 0, profiles)
            context = np.where(hidden[2][:, None], 0, context)
        lengths = np.minimum(whole, self.longest)
        rows, places = self._distinct(self._items_at(runs(events - lengths, lengths)))
        with_id = np.ones(len(rows), bool) if rng is None else self._with_id(rows, rng)
        history = pooled(self.towers.items(rows, with_id), places, lengths, decayed(lengths, self.decay))
        place = history.device
        told = (whole, profiles.astype(np.int64), context.astype(np.float32))
        return self.towers.users(history, *(torch.from_numpy(each).to(place) for each in told))

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """NDCG at 10 of the items held out, after what came before them in time, which is hidden."""
        if not len(self.asked):
            return {}
        self.places = np.arange(len(self.items))  # another order in each epoch would move the curve by itself
        everything = np.arange(len(self.chance))
        vectors, gains = self.towers.items(everything, np.ones(len(everything), bool)), []
        unknown = torch.from_numpy(self.chance == 0).to(device())
        for rows in np.array_split(self.asked, max(1, len(self.asked) // 200)):
            events = self.starts[rows + 1] - 1
            users, items = sharpened(self._users(events, None, None), vectors, self.towers.temperature)
            scores = (users @ items.T).float().masked_fill(unknown, -torch.inf)
            answers = rows_on_device(self._items_at(events))
            whole = events - self.starts[rows]
            seen = np.repeat(np.arange(len(rows)), whole), self._items_at(runs(self.starts[rows], whole))
            gains.append(ndcg_of(scores, answers, seen))
        return {NDCG: float(torch.cat(gains).mean())}
