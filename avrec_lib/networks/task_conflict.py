"""Do tasks pull what they share the same way? The angles between their gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from avrec_lib.errors import UsageError
from avrec_lib.networks.task_learner import TaskLearner


def gradient_cosines(learner: TaskLearner, batches: Sequence[np.ndarray]) -> np.ndarray:
    """cos(g_s, g_t) = g_s · g_t / (|g_s| |g_t|) over the shared weights, for the losses of any two tasks in a batch.

    (batches, tasks, tasks), NaN where a task has no gradient, as without a known label. Below 0 a step for one task is
    a step against the other (Yu et al. 2020, "Gradient surgery for multi-task learning", definition 1). The network is
    taken as it is, without dropout. Raises UsageError where nothing is shared.
    """
    network = learner.network
    shared = network.shared()
    if not shared:
        raise UsageError(
            "Tasks of the architecture {name} share nothing, so there is no conflict to measure.",
            hint="Take MMoE, or a shared bottom.", name=network.architecture,
        )  # fmt: skip
    network.eval()
    found = [_cosines(learner.task_losses(batch), shared) for batch in batches]
    tasks = network.sizes.tasks
    return np.stack(found) if found else np.empty((0, tasks, tasks))


def _cosines(losses: torch.Tensor, shared: list[torch.nn.Parameter]) -> np.ndarray:
    rows = []
    for loss in losses:
        parts = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([part.flatten() for part in parts]))
    gradients = torch.stack(rows).double()
    lengths = gradients.norm(dim=1, keepdim=True)
    turned = gradients / lengths.where(lengths > 0, torch.nan)
    return (turned @ turned.T).cpu().numpy()
