"""Cross entropy of the next item over all items, or over a sample of them with what the sampling bends put right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Loss = Literal["softmax", "sampled softmax", "gBCE"]
LOSSES: tuple[Loss, ...] = get_args(Loss)
MOST_ITEMS = 20_000  # up to which the softmax over all of them is affordable, and better


@dataclass(frozen=True)
class PopularitySample:
    """Draws `negatives` items with replacement by their `shares` (items,) of all choices.

    `log_chance` (items,) is ln of the expected number of times that an item is drawn, at least 1e-12: what a sampled
    softmax takes off the scores of drawn items (logQ).
    """

    shares: Tensor
    log_chance: Tensor
    negatives: int

    @classmethod
    def of(cls, counts: np.ndarray, negatives: int, device: torch.device) -> Self:
        """From how often each item was chosen, (items,)."""
        shares = torch.from_numpy(counts / max(counts.sum(), 1)).float().to(device)
        return cls(shares, (shares * negatives).clamp(min=1e-12).log(), negatives)

    def draw(self) -> Tensor:
        """Items (negatives,) int64, by the random numbers of torch."""
        return torch.multinomial(self.shares, self.negatives, replacement=True)


def full_softmax(states: Tensor, targets: Tensor, items: Tensor, smoothing: float = 0.0) -> Tensor:
    """−ln softmax(states · itemsᵀ)[target], the mean over `states` (tokens, width); `items` is (items, width).

    Minus the mean log-likelihood of what came next: to minimise it is maximum likelihood.
    """
    return functional.cross_entropy((states @ items.T).float(), targets, label_smoothing=smoothing)


def sampled_softmax(states: Tensor, targets: Tensor, items: Tensor, sample: Tensor, log_chance: Tensor) -> Tensor:
    """Softmax over each target and the items of `sample` (n,), whose scores are less ln of their chance to be there.

    `log_chance` (items,) is ln of the expected number of times that an item is drawn. Drawn items so corrected stand
    for all items but the target, and the gradient nears that of the full softmax as n grows (Bengio and Senécal 2008).
    The target is there for certain, so its own score stays as it is, and drawn again it is no negative of itself. Of
    Khrylchenko et al. 2025, "Correcting the LogQ correction", this alone is taken, not the weight that they give each
    target by how unsure the model is of it.
    """
    positive = (states * items[targets]).sum(1, keepdim=True)
    negative = states @ items[sample].T - log_chance[sample]
    negative = negative.masked_fill(sample[None] == targets[:, None], -torch.inf)
    scores = torch.cat([positive, negative], dim=1).float()
    return functional.cross_entropy(scores, torch.zeros(len(states), dtype=torch.int64, device=states.device))


def gbce(states: Tensor, targets: Tensor, items: Tensor, sample: Tensor, calibration: float = 0.75) -> Tensor:
    """Generalised binary cross entropy −ln σ(s⁺)^β − Σ ln(1 − σ(s⁻)), the mean over targets (Petrov, Macdonald 2023).

    β = α (t (1 − 1/α) + 1/α) with the share α = n / (items − 1) of items that are drawn and t = `calibration`: t = 1
    undoes the overconfidence of few negatives, t = 0 is plain binary cross entropy. `sample` (n,) is drawn evenly.
    """
    share = len(sample) / max(len(items) - 1, 1)
    beta = share * (calibration * (1 - 1 / share) + 1 / share)
    positive = (states * items[targets]).sum(1).double()
    negative = (states @ items[sample].T).masked_fill(sample[None] == targets[:, None], -torch.inf).float()
    return (-beta * functional.logsigmoid(positive) + functional.softplus(negative).sum(1)).mean().float()
