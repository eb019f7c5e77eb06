"""The weights of a network as one array, the form in which a model keeps them."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from avrec_lib.networks.threads import device

Network = TypeVar("Network", bound=nn.Module)


def flat_weights(network: nn.Module) -> np.ndarray:
    """All parameters end to end, float32."""
    return parameters_to_vector(network.parameters()).detach().cpu().numpy()


def with_weights(network: Network, weights: np.ndarray) -> Network:
    """`network` with `weights` in place of its own, on its device, to be asked; ValueError when they do not fit."""
    size = sum(each.numel() for each in network.parameters())
    if weights.shape != (size,) or not np.isfinite(weights).all():
        raise ValueError(f"weights are not the {size} numbers of this network")
    vector_to_parameters(torch.from_numpy(np.array(weights, np.float32)), network.parameters())
    return network.to(device()).eval()
