"""The experiments by name, so that one command runs each of them whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

import polars as pl

from avrec_lib.errors import UsageError, unknown_name

Tables = Mapping[str, pl.DataFrame]
Run = Callable[[int, int, int], Tables]


@dataclass(frozen=True)
class Experiment:
    """What is asked, how many worlds (or logs, or tests) make a whole one, and who answers."""

    question: str
    size: int
    run: Run


def _coverage(size: int, seed: int, workers: int) -> Tables:
    table = import_module("avrec_lib.calibrate.off_policy").coverage(size, seed=seed, workers=workers)
    return {"coverage": table}


def _refusals(size: int, seed: int, workers: int) -> Tables:
    return {"refusals": import_module("avrec_lib.calibrate.refusals").refusals(size, seed=seed, workers=workers)}


def _errors(size: int, seed: int, workers: int) -> Tables:
    errors = import_module("avrec_lib.calibrate.off_policy_errors").errors
    return {data: errors(size, data, seed=seed, workers=workers) for data in ("digits", "synthetic")}


EXPERIMENTS: dict[str, Experiment] = {
    "off-policy-coverage": Experiment(
        "How many 95 % intervals of off-policy values hold the truth, in worlds with support?", 1000, _coverage
    ),
    "off-policy-refusals": Experiment(
        "As support is taken away: how many logs are refused, and how many of the answers are right?", 500, _refusals
    ),
    "off-policy-errors": Experiment(
        "How far are off-policy estimates from the truth, on digits as a bandit and on simulated logs?", 100, _errors
    ),
}


def experiment(name: str) -> Experiment:
    """The experiment of this name; raises UsageError with the nearest one when there is none."""
    if name not in EXPERIMENTS:
        raise unknown_name("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]


def run_experiment(name: str, size: int | None = None, *, seed: int = 0, workers: int = 1) -> Tables:
    """The tables of an experiment by name. Raises UsageError for an unknown one or a size below 1."""
    chosen = experiment(name)
    if size is not None and size < 1:
        raise UsageError("size is a number from 1 upwards, but it is {size}.", size=size)
    return chosen.run(chosen.size if size is None else size, seed, workers)
