"""The state of a training in one file, written after an epoch whole or not at all, read back by the same training."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from avrec_lib.errors import DataError
from avrec_lib.paths import replacing

FORMAT = 1


@dataclass
class State:
    """What goes on from epoch to epoch: weights and their best, the optimiser, and the rows of the curves."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    average: dict[str, Tensor]
    best: dict[str, Tensor]
    epoch: int = 0
    steps: int = 0
    best_value: float | None = None
    first_loss: float | None = None
    waited: int = 0
    seconds: float = 0.0
    targets: int = 0
    rows: list[tuple] = field(default_factory=list)


@dataclass(frozen=True)
class Checkpoint:
    """The file of one training; `configuration` is all that makes it this one: options, data, seed."""

    file: Path
    configuration: dict[str, Any]

    @classmethod
    def of(cls, configuration: dict[str, Any], folder: Path) -> Self:
        """The file in `folder` that is named after `configuration`."""
        name = hashlib.sha256(json.dumps(configuration, sort_keys=True, default=str).encode()).hexdigest()[:16]
        return cls(folder / f"training-{name}.safetensors", configuration)

    def write(self, state: State) -> None:
        """Replace the file by `state`."""
        from safetensors.torch import save_file

        optimiser = state.optimiser.state_dict()["state"]
        tensors = {f"network.{name}": value for name, value in state.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in state.average.items()}
        tensors |= {f"best.{name}": value for name, value in state.best.items()}
        tensors |= {
            f"optimiser.{place}.{name}": value for place, own in optimiser.items() for name, value in own.items()
        }
        said = {
            "format": FORMAT, "configuration": self.configuration, "epoch": state.epoch, "steps": state.steps,
            "waited": state.waited, "best_value": state.best_value,
            "first_loss": state.first_loss, "seconds": state.seconds, "targets": state.targets,
            "rows": state.rows,
        }  # fmt: skip
        self.file.parent.mkdir(parents=True, exist_ok=True)
        whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        with replacing(self.file) as beside:
            save_file(whole, beside, {"state": json.dumps(said | {"sha256": _digest(whole)})})

    def read_into(self, state: State) -> None:
        """Take up what `write` left, if anything is there.

        Raises DataError for a damaged file, and for one of another configuration.
        """
        from safetensors import SafetensorError, safe_open

        if not self.file.exists():
            return
        try:
            with safe_open(self.file, "pt", device="cpu") as file:
                said = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
            self._check(said)
            if said["sha256"] != _digest(tensors):
                raise ValueError("its checksum differs")
            state.network.load_state_dict(_part(tensors, "network"))
            own = _part(tensors, "optimiser")
            loaded = state.optimiser.state_dict()
            loaded["state"] = {}
            for name, value in own.items():
                place, key = name.split(".")
                loaded["state"].setdefault(int(place), {})[key] = value
            state.optimiser.load_state_dict(loaded)
            device = next(state.network.parameters()).device
            state.average = {name: value.to(device) for name, value in _part(tensors, "average").items()}
            state.best = {name: value.to(device) for name, value in _part(tensors, "best").items()}
            for name in ("epoch", "steps", "waited", "targets"):
                setattr(state, name, int(said[name]))
            state.best_value, state.first_loss = said["best_value"], said["first_loss"]
            state.seconds = float(said["seconds"])
            state.rows = [tuple(row) for row in said["rows"]]
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise DataError(
                "The checkpoint {file} cannot be read: {error}.", hint="Remove it to train from the beginning.",
                file=self.file, error=error,
            ) from error  # fmt: skip

    def _check(self, said: dict[str, Any]) -> None:
        theirs, ours = said["configuration"], json.loads(json.dumps(self.configuration))
        if said["format"] != FORMAT or theirs != ours:
            differing = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
            raise DataError(
                "The checkpoint {file} is of another training: it differs in {names}.",
                hint="Remove it to train from the beginning, or name another folder.", file=self.file,
                names=", ".join(f"{name} ({theirs.get(name)}, now {ours.get(name)})" for name in differing) or "format",
            )  # fmt: skip


def _digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of all numbers, by name."""
    told = hashlib.sha256()
    for name in sorted(tensors):
        told.update(name.encode() + tensors[name].numpy().tobytes())
    return told.hexdigest()


def _part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
