"""Several tasks learned at once: mixed experts, a shared bottom, or a network for each task, over the same inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Architecture = Literal["MMoE", "shared bottom", "single task"]
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
HOURS, WEEKDAYS = 25, 8  # 0 stands for an unknown one, as in every column of the context
PLACES = 51  # of a slate that are told apart; 0 is unknown, later ones are the last
WIDTH_OF_CONTEXT = 8
ROWS_AT_ONCE = 2**16  # pairs of a request and an item that are scored at a time


@dataclass(frozen=True)
class Sizes:
    """Of a network: its catalogue, `platforms` with the unknown one, `tasks`, the widths of its layers, and dropout.

    `experts` of `hidden` each; a shared bottom and the network of a single task have one layer as wide as all experts.
    """

    items: int
    labels: int
    platforms: int
    tasks: int
    width: int
    experts: int
    hidden: int
    dropout: float


@dataclass(frozen=True)
class Labels:
    """The content labels of each item: those of item i are `codes[starts[i]:starts[i + 1]]`, both int64."""

    codes: np.ndarray
    starts: np.ndarray


@dataclass(frozen=True)
class Asked:
    """Requests: `items` (events,) of their histories end to end, request r from `starts[r]`, with `weights` of each
    event that sum to 1 a request; `lengths` (requests,) float; `context` (requests, 3): hour, weekday, platform."""

    items: Tensor
    starts: Tensor
    weights: Tensor
    lengths: Tensor
    context: Tensor


@dataclass(frozen=True)
class Shown:
    """Items shown on requests, arrays (n,): row of the request, row of the item, and place from 1 (0: unknown)."""

    requests: Tensor
    items: Tensor
    places: Tensor


class Inputs(nn.Module):
    """What is known of a request and an item, as one vector: user u, item v, u · v place by place, and the context.

    v is the embedding of the item and the mean of those of its labels; u the weighted mean of the v of the history.
    """

    codes: Tensor
    starts: Tensor

    def __init__(self, sizes: Sizes, labels: Labels) -> None:
        super().__init__()
        self.items, self.labels = (nn.Embedding(count, sizes.width) for count in (sizes.items, max(sizes.labels, 1)))
        self.hour, self.weekday, self.platform = (
            nn.Embedding(count, WIDTH_OF_CONTEXT) for count in (HOURS, WEEKDAYS, sizes.platforms)
        )
        for each in (self.items, self.labels, *self.context()):
            nn.init.normal_(each.weight, std=0.1)
        self.norm, self.dropout = nn.LayerNorm(3 * sizes.width), nn.Dropout(sizes.dropout)
        # They are data of the model, no weights: kept out of what the loop averages and restores.
        self.register_buffer("codes", torch.from_numpy(labels.codes), persistent=False)
        self.register_buffer("starts", torch.from_numpy(labels.starts[:-1].copy()), persistent=False)
        self.size = 3 * sizes.width + 3 * WIDTH_OF_CONTEXT + 1

    def context(self) -> tuple[nn.Embedding, nn.Embedding, nn.Embedding]:
        """The embeddings of hour, weekday and platform."""
        return self.hour, self.weekday, self.platform

    def catalogue(self) -> Tensor:
        """The vectors of all items, (items, width)."""
        if not len(self.codes):
            return self.items.weight
        return self.items.weight + functional.embedding_bag(self.codes, self.labels.weight, self.starts, mode="mean")

    def users(self, catalogue: Tensor, asked: Asked) -> tuple[Tensor, Tensor]:
        """Of each request the vector of its user (requests, width), and that of its context."""
        # Nothing in half precision: sums over long histories lose too much.
        pooled = functional.embedding_bag(
            asked.items, catalogue, asked.starts, mode="sum", per_sample_weights=asked.weights
        )
        parts = [each(asked.context[:, place]) for place, each in enumerate(self.context())]
        return pooled, torch.cat([*parts, asked.lengths.log1p()[:, None]], 1)

    def pairs(self, users: Tensor, items: Tensor, context: Tensor) -> Tensor:
        """The vectors (…, size) of users and items (…, width) side by side, their context (…, width of it)."""
        # The product of two small vectors is smaller still; the norm lets the layers above see it.
        known = self.norm(torch.cat([users, items, users * items * users.shape[-1] ** 0.5], -1))
        return self.dropout(torch.cat([known, context], -1))


class Experts(nn.Module):
    """Multi-gate mixture of experts (Ma et al. 2018): for task t Σ_e g_te · f_e(x), g_t = softmax(x W_t).

    Each expert f_e is one layer of `hidden` with a ReLU; every task has its own gate over the same experts.
    """

    def __init__(self, size: int, experts: int, hidden: int, tasks: int) -> None:
        super().__init__()
        self.layer, self.gate = nn.Linear(size, experts * hidden), nn.Linear(size, tasks * experts, bias=False)
        self.experts, self.tasks = experts, tasks

    def gates(self, x: Tensor) -> Tensor:
        """How much each task takes from each expert: (n, size) -> (n, tasks, experts), sums of 1 over experts."""
        return self.gate(x).unflatten(1, (self.tasks, self.experts)).softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, size) -> (n, tasks, hidden)."""
        said = functional.relu(self.layer(x)).unflatten(1, (self.experts, -1))
        return self.gates(x) @ said

    def shared(self) -> list[nn.Parameter]:
        """The weights that every task moves: of the experts, not of the gates."""
        return list(self.layer.parameters())


class Bottom(nn.Module):
    """One layer with a ReLU that all tasks share as it is (Caruana 1997)."""

    def __init__(self, size: int, hidden: int, tasks: int) -> None:
        super().__init__()
        self.layer, self.tasks = nn.Linear(size, hidden), tasks

    def forward(self, x: Tensor) -> Tensor:
        """(n, size) -> (n, tasks, hidden)."""
        return functional.relu(self.layer(x))[:, None].expand(-1, self.tasks, -1)

    def shared(self) -> list[nn.Parameter]:
        """The weights that every task moves: all of them."""
        return list(self.parameters())


class TaskNetwork(nn.Module):
    """Log-odds of every task for items shown on requests: inputs, what is shared, and a tower of one layer a task.

    Where a place in the slate is known, a bias of the task for that place is added: what stands on top is clicked more
    because it stands there. "single task" is a whole network for each task, its embeddings too, side by side.
    `log_variances` (tasks,) weigh the losses where they are learned (`task_learner`).
    """

    def __init__(self, architecture: Architecture, sizes: Sizes, labels: Labels) -> None:
        super().__init__()
        self.architecture, self.sizes = architecture, sizes
        whole = sizes.experts * sizes.hidden
        alone = architecture == "single task"
        self.inputs = nn.ModuleList(Inputs(sizes, labels) for _ in range(sizes.tasks if alone else 1))
        size = self.readers()[0].size
        if architecture == "MMoE":
            bodies: list[nn.Module] = [Experts(size, sizes.experts, sizes.hidden, sizes.tasks)]
        elif alone:
            bodies = [Bottom(size, whole, 1) for _ in range(sizes.tasks)]
        else:
            bodies = [Bottom(size, whole, sizes.tasks)]
        self.bodies, self.dropout = nn.ModuleList(bodies), nn.Dropout(sizes.dropout)
        top = sizes.hidden if architecture == "MMoE" else whole
        self.towers = nn.ModuleList(
            nn.Sequential(nn.Linear(top, sizes.hidden), nn.ReLU(), nn.Linear(sizes.hidden, 1))
            for _ in range(sizes.tasks)
        )
        self.places = nn.Embedding(PLACES, sizes.tasks)
        nn.init.zeros_(self.places.weight)
        # A weight so that it is saved with the others; no gradient, as it is what training leaves to ranking.
        self.usual_place = nn.Parameter(torch.zeros(sizes.tasks), requires_grad=False)
        self.log_variances = nn.Parameter(torch.zeros(sizes.tasks))

    def readers(self) -> list[Inputs]:
        """The inputs: those of all tasks, or one for each."""
        return [each for each in self.inputs if isinstance(each, Inputs)]

    def forward(self, asked: Asked, shown: Shown) -> Tensor:
        """Log-odds (n, tasks)."""
        read = []
        for inputs in self.readers():
            catalogue = inputs.catalogue()
            users, context = inputs.users(catalogue, asked)
            read.append(inputs.pairs(users[shown.requests], catalogue[shown.items], context[shown.requests]))
        return self._above(read) + self.places(shown.places)

    def everywhere(self, asked: Asked) -> Tensor:
        """Log-odds of all items on each request, at the mean of all places met: (requests, items, tasks).

        At most `ROWS_AT_ONCE` pairs are open at a time; of a larger catalogue some items after the others.
        """
        catalogues = [inputs.catalogue() for inputs in self.readers()]
        sides = [inputs.users(each, asked) for inputs, each in zip(self.readers(), catalogues, strict=True)]
        reach, parts = max(1, ROWS_AT_ONCE // max(1, len(asked.starts))), []
        for start in range(0, self.sizes.items, reach):
            read = []
            for inputs, catalogue, (users, context) in zip(self.readers(), catalogues, sides, strict=True):
                items = catalogue[start : start + reach]
                shape = len(users), len(items), -1
                pairs = users[:, None].expand(shape), items[None].expand(shape), context[:, None].expand(shape)
                read.append(inputs.pairs(*pairs).flatten(0, 1))
            parts.append(self._above(read).unflatten(0, (len(asked.starts), -1)))
        return torch.cat(parts, 1) + self.usual_place

    def _above(self, read: list[Tensor]) -> Tensor:
        """Inputs (n, size), one or one a task, to log-odds (n, tasks)."""
        states = torch.cat([body(x) for body, x in zip(self.bodies, read, strict=True)], 1)
        states = self.dropout(states)
        return torch.cat([tower(states[:, task]) for task, tower in enumerate(self.towers)], 1).float()

    def shared(self) -> list[nn.Parameter]:
        """The weights that every task moves; none where each task has a network of its own."""
        if self.architecture == "single task":
            return []
        return [*self.inputs.parameters(), *self.bodies[0].shared()]  # type: ignore[operator]

    def gradients_apart(self) -> list[list[Tensor]]:
        """Views of the gradients of each task's own network, a list a task; none where tasks share something."""
        if self.architecture != "single task":
            return []
        groups = []
        for task, parts in enumerate(zip(self.inputs, self.bodies, self.towers, strict=True)):
            own = [each.grad for part in parts for each in part.parameters()]
            common = [each.grad for each in (self.places.weight, self.log_variances)]
            own += [each[..., task] for each in common if each is not None]
            groups.append([each for each in own if each is not None])
        return groups

    @torch.no_grad()
    def fill_unknown(self, context: np.ndarray, places: np.ndarray) -> None:
        """Let the unknown hour, weekday, platform and place be the mean of what training met, each by its frequency,
        where training never met an unknown one; and let `usual_place` be the mean of all places.

        `context` (requests, 3) and `places` (n,) are those of training.
        """
        columns = [
            (each, context[:, place]) for inputs in self.readers() for place, each in enumerate(inputs.context())
        ]
        for embedding, met in [*columns, (self.places, places)]:
            if len(met) and met.all():
                embedding.weight[0] = _mean_met(embedding, met)
        if len(places):
            self.usual_place.copy_(_mean_met(self.places, places))


def _mean_met(embedding: nn.Embedding, met: np.ndarray) -> Tensor:
    counts = np.bincount(met, minlength=embedding.num_embeddings).astype(np.float32)
    return torch.from_numpy(counts / counts.sum()).to(embedding.weight) @ embedding.weight
