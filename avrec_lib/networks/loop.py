"""The training loop: epochs, weights averaged on the way, early stop, checkpoints, and what can go wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.networks.checkpoint import Checkpoint, State
from avrec_lib.networks.curves import curves
from avrec_lib.networks.options import check_whole
from avrec_lib.networks.precision import PRECISIONS, Precision, autocast
from avrec_lib.networks.threads import device, threads
from avrec_lib.progress import meter
from avrec_lib.strings import say

WORSE = 2  # times the loss of the first step, before anything was learned, are not what training is for


class Learner(Protocol):
    """What can be trained: a network, the batches of an epoch, the loss of one, and how good it is by now."""

    @property
    def network(self) -> nn.Module:
        """What is trained, in place."""
        ...

    def batches(self, rng: np.random.Generator) -> Sequence[Any]:
        """The batches of one epoch, in the order in which they are learned from."""
        ...

    def loss(self, batch: Any) -> tuple[Tensor, int]:
        """The mean loss of a batch, and over how many targets."""
        ...

    def validate(self) -> dict[str, float]:
        """Curves on what is held out, the first of which decides (higher is better); empty where nothing is."""
        ...


@dataclass(frozen=True)
class Plan:
    """How to train. `batch` is the size of a batch as the learner counts it.

    The rate rises over `warm_up` epochs, then stays, or with `decays` falls to 0 in a half cosine over `epochs`. With
    `averaging` the weights that are kept are a moving average of those of each step, with this factor (Polyak and
    Juditsky 1992), which does for a constant rate what its fall does. Training ends after `patience` epochs without a
    better validation value and keeps the weights of the best; without patience it keeps those of the last epoch.
    """

    epochs: int = 100
    batch: int = 4096
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warm_up: float = 1.0
    decays: bool = True
    averaging: float = 0.0
    clip: float = 1.0
    patience: int | None = None
    precision: Precision = "auto"
    threads: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        whole = {"epochs": 1, "batch": 1, "patience": 1, "threads": 1, "seed": 0}
        for name, least in whole.items():
            value = getattr(self, name)
            if value is None and name in ("patience", "threads"):
                continue
            check_whole(least, **{name: value})
        if not (self.learning_rate > 0 and self.clip > 0 and self.weight_decay >= 0 and self.warm_up >= 0):
            raise UsageError(
                "Training takes a learning_rate and a clip above 0, a weight_decay and a warm_up of 0 or more, not "
                "{options}.", options=(self.learning_rate, self.clip, self.weight_decay, self.warm_up),
            )  # fmt: skip
        if not 0 <= self.averaging < 1:
            raise UsageError("averaging must be from 0, below 1, but is {averaging}.", averaging=self.averaging)
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)


def plan_of(model: object) -> Plan:
    """How to train a model: those of its attributes that are named like the fields of `Plan`, else the defaults.

    Raises UsageError for what cannot be.
    """
    return Plan(**{each.name: getattr(model, each.name) for each in fields(Plan) if hasattr(model, each.name)})


def train(learner: Learner, plan: Plan, name: str, checkpoint: Checkpoint | None = None) -> pl.DataFrame:
    """Train `learner.network` in place; the curves (`networks.curves`) of train loss, gradient norm and validation.

    Every epoch draws from the seed and its number alone, so what a `checkpoint` takes up after a kill goes on as if
    nothing had happened: the same curve, the same weights. Raises UsageError when the loss is no number any more or far
    above that of the first step, and when there is no memory for a batch; DataError for a checkpoint that is damaged or
    of another configuration.
    """
    with threads(plan.threads):
        torch.manual_seed(plan.seed)
        network = learner.network.to(device())
        state = _begin(network, plan)
        if checkpoint is not None:
            checkpoint.read_into(state)
        with meter(say("Training {model}", model=name), plan.epochs - state.epoch, say("epochs")) as shown:
            while state.epoch < plan.epochs and (plan.patience is None or state.waited < plan.patience):
                began = time.perf_counter()
                loss, norm = _epoch(learner, state, plan, name)
                state.epoch += 1
                measured = {"train loss": loss, "gradient norm": norm, **_validated(learner, state, plan)}
                state.seconds += time.perf_counter() - began
                state.rows += [
                    (state.epoch, curve, value, state.seconds, state.targets) for curve, value in measured.items()
                ]
                if checkpoint is not None:
                    checkpoint.write(state)
                shown.advance()
        network.load_state_dict(state.best)
        network.eval()
    return curves(state.rows)


def _begin(network: nn.Module, plan: Plan) -> State:
    decayed = [each for each in network.parameters() if each.ndim > 1]
    others = [each for each in network.parameters() if each.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": plan.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW([group for group in groups if group["params"]], lr=plan.learning_rate)
    weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
    return State(network, optimiser, weights, dict(weights))


def _epoch(learner: Learner, state: State, plan: Plan, name: str) -> tuple[float, float]:
    """One pass over the batches; the mean loss a target, and the mean norm of the gradients."""
    rng = np.random.default_rng([plan.seed, state.epoch])
    torch.manual_seed(int(rng.integers(2**63)))
    state.network.train()
    batches = learner.batches(rng)
    total, norms, targets = 0.0, 0.0, 0
    place = device()
    for step, batch in enumerate(batches):
        _set_rate(state, plan, state.epoch + step / len(batches))
        try:
            with autocast(plan.precision, place):
                loss, count = learner.loss(batch)
            state.optimiser.zero_grad(set_to_none=True)
            loss.backward()
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            raise UsageError(
                "There is no memory for a batch of {batch} in training {model}.", hint="Set batch={less}.",
                batch=plan.batch, less=max(plan.batch // 2, 1), model=name,
            ) from error  # fmt: skip
        value = float(loss.detach())
        norm = _clipped(learner, plan.clip)
        if not math.isfinite(value) or not math.isfinite(norm):
            raise UsageError(
                "The loss of {model} is {value} in epoch {epoch}, step {step}: training has diverged and is stopped.",
                hint="Lower learning_rate (it is {rate:g}), and look for extreme values among the features.",
                model=name, value=value, epoch=state.epoch + 1, step=step + 1, rate=plan.learning_rate,
            )  # fmt: skip
        state.optimiser.step()
        _average(state, plan)
        total, norms, targets = total + value * count, norms + norm, targets + count
        if state.first_loss is None:
            state.first_loss = value
    state.targets += targets
    mean = total / max(targets, 1)
    if mean > WORSE * abs(state.first_loss or 0.0) + 1:
        raise UsageError(
            "The loss of {model} rises, from {first:.3g} at the first step to {value:.3g} in epoch {epoch}: training "
            "has diverged and is stopped.", hint="Lower learning_rate (it is {rate:g}).",
            model=name, first=state.first_loss, value=mean, epoch=state.epoch + 1, rate=plan.learning_rate,
        )  # fmt: skip
    return mean, norms / max(len(batches), 1)


def _clipped(learner: Learner, most: float) -> float:
    """The norm of all gradients; they are scaled to a norm of at most `most` all at once, or each group by itself where
    the learner has `clip_groups`: lists of gradients."""
    groups = learner.clip_groups() if hasattr(learner, "clip_groups") else []
    if not groups:
        return float(nn.utils.clip_grad_norm_(learner.network.parameters(), most))
    norms = [torch.stack([each.norm() for each in gradients]).norm() for gradients in groups]
    for norm, gradients in zip(norms, groups, strict=True):
        for each in gradients:
            each.mul_((most / (norm + 1e-6)).clamp(max=1))
    return float(torch.stack(norms).norm())


def _set_rate(state: State, plan: Plan, epoch: float) -> None:
    rise = min(1.0, (epoch + 1e-2) / plan.warm_up) if plan.warm_up > 0 else 1.0
    left = (plan.epochs - epoch) / max(plan.epochs - plan.warm_up, 1e-9)
    fall = 0.5 * (1 - math.cos(math.pi * min(left, 1.0))) if plan.decays else 1.0
    for group in state.optimiser.param_groups:
        group["lr"] = plan.learning_rate * rise * fall


@torch.no_grad()
def _average(state: State, plan: Plan) -> None:
    state.steps += 1
    if plan.averaging:
        factor = min(plan.averaging, state.steps / (state.steps + 10))  # the first weights were drawn by lot
        for name, value in state.network.state_dict().items():
            state.average[name].lerp_(value, 1 - factor)


@torch.no_grad()
def _validated(learner: Learner, state: State, plan: Plan) -> dict[str, float]:
    """The validation curves of the weights that would be kept; notes the best of them."""
    trained = {name: value.detach().clone() for name, value in state.network.state_dict().items()}
    kept = {name: value.clone() for name, value in state.average.items()} if plan.averaging else trained
    state.network.load_state_dict(kept)
    state.network.eval()
    found = learner.validate() if plan.patience is not None else {}
    state.network.load_state_dict(trained)
    value = next(iter(found.values()), None)
    if value is None or state.best_value is None or value > state.best_value:
        state.best, state.best_value, state.waited = kept, value, 0
    else:
        state.waited += 1
    return found


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in text or (
        "not enough memory" in text
    )  # fmt: skip
