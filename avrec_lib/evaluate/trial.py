"""Fit recommenders, ask them everything, note the cost, judge the lists: one trial a model, window and seed."""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from avrec_lib.data.split import Split
from avrec_lib.errors import UsageError
from avrec_lib.evaluate.beyond_accuracy import BeyondAccuracy, answered_share, beyond_accuracy_values
from avrec_lib.evaluate.beyond_inputs import Background
from avrec_lib.evaluate.latency import p95_milliseconds
from avrec_lib.evaluate.lists import Lists, check_k
from avrec_lib.evaluate.media import completion_by_length, repeat_values, watch_values
from avrec_lib.evaluate.memory import peak_memory
from avrec_lib.evaluate.near_duplicates import same_title_values
from avrec_lib.evaluate.ranking import RankingMetric, ranking_values
from avrec_lib.evaluate.watch_time import WatchTimeGain
from avrec_lib.progress import meter
from avrec_lib.protocols import Recommender
from avrec_lib.schema import Ranked, require_columns
from avrec_lib.strings import say


@dataclass(frozen=True)
class Trial:
    """The lists of one model on one split and what they cost: wall seconds, and memory in MiB above the start.

    The memory is that of the process at its most (`peak_memory`), and `p95_milliseconds` what one in twenty single
    requests exceeds, where any were asked (`latency`). `fitted` is the model that answered, where it was to be kept.
    Lists that came from elsewhere have no cost.
    """

    model: str
    split: Split
    ranked: pl.DataFrame
    seed: int = 0
    fit_seconds: float | None = None
    recommend_seconds: float | None = None
    peak_memory_mb: float | None = None
    p95_milliseconds: float | None = None
    fitted: Recommender | None = field(default=None, repr=False)

    @property
    def queries(self) -> pl.DataFrame:
        """The queries of users that are known; all, where the split asks for new users only."""
        known = self.split.warm_queries
        return self.split.queries if known.is_empty() else known

    def lists(self, depth: int) -> Lists:
        """The first `depth` places for `queries`, as `beyond_accuracy` and `media` take them."""
        return Lists.of(self.ranked, self.queries, depth)

    def answered(self, k: int, *, known: bool = True) -> float | None:
        """Share of the queries of known users (or of new ones) that got a full list of `k`; None without queries."""
        queries = self.split.warm_queries if known else self.split.cold_queries
        return answered_share(self.ranked, queries, k)

    def media(self, k: int, items: pl.DataFrame | None = None) -> pl.DataFrame:
        """`schema.Values` of what lists of clips were worth: repeats, the same title again, and where the log has watch
        times what users did with their lists while they were tested (`evaluate.media`).
        """
        split, lists = self.split, self.lists(k)
        named: dict[str, Any] = {"k": k, "model": self.model, "seed": self.seed, "window": split.window}
        parts = [repeat_values(lists, split.seen, **named)]
        if items is not None and "title" in items.columns and items["title"].count():
            parts.append(same_title_values(lists, items, **named))
        if not split.test["watch_seconds"].count():
            return pl.concat(parts)
        timed = items if items is not None and items["duration_seconds"].count() else None
        gain = None if timed is None else WatchTimeGain.fit(split.train, timed)
        hidden = split.seen if split.exclude_seen else None
        return pl.concat([*parts, watch_values(lists, split.test, items=timed, gain=gain, hidden=hidden, **named)])

    def completion_by_length(self, k: int, items: pl.DataFrame) -> pl.DataFrame:
        """How far the clips of the lists were watched in the test, by their length (`media.completion_by_length`)."""
        return completion_by_length(
            self.lists(k), self.split.test, items, k=k, model=self.model, seed=self.seed, window=self.split.window
        )

    def values(self, **options: Any) -> pl.DataFrame:
        """`schema.Values` of these lists; `options` go to `ranking_values`."""
        split = self.split
        return ranking_values(
            self.ranked, split.truth, split.queries, model=self.model, seed=self.seed, window=split.window, **options
        )


def run_trial(
    model: Recommender, split: Split, k: int, items: pl.DataFrame | None = None, seed: int | None = None,
    users: pl.DataFrame | None = None, single_requests: int = 0, keep: bool = False,
) -> Trial:  # fmt: skip
    """Fit a copy of `model` on the training rows of `split` and rank `k` items for each of its queries.

    Seen items are hidden exactly when the truth of the split was made without them. A model that has an option `seed`
    is given `seed`; `users` reach a model whose `fit` names that parameter. `single_requests` are asked one at a time
    afterwards, for the time that one takes. `keep` leaves the fitted model in the trial.
    """
    model = copy.deepcopy(model)  # nothing learned on one window may reach the next
    if seed is not None and hasattr(model, "seed"):
        model.seed = seed
    with peak_memory() as peak:
        start = time.perf_counter()
        _fit(model, split, items, users)
        fitted_at = time.perf_counter()
        candidates = None if split.candidates is None else split.candidates.to_list()
        ranked = model.recommend(split.queries, k, candidates, exclude_seen=split.exclude_seen, seen=split.seen)
        finished = time.perf_counter()
    waited = p95_milliseconds(model, split, k, single_requests, candidates)
    seconds = (fitted_at - start, finished - fitted_at)
    kept = model if keep else None
    return Trial(model.name, split, _as_ranked(ranked), seed or 0, *seconds, peak.mib, waited, kept)


def _fit(
    model: Recommender, split: Split, items: pl.DataFrame | None, users: pl.DataFrame | None
) -> Recommender:  # fmt: skip
    known: dict[str, Any] = {"items": items}
    if users is not None and "users" in inspect.signature(model.fit).parameters:  # a stranger's fit may lack it
        known["users"] = users
    return model.fit(split.train, **known)


def _as_ranked(ranked: pl.DataFrame) -> pl.DataFrame:
    """What a model answered with the columns and types of `schema.Ranked`: a stranger's may differ in both."""
    require_columns(Ranked.column_names(), ranked.columns, Ranked, "ranked")
    return ranked.select(pl.col(name).cast(kind) for name, kind in Ranked.create_empty().schema.items())


def run_trials(
    models: Sequence[Recommender], splits: Sequence[Split], k: int, *, seeds: Sequence[int] = (0,),
    items: pl.DataFrame | None = None, users: pl.DataFrame | None = None, single_requests: int = 0, keep: bool = False,
) -> list[Trial]:  # fmt: skip
    """Every model on every split (`run_trial`); a model with an option `seed` once for each of `seeds`, others once.

    Raises UsageError when two models have the same name: their values could not be told apart.
    """
    check_k(k)  # before anything is trained
    _refuse_namesakes([model.name for model in models])
    planned = [(model, split, seed) for model in models for split in splits for seed in _seeds_of(model, seeds)]
    trials = []
    with meter(say("Models"), len(planned), say("trials")) as shown:
        for model, split, seed in planned:
            trials.append(run_trial(model, split, k, items, seed, users, single_requests, keep))
            shown.advance()
    return trials


def run_on_one_training(
    models: Sequence[Recommender], splits: Sequence[Split], k: int, *, items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None,
) -> list[Trial]:  # fmt: skip
    """Every model fitted once, on the training rows that all `splits` share, and asked the queries of each.

    For splits that differ in what is told of their users (`data.first_choices`). No cost is noted. Raises UsageError
    when two models have the same name, or the training rows are not the same.
    """
    check_k(k)
    _refuse_namesakes([model.name for model in models])
    if any(split.train is not splits[0].train for split in splits):
        raise UsageError("Splits to be asked after one training must share their training rows.")
    trials = []
    with meter(say("Models"), len(models), say("trials")) as shown:
        for model in models:
            known = fitted(model, splits[0], items, users)
            for split in splits:
                candidates = None if split.candidates is None else split.candidates.to_list()
                ranked = known.recommend(split.queries, k, candidates, exclude_seen=split.exclude_seen, seen=split.seen)
                trials.append(Trial(model.name, split, _as_ranked(ranked)))
            shown.advance()
    return trials


def _refuse_namesakes(names: list[str]) -> None:
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(
            "Two models are named {name}.", hint="Give each a name of its own.", name=", ".join(sorted(twice))
        )


def _seeds_of(model: Recommender, seeds: Sequence[int]) -> Sequence[int]:
    return seeds if hasattr(model, "seed") else seeds[:1]


def known_values(trials: Sequence[Trial], **options: Any) -> pl.DataFrame:
    """`schema.Values` of `trials` for the users that are known; of all where the split asks for new users only."""
    splits = {id(one.split): one.split for one in trials}
    return known_and_new(pl.concat(one.values(**options) for one in trials), list(splits.values()))[0]


def beyond_accuracy_of(trials: Sequence[Trial], k: int, items: pl.DataFrame | None = None) -> list[BeyondAccuracy]:
    """What the lists of each trial's `queries` do besides hitting (`beyond_accuracy_values`).

    What depends on the split alone (popularity, histories, the catalogue) is worked out once for all models on it.
    """
    backgrounds: dict[int, Background] = {}
    looks = []
    for trial in trials:
        split = trial.split
        if id(split) not in backgrounds:
            backgrounds[id(split)] = Background.of(
                trial.queries, split.train, items, split.truth, catalogue=split.candidates,
                exclude_seen=split.exclude_seen,
            )  # fmt: skip
        looks.append(
            beyond_accuracy_values(
                trial.lists(k), k=k, model=trial.model, background=backgrounds[id(split)], seed=trial.seed,
                window=split.window,
            )
        )  # fmt: skip
    return looks


def fitted(
    model: Recommender, split: Split, items: pl.DataFrame | None = None, users: pl.DataFrame | None = None
) -> Recommender:  # fmt: skip
    """A copy of `model` that has learned from the training rows of `split`."""
    return _fit(copy.deepcopy(model), split, items, users)


def judged_by(
    model: Recommender, metric: RankingMetric, k: int, items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None,
) -> Callable[[Sequence[Split]], pl.DataFrame]:  # fmt: skip
    """A function that fits `model` on splits and judges it (`schema.Values`): what `protocol_card` calls again."""

    def judge(splits: Sequence[Split]) -> pl.DataFrame:
        return known_values(
            [run_trial(model, split, k, items, users=users) for split in splits], k=[k], metrics=[metric]
        )

    return judge


def lists_by_model(trials: Sequence[Trial]) -> dict[str, pl.DataFrame]:
    """The lists of each model over all its windows and seeds, their queries told apart: what `protocol_card` reads."""
    of_models: dict[str, list[pl.DataFrame]] = {}
    for trial in trials:
        place = pl.format("{} {} {}", "query_id", pl.lit(trial.split.window), pl.lit(trial.seed))
        of_models.setdefault(trial.model, []).append(trial.ranked.with_columns(query_id=place))
    return {model: pl.concat(lists, how="vertical_relaxed") for model, lists in of_models.items()}


def all_lists(trials: Sequence[Trial]) -> pl.DataFrame:
    """The lists of all trials: `schema.Ranked` with model, seed and window."""
    return pl.concat(
        trial.ranked.with_columns(
            model=pl.lit(trial.model), seed=pl.lit(trial.seed, dtype=pl.Int64),
            window=pl.lit(trial.split.window, dtype=pl.Int32),
        ) for trial in trials
    )  # fmt: skip


def known_and_new(values: pl.DataFrame, splits: Sequence[Split]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`values` of queries whose users are known, and of the others; where all are new, all stand in the first."""
    known, new = (
        values.join(all_queries(splits, known=side), on=["window", "query_id"], how="semi", maintain_order="left")
        for side in (True, False)
    )
    return (new, known) if known.is_empty() else (known, new)


def all_queries(splits: Sequence[Split], *, known: bool = True) -> pl.DataFrame:
    """Columns window and query_id of the queries whose users training knows, or of the others: joins to values."""
    return pl.concat(
        (split.warm_queries if known else split.cold_queries).select(
            "query_id", window=pl.lit(split.window, dtype=pl.Int32)
        ) for split in splits
    )  # fmt: skip
