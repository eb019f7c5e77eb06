"""What puts candidates in order: a network over what is known of each, and a softmax over those of one query."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from avrec_lib.networks.held_out import NDCG, ndcg_of
from avrec_lib.networks.threads import device, rows_on_device

HELD_OUT_SHARE = 0.15  # of the users
FURTHEST = 6.0  # standard deviations


class CandidateNetwork(nn.Module):
    """A score for each candidate: two layers over its standardised features, and where wanted a vector of its item.

    Inputs are the features and of each whether it is known, which a NaN is not. `width` 0: no vectors of items.
    """

    def __init__(self, features: int, hidden: int, dropout: float, items: int, width: int) -> None:
        super().__init__()
        self.items = nn.Embedding(items, width) if width else None
        if self.items is not None:
            nn.init.normal_(self.items.weight, std=0.05)
        self.layers = nn.Sequential(
            nn.Linear(2 * features + width, hidden), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, inputs: Tensor, items: Tensor) -> Tensor:
        """`inputs` (…, 2 · features) as `standardised` makes them and item rows (…) -> scores (…)."""
        if self.items is not None:
            inputs = torch.cat([inputs, self.items(items)], dim=-1)
        return self.layers(inputs).squeeze(-1)


def statistics(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column over what is known of it (0 and 1 where nothing is), float32.

    `features` (rows, columns), NaN: unknown; an infinite value is as good as none.
    """
    known = np.isfinite(features)
    counts = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, features, 0).astype(np.float64)
    shift = values.sum(axis=0) / counts
    deviation = np.sqrt((np.where(known, values - shift, 0) ** 2).sum(axis=0) / counts)
    return shift.astype(np.float32), np.where(deviation > 1e-6, deviation, 1).astype(np.float32)


def standardised(features: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(rows, columns) -> (rows, 2 · columns) float32: each value less `shift` over `scale`, and whether it is known.

    What is unknown (NaN, infinite) is 0 in both. Values beyond six standard deviations count as six, so that one that
    training has never met does not decide alone.
    """
    known = np.isfinite(features)
    values = np.clip((np.where(known, features, shift) - shift) / scale, -FURTHEST, FURTHEST)
    return np.concatenate([values, known], axis=1, dtype=np.float32)


class CandidateLists:
    """A learner (`loop.Learner`): batches of queries, each with its candidates and the one that was chosen.

    `inputs` (pairs, …) and `items` (pairs,) by query, `rows` the query of each, `is_answer` one true a query, `users`
    who was asked. The loss of a query is −ln softmax(scores)[answer], the top-one loss of ListNet (Cao et al. 2007) for
    a truth of one item. With `held_out` what 15 % of the users were asked is not learned from, but says when to stop.
    """

    def __init__(
        self, network: CandidateNetwork, inputs: np.ndarray, items: np.ndarray, rows: np.ndarray,
        is_answer: np.ndarray, users: np.ndarray, *, batch: int, held_out: bool, seed: int,
    ) -> None:  # fmt: skip
        self.network, self.batch = network, batch
        self.inputs = torch.from_numpy(inputs).to(device())
        self.items = rows_on_device(items)
        first = np.flatnonzero(np.diff(rows, prepend=-1))
        sizes = np.diff(np.append(first, len(rows)))
        places = first[:, None] + np.arange(sizes.max())
        self.exists = torch.from_numpy(np.arange(sizes.max()) < sizes[:, None]).to(device())
        self.places = torch.from_numpy(np.minimum(places, len(rows) - 1)).to(device())
        self.answers = torch.from_numpy(np.flatnonzero(is_answer) - first).to(device())
        self.taught, self.asked = _by_user(users[first], held_out, seed)

    def batches(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Rows of queries, so many that their candidates are about `batch`."""
        queries = max(1, self.batch // self.places.shape[1])
        order = rng.permutation(self.taught)
        return np.array_split(order, max(1, len(order) // queries))

    def loss(self, batch: np.ndarray) -> tuple[Tensor, int]:
        """Mean −ln softmax(scores)[answer] of some queries."""
        rows = rows_on_device(batch)
        return functional.cross_entropy(self._scores(rows), self.answers[rows]), len(batch)

    def _scores(self, rows: Tensor) -> Tensor:
        """(queries, most candidates), −∞ where a query has fewer."""
        places = self.places[rows]
        scores = self.network(self.inputs[places], self.items[places]).float()
        return scores.masked_fill(~self.exists[rows], -torch.inf)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean ln softmax(scores)[answer] and NDCG at 10 of the queries of users held out."""
        if not len(self.asked):
            return {}
        said, gains = [], []
        for some in np.array_split(self.asked, len(self.asked) // 500 + 1):
            rows = rows_on_device(some)
            scores, answers = self._scores(rows), self.answers[rows]
            said.append(-functional.cross_entropy(scores, answers, reduction="none"))
            gains.append(ndcg_of(scores, answers))
        return {"validation log-likelihood": float(torch.cat(said).mean()), NDCG: float(torch.cat(gains).mean())}


def _by_user(users: np.ndarray, held_out: bool, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the queries to learn from, and of those of the users that are held out: at least one of two or more."""
    known = np.unique(users)
    count = int(np.ceil(HELD_OUT_SHARE * len(known))) if held_out and len(known) > 1 else 0
    hidden = np.random.default_rng([seed, 2]).permutation(known)[:count]
    is_hidden = np.isin(users, hidden)
    return np.flatnonzero(~is_hidden), np.flatnonzero(is_hidden)
