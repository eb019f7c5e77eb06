"""The experiments by name, so that one command runs each of them whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
    from avrec_lib.calibrate.off_policy import coverage

    return {"coverage": coverage(size, seed=seed, workers=workers)}


def _refusals(size: int, seed: int, workers: int) -> Tables:
    from avrec_lib.calibrate.refusals import refusals

    return {"refusals": refusals(size, seed=seed, workers=workers)}


def _errors(size: int, seed: int, workers: int) -> Tables:
    from avrec_lib.calibrate.off_policy_errors import errors

    return {
        "digits": errors(size, "digits", seed=seed, workers=workers),
        "synthetic": errors(size, "synthetic", seed=seed, workers=workers),
    }


def _ab_tests(name: str) -> Run:
    def run(size: int, seed: int, workers: int) -> Tables:
        from avrec_lib.calibrate import ab_tests

        return {name: getattr(ab_tests, name)(size, seed)}

    return run


def _interleaving(size: int, seed: int, workers: int) -> Tables:
    from avrec_lib.calibrate.interleaving import gain_over_ab, no_preference

    return {"no_preference": no_preference(size, seed), "gain_over_ab": gain_over_ab(size, seed)}


def _bridge(size: int, seed: int, workers: int) -> Tables:
    from avrec_lib.calibrate.bridge import bridge, bridge_of, gap_of, target_of

    table = bridge(size, seed, workers)
    return {"methods": bridge_of(table), "off-policy": target_of(table), "gap": gap_of(table)}


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
    "ab-level": Experiment(
        "A/A tests: how often is an effect found that is not there, at the end and with daily peeking?", 10_000,
        _ab_tests("level"),
    ),
    "ab-power": Experiment(
        "What share of the fixed test's finds does the sequential test make, read daily?", 10_000, _ab_tests("power")
    ),
    "ab-cuped": Experiment(
        "Does CUPED keep the level, and cut the variance by the squared correlation?", 10_000, _ab_tests("cuped")
    ),
    "ab-assignment": Experiment(
        "How often is a broken assignment caught, and a sound one accused?", 10_000, _ab_tests("broken_assignment")
    ),
    "bridge": Experiment(
        "From offline to online: how often does each offline method name the better policy, and how far is it off?",
        1000, _bridge,
    ),
    "interleaving": Experiment(
        "Does interleaving see no preference where there is none, and the winner at the size that it predicts?", 10_000,
        _interleaving,
    ),
}  # fmt: skip


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
