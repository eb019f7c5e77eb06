"""Who is compared: the models of the shelf that a log can carry, tuned alike, and the hybrids made of them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.split import Split
from avrec_lib.errors import DataError
from avrec_lib.evaluate.compare import summarise
from avrec_lib.evaluate.trial import Trial, known_values, run_trials
from avrec_lib.models.blend import Blend
from avrec_lib.models.ease import EASE
from avrec_lib.models.learned_ranker import LearnedRanker
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.shelf import from_shelf, hybrid, lacking
from avrec_lib.paths import data_folder
from avrec_lib.training.stacking import stack
from avrec_lib.training.tunable import Maker
from avrec_lib.training.tuning import Tuning, tune_all, tuning_table

__all__ = [
    "able", "bars", "best_models", "champion", "configured", "costs", "curves_of", "held_to", "hybrids", "made",
    "recipe", "tuned", "tuning_table", "unfinished", "unfitted",
]  # fmt: skip

STACKED = 6  # models in a stacked blend: the best on validation
WEIGHTS = 150  # weights of it that are tried
BASELINE = "transitions + EASE"


def able(
    names: Sequence[str], dataset: Dataset, *, max_items: int = 10_000
) -> tuple[dict[str, Maker], dict[str, str]]:  # fmt: skip
    """The makers of `names` that `dataset` can carry, and for the others why not (a template with {model}).

    EASE is held to `max_items`. Raises UsageError for an unknown name, DataError when nobody is left.
    """
    makers = from_shelf(names)
    reasons = {name: lacking(name, dataset) for name in makers}
    left_out = {name: reason for name, reason in reasons.items() if reason is not None}
    found = {name: _held(make, max_items) for name, make in makers.items() if name not in left_out}
    if not found:
        raise DataError("No model of the shelf can work with this log.", hint="Add popularity or EASE to shelf.")
    return found, left_out


def configured(makers: Mapping[str, Maker], **options: Any) -> dict[str, Maker]:
    """`makers` with those of `options` fixed that their models have and that are not None."""
    wanted = {name: value for name, value in options.items() if value is not None}
    return {name: partial(make, **_of(make, wanted)) for name, make in makers.items()}


def made(make: Maker, name: str) -> Any:
    """An unfitted model under its `name` on the shelf."""
    model = make()
    model.name = name
    return model


def held_to(model: Any, epochs: int | None) -> Any:
    """`model` with at most so many epochs for it and all that it is made of; None: as it is."""
    for part in model.all_parts() if epochs is not None else ():
        if hasattr(part, "epochs"):
            part.epochs = min(part.epochs, epochs)
    return model


def unfinished(trials: Sequence[Trial]) -> list[str]:
    """The names of networks that reached their last epoch while `patience` had not run out: still getting better."""
    found = []
    for one in trials:
        told, patience = getattr(one.fitted, "curves", None), getattr(one.fitted, "patience", None)
        if told is None or patience is None:
            continue
        value = told.filter(pl.col("curve").str.starts_with("validation"))
        value = value.filter(pl.col("curve") == pl.col("curve").first())
        best = value["value"].arg_max()
        if value.height == getattr(one.fitted, "epochs", None) and value.height - 1 - (best or 0) < patience:
            found.append(one.model)
    return list(dict.fromkeys(found))


def curves_of(trials: Sequence[Trial]) -> pl.DataFrame:
    """The curves (`networks.curves`) of all networks that `trials` kept, with model, seed and window before them."""
    told = []
    for one in trials:
        own = getattr(one.fitted, "curves", None)
        if own is not None:
            seed, window = pl.lit(one.seed, pl.Int64).alias("seed"), pl.lit(one.split.window, pl.Int32).alias("window")
            told.append(own.select(pl.lit(one.model).alias("model"), seed, window, pl.all()))
    return pl.concat(told) if told else pl.DataFrame()


def tuned(
    makers: Mapping[str, Maker], validation: Sequence[Split], *, budget: int, k: int, seed: int,
    items: pl.DataFrame | None = None, users: pl.DataFrame | None = None,
) -> dict[str, Tuning]:  # fmt: skip
    """`tune_all` with a store in the cache of the data folder, so that what was stopped is taken up again."""
    store = data_folder() / "cache" / "tuning"
    return tune_all(makers, validation, budget=budget, k=k, seed=seed, store=store, items=items, users=users)


def best_models(tunings: Mapping[str, Tuning]) -> list[MatrixRecommender]:
    """The model of each tuning with its best options, under its name on the shelf; without those that always failed."""
    return [made(tuning.best_model, name) for name, tuning in tunings.items() if tuning.options is not None]


def hybrids(
    tunings: Mapping[str, Tuning], validation: Sequence[Split], *, in_order: bool, k: int, seed: int,
    items: pl.DataFrame | None = None, users: pl.DataFrame | None = None, max_items: int = 10_000,
    repeats: bool = False,
) -> list[MatrixRecommender]:  # fmt: skip
    """Transitions + EASE where events have an order, a blend stacked on `validation`, and the learned hybrid."""
    made: list[MatrixRecommender] = []
    if in_order:
        pair = from_shelf([BASELINE])[BASELINE]()
        made.append(_capped(pair, max_items))
    by_value = sorted(best_models(tunings), key=lambda model: -(tunings[model.name].value or 0))
    if len(by_value) > 1:
        made.append(
            stack(by_value[:STACKED], validation, k=k, budget=WEIGHTS, seed=seed, items=items, users=users,
                  name="stacked blend")
        )  # fmt: skip
    return [*made, _capped(hybrid(in_order=in_order, repeats=repeats), max_items)]


def unfitted(models: Sequence[MatrixRecommender]) -> list[MatrixRecommender]:
    """Copies of `models`, which stay as they are when the copies learn."""
    return [copy.deepcopy(model) for model in models]


def recipe(model: MatrixRecommender) -> str:
    """What a hybrid is made of, in a line: weights of a blend, sources of a ranker."""
    if isinstance(model, Blend):
        parts = zip(model.weights, model.models, strict=True)
        return " + ".join(f"{weight:.2f} · {part.name}" for weight, part in parts if weight >= 0.005)
    if isinstance(model, LearnedRanker):
        return f"LambdaRank({', '.join(source.name for source in model.sources)})"
    return model.name


def bars(tunings: Mapping[str, Tuning], made: Sequence[MatrixRecommender]) -> list[str]:
    """Whom a hybrid must beat: the first of the shelf, the best single model on validation, transitions + EASE."""
    best = max(tunings, key=lambda name: tunings[name].value or 0)
    named = [next(iter(tunings)), best, *(model.name for model in made if model.name == BASELINE)]
    return list(dict.fromkeys(named))


def champion(
    tunings: Mapping[str, Tuning], made: Sequence[MatrixRecommender], validation: Sequence[Split], *, k: int,
    seed: int, items: pl.DataFrame | None = None, users: pl.DataFrame | None = None,
) -> str:  # fmt: skip
    """The name of the model with the highest mean NDCG at `k` on `validation`, hybrids asked once."""
    trials = run_trials(made, validation, k, seeds=[seed], items=items, users=users)
    means = summarise(known_values(trials, k=[k], metrics=["ndcg"]), resamples=100).select("model", "value").rows()
    found = dict(means) | {name: tuning.value for name, tuning in tunings.items()}
    return max(found, key=lambda name: found[name] or 0)


def costs(trials: Sequence[Trial]) -> pl.DataFrame:
    """Columns model, learn_seconds, answer_seconds, peak_memory_mb, p95_ms: means over the trials of each model.

    `p95_ms` is null where no single request was asked.
    """
    rows = [(one.model, one.fit_seconds, one.recommend_seconds, one.peak_memory_mb, one.p95_milliseconds)
            for one in trials]  # fmt: skip
    columns = ("learn_seconds", "answer_seconds", "peak_memory_mb", "p95_ms")
    schema = {"model": pl.String, **dict.fromkeys(columns, pl.Float64)}
    return pl.DataFrame(rows, schema, orient="row").group_by("model", maintain_order=True).mean()


def _of(make: Maker, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `options` that `make` takes."""
    known = inspect.signature(make).parameters
    return {name: value for name, value in options.items() if name in known}


def _held(make: Maker, max_items: int) -> Maker:
    of = make.func if isinstance(make, partial) else make
    return partial(make, max_items=max_items) if of is EASE else make


def _capped(model: MatrixRecommender, max_items: int) -> MatrixRecommender:
    for part in model.all_parts():
        if isinstance(part, EASE):
            part.max_items = max_items
    return model
