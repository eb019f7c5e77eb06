"""A product of user and item vectors and a deep network over both, added up in one score for each pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from avrec_lib.networks.next_item import NextItems, Run
from avrec_lib.networks.packing import Packed, packed, runs
from avrec_lib.networks.threads import device, rows_on_device

Branches = Literal["both", "CF", "deep"]
BRANCHES: tuple[Branches, ...] = get_args(Branches)
PairLoss = Literal["sampled softmax", "binary cross entropy"]
PAIR_LOSSES: tuple[PairLoss, ...] = get_args(PairLoss)
PAIRS = 2**16  # of a user and an item that are scored at a time: 8 MiB at 32 units of the first layer
NEVER = -1e9  # a score that no choice has; finite, so that a batch in which no negative is left has a gradient


class Side(NamedTuple):
    """What one side, users or items, brings to a pair: (rows, width), (rows, hidden) and (rows,)."""

    product: Tensor
    layer: Tensor
    bias: Tensor

    def rows(self, places: Tensor | slice) -> Side:
        """Some rows of it."""
        return Side(self.product[places], self.layer[places], self.bias[places])


class PairNetwork(nn.Module):
    """Score(u, j) = bⱼ + Σ h ∘ pᵤ ∘ qⱼ + MLP(xᵤ, yⱼ, labels of j): the two branches of He et al. 2017, added up.

    Each branch has its own vectors, side by side in one table for histories and one for items. The vector of a user is
    Σ decayᵃ · e / √Σ decay²ᵃ over the events of the history, a = 0 for the last: the user side of SVD++ (Koren 2008)
    and FISM (Kabbur et al. 2013), whose 1/√n it is at decay 1. The first layer of the MLP is linear in its inputs, so
    what users and items add to it is computed once for each of them, and a pair costs only their sum and what lies
    above: width + hidden²/2 + hidden/2 multiplications. Labels of item j are `label_columns` between `label_starts[j]`
    and the next; their vectors' mean joins the first layer.
    """

    label_columns: Tensor
    label_starts: Tensor

    def __init__(
        self, items: int, width: int, hidden: int, branches: Branches, decay: float, dropout: float,
        label_columns: np.ndarray, label_starts: np.ndarray,
    ) -> None:  # fmt: skip
        super().__init__()
        self.decay = decay
        self.of_product = 0 if branches == "deep" else width
        self.of_layer = 0 if branches == "CF" else width
        vectors = self.of_product + self.of_layer
        self.past, self.items = nn.Embedding(items, vectors), nn.Embedding(items, vectors)
        for table in (self.past, self.items):
            nn.init.normal_(table.weight, std=width**-0.5)
        self.bias = nn.Parameter(torch.zeros(items))
        self.dropout = nn.Dropout(dropout)
        if self.of_product:
            self.weights = nn.Parameter(torch.ones(width))
        if self.of_layer:
            self.of_user, self.of_item = nn.Linear(width, hidden), nn.Linear(width, hidden, bias=False)
            self.upper = nn.Sequential(
                nn.ReLU(), nn.Linear(hidden, hidden // 2), nn.ReLU(),
                nn.Linear(hidden // 2, 1, bias=False),
            )  # fmt: skip
            labels = int(label_columns.max(initial=-1)) + 1
            self.labels = nn.EmbeddingBag(labels, hidden, mode="mean") if labels else None
        self.register_buffer("label_columns", torch.from_numpy(label_columns.astype(np.int64)), persistent=False)
        self.register_buffer("label_starts", torch.from_numpy(label_starts.astype(np.int64)), persistent=False)

    def forward(self, sequences: Packed) -> Tensor:
        """The vectors of users after each token, (tokens, vectors of both branches)."""
        grid, longest = sequences.grid(), sequences.longest
        x = self.dropout(self.past(sequences.tokens))
        padded = x.new_zeros(len(sequences) * longest, x.shape[1]).index_copy(0, grid, x)
        places = torch.arange(longest, device=x.device)
        weights = (self.decay ** (places[:, None] - places).clamp(min=0)).tril().to(x.dtype)
        weights = weights / weights.square().sum(1, keepdim=True).sqrt()
        return (weights @ padded.view(len(sequences), longest, -1)).flatten(0, 1)[grid]

    def user_side(self, states: Tensor) -> Side:
        """Of users by their vectors, as `forward` makes them."""
        product, x = states.split([self.of_product, self.of_layer], dim=1)
        return Side(
            product * self.weights if self.of_product else product,
            self.of_user(x) if self.of_layer else x,
            states.new_zeros(len(states)),
        )

    def item_side(self) -> Side:
        """Of all items of the catalogue."""
        product, x = self.items.weight.split([self.of_product, self.of_layer], dim=1)
        if self.of_layer:
            x = self.of_item(self.dropout(x))
            if self.labels is not None:
                x = x + self.labels(self.label_columns, self.label_starts[:-1])
        return Side(product, x, self.bias)

    def of_pairs(self, users: Side, items: Side) -> Tensor:
        """Scores of row and row: (rows,)."""
        scores = users.bias + items.bias + (users.product * items.product).sum(1)
        return scores + self.upper(users.layer + items.layer).squeeze(-1) if self.of_layer else scores

    def of_all(self, users: Side, items: Side) -> Tensor:
        """Scores of every user with every item: (users, items)."""
        scores = users.bias[:, None] + items.bias + users.product @ items.product.T
        if self.of_layer:
            scores = scores + self.upper(users.layer[:, None] + items.layer).squeeze(-1)
        return scores

    @torch.no_grad()
    def forget(self, unknown: np.ndarray) -> None:
        """Make the vectors of some items 0, bool (items,): nothing was learned of them."""
        self.items.weight[torch.from_numpy(unknown).to(self.items.weight.device)] = 0

    def known(self) -> Tensor:
        """Which items something was learned of, bool (items,)."""
        return self.items.weight.any(dim=1)

    def scores(self, sequences: Packed) -> Iterator[Tensor]:
        """Of all items after the last token of each sequence, some users at a time: blocks (users, items) float32.

        At most PAIRS pairs are open at a time; of a larger catalogue some items after the others.
        """
        items = self.item_side()
        count = len(items.bias)
        users = self.user_side(self(sequences)[sequences.last()])
        step, reach = max(1, PAIRS // count), min(count, PAIRS)
        for start in range(0, len(sequences), step):
            some = users.rows(slice(start, start + step))
            parts = [self.of_all(some, items.rows(slice(at, at + reach))) for at in range(0, count, reach)]
            yield torch.cat(parts, dim=1).float()


class PairsInTime(NextItems):
    """A learner (`loop.Learner`) of pairs: the user as of just before each event, with its item and with others.

    The history of a target is what came before it in its run. Where `in_order` is false the events of each user are
    shuffled anew every epoch, so that it is some of the others, whatever came first. `negatives` items are drawn for a
    whole batch: evenly for binary cross entropy −ln σ(s⁺) − Σ ln(1 − σ(s⁻)), and by frequency for the softmax. There
    all scores, that of the target too, are less ln of the expected number of draws of their item (Yi et al. 2019,
    "Sampling-bias-corrected neural modeling"). With the target's left as it is, the product alone reached an NDCG@10 of
    .104 instead of .112 on the validation choices of MovieLens-100K.
    """

    network: PairNetwork  # type: ignore[assignment]

    def __init__(
        self, network: PairNetwork, items: np.ndarray, starts: np.ndarray, *, longest: int, batch: int, loss: PairLoss,
        negatives: int, in_order: bool, held_out: bool, seed: int,
    ) -> None:  # fmt: skip
        super().__init__(
            network,  # type: ignore[arg-type]  # all that is asked of it there is its table of items
            items, starts, longest=longest, batch=batch, loss="softmax", negatives=negatives, held_out=held_out,
            seed=seed,
        )  # fmt: skip
        self.pair_loss, self.in_order, self.told = loss, in_order, items

    def batches(self, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
        """First place and length of the runs of each batch."""
        if not self.in_order:
            lots = rng.random(len(self.sequence))
            lots[self.ends[self.asked]] = 2  # what is held out stays where it is
            users = np.repeat(np.arange(len(self.starts)), np.diff(np.append(self.starts, len(lots))))
            self.told = self.sequence[np.lexsort((lots, users))]
        return super().batches(rng)

    def loss(self, batch: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, int]:
        """Mean loss of the targets of a batch of runs."""
        run = self._run(*batch)
        users, items = self.network.user_side(self.network(run.inputs)), self.network.item_side()
        positive = self.network.of_pairs(users, items.rows(run.targets)).float()
        if self.pair_loss == "sampled softmax":
            sample = self.popular.draw()
        else:
            sample = torch.randint(len(items.bias), (self.negatives,), device=items.bias.device)
        negative = self.network.of_all(users, items.rows(sample)).float()
        if self.pair_loss == "sampled softmax":
            chance = self.popular.log_chance
            positive, negative = positive - chance[run.targets], negative - chance[sample]
        negative = negative.masked_fill(sample == run.targets[:, None], NEVER)  # the target is no negative of it
        if self.pair_loss == "sampled softmax":
            value = functional.softplus(torch.logsumexp(negative, 1) - positive).mean()
        else:
            value = (functional.softplus(-positive) + functional.softplus(negative).sum(1)).mean()
        return value, len(run.targets)

    def _run(self, first: np.ndarray, lengths: np.ndarray) -> Run:
        places = runs(first, lengths)
        targets = rows_on_device(self.told[places + 1])
        return Run(packed(self.told[places], lengths, device()), targets)

    def _scores(self, inputs: Packed) -> Tensor:
        return torch.cat(list(self.network.scores(inputs)))
