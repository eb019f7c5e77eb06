"""Choosing options on validation: the same budget for every model, never below the defaults, to be taken up again.

What is chosen is the best of many on the same users, so its value on validation flatters it: by how much only rows that
nobody chose on can say. The value of the defaults stands beside it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from avrec_lib.data.split import Split
from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.evaluate.compare import paired_difference, summarise
from avrec_lib.evaluate.lists import check_k
from avrec_lib.evaluate.ranking import METRICS, RankingMetric
from avrec_lib.models.search_space import Space
from avrec_lib.progress import meter
from avrec_lib.protocols import Recommender
from avrec_lib.strings import say
from avrec_lib.training.search import Judge, Search, options_of
from avrec_lib.training.tunable import Maker, Tunable
from avrec_lib.training.tuning_store import opened

__all__ = ["Tuning", "tune", "tune_all", "tuning_table"]

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


@dataclass(frozen=True, eq=False)
class Tuning:
    """What tuning of one model found on validation.

    `options` are the best ones with all that was fixed, None when every trial failed. `trials` has the columns number
    (0 is the default), options (JSON), value (the mean over the windows done, null for a failed one), state (complete,
    pruned, failed), windows (done), seconds, reason (of a failure). `values` and `default_values` are the
    `schema.Values` of the best and of the default trial, empty where that failed.
    """

    model: str
    metric: RankingMetric
    k: int
    options: dict[str, Any] | None
    trials: pl.DataFrame
    values: pl.DataFrame
    default_values: pl.DataFrame
    tunable: Tunable

    @property
    def value(self) -> float | None:
        """The mean of `metric` at `k` on validation with the best options; None when every trial failed."""
        return self.interval()[0]

    @property
    def default_value(self) -> float | None:
        """The same with the options the model has when nobody chooses."""
        return self.interval(default=True)[0]

    def interval(self, *, default: bool = False) -> tuple[float | None, float | None, float | None]:
        """Mean, low and high over users (`compare.summarise`) of the best trial, or of the `default` one."""
        values = self.default_values if default else self.values
        if values.is_empty():
            return None, None, None
        row = summarise(values).row(0, named=True)
        return row["value"], row["low"], row["high"]

    def gain(self) -> pl.DataFrame | None:
        """Best minus default, paired by query (`compare.paired_difference`); None where either failed.

        The interval covers the draw of users and not the choice among trials: on other rows expect less.
        """
        if self.values.is_empty() or self.default_values.is_empty():
            return None
        return paired_difference(self.default_values, self.values)

    def best_model(self) -> Recommender:
        """An unfitted model with the best options. Raises DataError when every trial failed."""
        if self.options is None:
            raise DataError(
                "No trial of {model} came to an end: {reason}", model=self.model, reason=self.trials["reason"][-1]
            )
        return self.tunable.make(**self.options)


def tune(
    model: Maker, splits: Sequence[Split], *, budget: int, metric: RankingMetric = "ndcg", k: int = 10, seed: int = 0,
    seconds: float | None = None, store: Path | None = None, items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None, space: Space | None = None, fixed: Mapping[str, Any] | None = None,
) -> Tuning:  # fmt: skip
    """Choose the options of `model` (a class, or a function that makes one) on the validation `splits`.

    `budget` trials are made, the first with the defaults; with `seconds` none begins once the trials have taken that
    long together. A model without a `space` (its own, or the one given) has one trial. Options come by lot for the
    first ten trials, then from the tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for
    hyper-parameter optimization") of `optuna`, and a trial whose mean over the first windows lies below the median of
    the others is given up. Options that were tried before are not run again, but count. An AvrecError fails its trial
    only.

    `store` is a folder that keeps each trial when it has ended: the same call takes it up again, also with a larger
    budget. A change of model, space, fixed options, splits, items, metric, k or seed begins anew beside the old
    trials; changed code of the model is not seen. The same seed gives the same trials, unless `seconds` ends them.

    Raises UsageError for a budget below 1, no splits, an unknown argument or metric, a store that is no folder or in
    use; DataError for a damaged store.
    """
    tunable = Tunable.of(model, fixed, space)
    return _tune([tunable], splits, budget, metric, k, seed, seconds, store, items, users)[0]


def tune_all(
    models: Mapping[str, Maker] | Sequence[Maker], splits: Sequence[Split], *, budget: int,
    metric: RankingMetric = "ndcg", k: int = 10, seed: int = 0, seconds: float | None = None,
    store: Path | None = None, items: pl.DataFrame | None = None, users: pl.DataFrame | None = None,
) -> dict[str, Tuning]:  # fmt: skip
    """`tune` each of `models` with the same budget: name (of the mapping, else of the model) -> Tuning.

    Options are fixed by `functools.partial(Model, option=value)`. Raises as `tune`, and UsageError for two models of
    one name.
    """
    makers = list(models.values()) if isinstance(models, Mapping) else list(models)
    tunables = [Tunable.of(make) for make in makers]
    names = list(models) if isinstance(models, Mapping) else [tunable.name for tunable in tunables]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise UsageError(
            "Two models are named {name}.", hint="Give each a name of its own.", name=", ".join(sorted(twice))
        )
    found = _tune(tunables, splits, budget, metric, k, seed, seconds, store, items, users)
    return dict(zip(names, found, strict=True))


def tuning_table(tunings: Mapping[str, Tuning]) -> pl.DataFrame:
    """One row a model: what was tried, what was chosen, and how much that brought on validation.

    Columns model, trials, pruned, failed, seconds, options (chosen, those tuned only), value, low, high, default_value,
    gain, gain_low, gain_high (best minus default, paired by query, interval over users; see `Tuning.gain`). Null where
    a trial failed or nothing varies.
    """
    return pl.DataFrame([_row(name, tuning) for name, tuning in tunings.items()], schema=TABLE)


TABLE = {
    "model": pl.String, "trials": pl.Int64, "pruned": pl.Int64, "failed": pl.Int64, "seconds": pl.Float64,
    "options": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "default_value": pl.Float64,
    "gain": pl.Float64, "gain_low": pl.Float64, "gain_high": pl.Float64,
}  # fmt: skip


def _row(name: str, tuning: Tuning) -> dict[str, Any]:
    states = tuning.trials["state"]
    value, low, high = tuning.interval()
    gain = tuning.gain()
    paired = {} if gain is None else gain.row(0, named=True)
    chosen = {name: (tuning.options or {}).get(name) for name in tuning.tunable.space}
    return {
        "model": name, "trials": len(states), "pruned": (states == "pruned").sum(),
        "failed": (states == "failed").sum(), "seconds": tuning.trials["seconds"].sum(),
        "options": None if tuning.options is None else ", ".join(f"{key}={_short(one)}" for key, one in chosen.items()),
        "value": value, "low": low, "high": high, "default_value": tuning.default_value,
        "gain": paired.get("difference"), "gain_low": paired.get("low"), "gain_high": paired.get("high"),
    }  # fmt: skip


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _tune(
    tunables: Sequence[Tunable], splits: Sequence[Split], budget: int, metric: RankingMetric, k: int, seed: int,
    seconds: float | None, store: Path | None, items: pl.DataFrame | None, users: pl.DataFrame | None,
) -> list[Tuning]:  # fmt: skip
    _check(splits, budget, metric, k, seed, seconds)
    judge = Judge(splits, metric, k, seed, items, users)
    with opened(store) as folder:
        searches = [Search(tunable, judge, budget, seconds, folder) for tunable in tunables]
        left = sum(search.budget - len(search.trials) for search in searches)
        with meter(say("Tuning"), left, say("trials")) as shown:
            for search in searches:
                search.run(shown)
        return [_found(search) for search in searches]


def _check(splits: Sequence[Split], budget: int, metric: str, k: int, seed: int, seconds: float | None) -> None:
    for name, number, least in (("budget", budget, 1), ("seed", seed, 0)):
        if not isinstance(number, int) or isinstance(number, bool) or number < least:
            raise UsageError("{name} is a whole number from {least} up, but is {number}.", name=name, least=least,
                             number=number)  # fmt: skip
    if seconds is not None and not seconds > 0:
        raise UsageError("seconds must be above 0, but is {seconds}.", seconds=seconds)
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    check_k(k)
    if not splits:
        raise UsageError("Tuning needs at least one validation split.", hint="Make them with validation_splits.")
    windows = [split.window for split in splits]
    if len(set(windows)) < len(windows):
        raise UsageError("Two validation splits have the same window number.", hint="Make them with one call.")


def _found(search: Search) -> Tuning:
    tunable, best = search.tunable, search.best
    nothing = pl.DataFrame()
    default_ended = bool(search.trials) and search.trials[0].state.name == "COMPLETE"
    return Tuning(
        tunable.name, search.judge.metric, search.judge.k,
        None if best is None else {**tunable.fixed, **options_of(best)},
        _trials(search),
        nothing if best is None else search.values_of(best.number),
        search.values_of(0) if default_ended else nothing,
        tunable,
    )  # fmt: skip


def _trials(search: Search) -> pl.DataFrame:
    rows = [
        (trial.number, json.dumps(options_of(trial)), None if trial.state.name == "FAIL" else trial.value,
         STATES[trial.state.name], len(trial.intermediate_values), trial.user_attrs["seconds"],
         trial.user_attrs["reason"])
        for trial in search.trials
    ]  # fmt: skip
    columns = {"number": pl.Int64, "options": pl.String, "value": pl.Float64, "state": pl.String, "windows": pl.Int64,
               "seconds": pl.Float64, "reason": pl.String}  # fmt: skip
    return pl.DataFrame(rows, schema=columns, orient="row")
