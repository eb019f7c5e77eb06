"""The search behind tuning: propose options, judge them window by window, give up early, remember every trial."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl

from avrec_lib.data.dataset import fingerprint, hash_text
from avrec_lib.data.split import Split
from avrec_lib.errors import AvrecError, DataError
from avrec_lib.evaluate.ranking import RankingMetric
from avrec_lib.evaluate.trial import known_values, run_trial
from avrec_lib.models.search_space import OneOf, Range, Real, Whole
from avrec_lib.progress import Meter
from avrec_lib.training.tunable import Tunable, same_value
from avrec_lib.training.tuning_store import CHECKSUM, TuningStore, checksum

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial


@dataclass(frozen=True)
class Judge:
    """What options are worth: the mean of `metric` at `k` over the queries of all `splits`."""

    splits: Sequence[Split]
    metric: RankingMetric
    k: int
    seed: int
    items: pl.DataFrame | None
    users: pl.DataFrame | None = None

    def values(self, tunable: Tunable, options: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
        """`schema.Values` of each split in turn. Raises the AvrecError of a model that cannot have `options`."""
        seed = None if "seed" in tunable.fixed or "seed" in tunable.space else self.seed
        for split in self.splits:
            trial = run_trial(tunable.model(options), split, self.k, self.items, seed, self.users)
            yield known_values([trial], k=[self.k], metrics=[self.metric])

    def identity(self) -> dict[str, Any]:
        """Plain values that say what is asked: when they change, old trials answer another question."""
        tables = [{"seen": one.seen.lazy(), "queries": one.queries.lazy()} for one in self.splits]
        return {
            "splits": [one.fingerprints() | {"more": fingerprint(more)}
                       for one, more in zip(self.splits, tables, strict=True)],
            "protocols": [one.protocol | {"window": one.window, "exclude_seen": one.exclude_seen}
                          for one in self.splits],
            "candidates": [None if one.candidates is None else hash_text(" ".join(one.candidates.sort()))
                           for one in self.splits],
            "items": None if self.items is None else fingerprint({"items": self.items.lazy()}),
            "users": None if self.users is None else fingerprint({"users": self.users.lazy()}),
            "metric": self.metric, "k": self.k, "seed": self.seed,
        }  # fmt: skip


class Search:
    """One model's trials: those of the store first, then new ones up to `budget`.

    The trial of a number depends on the trials before it, the seed and nothing else, so a search that was broken off
    goes on as if it had not been.
    """

    def __init__(
        self, tunable: Tunable, judge: Judge, budget: int, seconds: float | None, store: TuningStore | None
    ) -> None:
        import optuna

        self.tunable, self.judge, self.store, self.seconds = tunable, judge, store, seconds
        self.budget = budget if tunable.space else 1
        identity = json.dumps([tunable.identity(), judge.identity()], sort_keys=True, default=str)
        self.study_name = f"{hash_text(identity):016x}"
        self.kept: dict[int, pl.DataFrame] = {}
        with quiet():
            pruner = optuna.pruners.MedianPruner()
            self.study: Study = optuna.create_study(direction="maximize", pruner=pruner)
            self.journal = None if store is None else store.study(self.study_name)
            if self.journal is not None:
                self.study.add_trials(self.journal.trials[: self.budget])

    @property
    def trials(self) -> list[FrozenTrial]:
        """Those that have ended, in order."""
        return self.study.get_trials(deepcopy=False)

    @property
    def best(self) -> FrozenTrial | None:
        """The complete trial with the highest value, the earliest of equals; None where none is complete."""
        complete = [trial for trial in self.trials if trial.state.name == "COMPLETE"]
        return max(complete, key=lambda trial: (trial.value, -trial.number), default=None)

    def run(self, shown: Meter) -> None:
        """Try options until the budget is used: its trials, or its seconds, but the default in any case."""
        with quiet():
            while len(self.trials) < self.budget and not self._time_is_up():
                done = shown.done
                self._try_one(shown)
                shown.advance(done + 1 - shown.done)

    def values_of(self, number: int) -> pl.DataFrame:
        """`schema.Values` of a complete trial: remembered, read from the store, or measured again."""
        if number not in self.kept:
            value = self.trials[number].value
            stored = None if self.store is None else self.store.values(self.study_name, number)
            options = options_of(self.trials[number])
            if stored is None or not math.isclose(_mean(stored) or 0.0, cast(float, value), abs_tol=1e-9):
                stored = pl.concat(self.judge.values(self.tunable, options))
            self.kept[number] = stored
        return self.kept[number]

    def _time_is_up(self) -> bool:
        used = sum(trial.user_attrs["seconds"] for trial in self.trials)
        return self.seconds is not None and bool(self.trials) and used >= self.seconds

    def _try_one(self, shown: Meter) -> None:
        number, best = len(self.trials), self.best
        trial, options = self._propose(number)
        trial.set_user_attr("options", options)
        start = time.perf_counter()
        before = next((one for one in self.trials[:number] if options_of(one) == options), None)
        if before is not None:
            state, value, reason = _said_before(trial, before)
        else:
            state, value, reason = self._judged(trial, options, best, shown)
        trial.set_user_attr("seconds", time.perf_counter() - start)
        trial.set_user_attr("reason", reason)
        self._finish(trial, state, value)

    def _propose(self, number: int) -> tuple[Trial, dict[str, Any]]:
        from optuna.samplers import TPESampler

        distributions = {name: _distribution(kind) for name, kind in self.tunable.space.items()}
        if number == 0:
            # A default outside the space is tried all the same, but the sampler cannot learn from it.
            inside = self.tunable.starts_inside
            self.study.enqueue_trial(dict(self.tunable.defaults) if inside else {})
            return self.study.ask(distributions if inside else {}), dict(self.tunable.defaults)
        seed = np.random.SeedSequence([self.judge.seed, number]).generate_state(1)
        self.study.sampler = TPESampler(seed=int(seed[0]))
        trial = self.study.ask(distributions)
        return trial, {name: same_value(self.tunable.space[name], value) for name, value in trial.params.items()}

    def _judged(
        self, trial: Trial, options: dict[str, Any], best: FrozenTrial | None, shown: Meter
    ) -> tuple[str, float | None, str]:
        parts: list[pl.DataFrame] = []
        try:
            for part in self.judge.values(self.tunable, options):
                parts.append(part)
                value = _mean(pl.concat(parts))
                if value is None:
                    raise DataError("No query of the validation has a value of {metric}.", metric=self.judge.metric)
                trial.report(value, step=len(parts) - 1)
                shown.advance(1 / len(self.judge.splits))
                if len(parts) < len(self.judge.splits) and trial.should_prune():
                    return "PRUNED", None, ""
        except AvrecError as error:
            return "FAIL", None, error.text("en")
        values = pl.concat(parts)
        if trial.number == 0 or best is None or cast(float, value) > cast(float, best.value):
            self.kept = {number: kept for number, kept in self.kept.items() if number == 0}
            self.kept[trial.number] = values
            if self.store is not None:
                self.store.keep_values(self.study_name, trial.number, values)
        return "COMPLETE", value, ""

    def _finish(self, trial: Trial, state: str, value: float | None) -> None:
        from optuna.trial import TrialState

        ended = self.study.tell(trial, value, TrialState[state])
        if self.journal is not None:
            ended.set_user_attr(CHECKSUM, checksum(ended))
            self.journal.add_trial(ended)


def options_of(trial: FrozenTrial) -> dict[str, Any]:
    """What was tried, without what is fixed."""
    return cast(dict[str, Any], trial.user_attrs["options"])


def _said_before(trial: Trial, before: FrozenTrial) -> tuple[str, float | None, str]:
    """A small space is soon used up, and the same options have the same value."""
    for step, value in before.intermediate_values.items():
        trial.report(value, step)
    return before.state.name, before.value if before.state.name == "COMPLETE" else None, before.user_attrs["reason"]


def _mean(values: pl.DataFrame) -> float | None:
    return cast(float | None, values["value"].mean())


def _distribution(kind: Range) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match kind:
        case Whole(low, high, log):
            return IntDistribution(low, high, log=log)
        case Real(low, high, log):
            return FloatDistribution(low, high, log=log)
        case OneOf(values):
            return CategoricalDistribution(values)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep optuna from writing to the terminal, and leave its logging as it was."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
