"""One network for all that may come of an impression: a click, a long view, a like."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
import torch
from torch import nn

from avrec_lib.data.dataset import fingerprint
from avrec_lib.data.facts import Fact
from avrec_lib.data.outcomes import TASKS, USUAL_TASKS, task_outcomes, with_both_answers
from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import SHARED, check_attributes, label_table
from avrec_lib.models.neural_recommender import NeuralRecommender
from avrec_lib.models.search_space import OneOf, Real, Space
from avrec_lib.models.task_tables import choices_on_requests, requests_of, shown_on_requests, with_cuts
from avrec_lib.models.top_k import UNRANKED
from avrec_lib.networks.experts import ARCHITECTURES, ROWS_AT_ONCE, Architecture, Labels, Sizes, TaskNetwork
from avrec_lib.networks.options import check_whole
from avrec_lib.networks.precision import Precision
from avrec_lib.networks.task_learner import (
    BALANCES,
    Balance,
    Impressions,
    Negatives,
    Requests,
    TaskLearner,
    log_odds,
)
from avrec_lib.networks.threads import threads
from avrec_lib.schema import Event, Events, require_columns

CHOICE = "choice"
_NO_BOTH = "Of {task} training knows one answer only (or none), so there is nothing to tell apart: it is left out."
_NO_TASK = (
    "No task can be learned from impressions here, so the network learns choices against items drawn at random: "
    "its one task is named choice."
)


class MultiTask(NeuralRecommender):
    """Multi-gate mixture of experts (Ma et al. 2018, "Modeling task relationships in multi-task learning"), or with
    `architecture` a shared bottom, or a network for each task side by side (`networks.experts`), which have
    nothing in common but the moment when `patience` stops them: train them one by one where each is to stop by itself.

    Learns from impressions what came of each (`data.outcomes`): `tasks` are click, long_view, like, or other events.
    It sees the last `length` choices strictly before the request, each weighing `decay` of the next; the item and its
    labels in `attributes`; hour, weekday and platform. The place in the slate enters as a bias of each task, known in
    training and in `predict`; in ranking it is the mean over training. An unknown hour, weekday, platform or place is
    one of its own where training met unknown ones, otherwise the mean over training. Score of an item = Σ over tasks of
    `task_weights` (1 where it has none) · its log-odds. A query without a history gets no list, and items without label
    that nobody was shown or chose are not ranked.

    Impressions of items that are neither chosen in the log nor in the table of items are left out. A task whose labels
    are all alike is left out, which `facts` says. Where no task is left, as in a log without impressions and always in
    `fit_interactions`, whose rows hold choices only, the one task is "choice": the first choice of an item, after what
    the user chose before it in the order of the log, against `negatives` items drawn alike from all that others chose.
    `balance` is how tasks are weighed in training (`networks.task_learner`): with "mean" a rare outcome, whose loss is
    small, is hardly heard. Raises UsageError for an unknown task.
    """

    learned: ClassVar[tuple[str, ...]] = (
        "weights", "learned_tasks", "label_codes", "label_starts", "platform_names"
    )  # fmt: skip
    space: ClassVar[Space] = {
        "width": OneOf(8, 16, 32, 64), "hidden": OneOf(16, 32, 64), "experts": OneOf(2, 4, 8),
        "dropout": Real(0.0, 0.6), "learning_rate": Real(3e-4, 1e-2, log=True),
        "weight_decay": Real(1e-3, 3.0, log=True), "decay": Real(0.8, 1.0), "balance": OneOf(*BALANCES),
    }  # fmt: skip
    facts: Sequence[Fact] = ()
    _rows: pl.DataFrame | None = None
    _taught: tuple[Requests, Impressions, Negatives | None]

    def __init__(
        self, tasks: Sequence[str] = USUAL_TASKS, architecture: Architecture = "MMoE",
        task_weights: Mapping[str, float] | None = None, balance: Balance = "uncertainty",
        attributes: Sequence[str] = SHARED, width: int = 16, experts: int = 4, hidden: int = 32, length: int = 50,
        decay: float = 0.95, dropout: float = 0.1, negatives: int = 4, epochs: int = 8, batch: int = 2048,
        learning_rate: float = 2e-3, weight_decay: float = 1.0, warm_up: float = 1.0, decays: bool = True,
        averaging: float = 0.0, patience: int | None = None, precision: Precision = "auto", seed: int = 0,
        threads: int | None = None,
    ) -> None:  # fmt: skip
        self.tasks, self.architecture, self.balance = list(dict.fromkeys(tasks)), architecture, balance
        self.task_weights = None if task_weights is None else dict(task_weights)
        for task in self.tasks:
            if task not in TASKS:
                raise unknown_name("task", task, TASKS)
        for task, weight in (self.task_weights or {}).items():
            if task not in (*self.tasks, CHOICE):
                raise unknown_name("task", task, (*self.tasks, CHOICE))
            if not np.isfinite(weight):
                raise UsageError(
                    "The weight of the task {task} is a finite number, but is {weight}.", task=task, weight=weight
                )
        if architecture not in ARCHITECTURES:
            raise unknown_name("architecture", architecture, ARCHITECTURES)
        if balance not in BALANCES:
            raise unknown_name("balance", balance, BALANCES)
        self.attributes = list(check_attributes(attributes))
        self.width, self.experts, self.hidden, self.length = width, experts, hidden, length
        self.decay, self.dropout, self.negatives = float(decay), float(dropout), negatives
        self.epochs, self.batch, self.learning_rate, self.weight_decay = epochs, batch, learning_rate, weight_decay
        self.warm_up, self.decays, self.averaging, self.patience = warm_up, decays, averaging, patience
        self.precision, self.seed, self.threads = precision, seed, threads
        self.name = architecture
        check_whole(width=width, experts=experts, hidden=hidden, length=length, negatives=negatives)
        if not self.tasks or not 0 < decay <= 1 or not 0 <= dropout < 1:
            raise UsageError(
                "A network of several tasks takes one task or more, a decay above 0, up to 1, and a dropout from 0, "
                "below 1, not {options}.", options=(self.tasks, decay, dropout),
            )  # fmt: skip
        self._plan()  # refuses what cannot be

    def fit(self, train: pl.DataFrame, items: pl.DataFrame | None = None, users: pl.DataFrame | None = None) -> Self:
        """Learn from events and the impressions among them, as `MatrixRecommender.fit`; returns itself."""
        interactions = Interactions.of(train, items, users)
        self._rows, facts = self._outcomes(train, items)
        try:
            self.fit_interactions(interactions)
        finally:
            self._rows = None
        self.facts = [*facts, *self.facts]
        return self

    def _outcomes(self, train: pl.DataFrame, items: pl.DataFrame | None) -> tuple[pl.DataFrame | None, Sequence[Fact]]:
        """What came of the impressions that have a request and a time; None where there are none."""
        if not {"event", "request_id", "timestamp"} <= set(train.columns):
            return None, ()
        usable = pl.col("request_id").is_not_null() & pl.col("timestamp").is_not_null()
        if not train.select((usable & (pl.col("event").cast(pl.String) == Event.IMPRESSION.value)).any()).item():
            return None, ()
        found = task_outcomes(train, self.tasks, items=items)
        return found.rows.filter(pl.col("timestamp").is_not_null()), found.facts

    @property
    def task_names(self) -> list[str]:
        """The tasks that were learned, in order: those of `tasks` that the log tells, or choice alone."""
        return [CHOICE if place < 0 else self.tasks[place] for place in self.learned_tasks]

    def _learn(self, interactions: Interactions) -> None:
        rows, self.facts = self._tellable(interactions)
        table, _ = label_table(interactions, self.attributes)
        self.label_codes, self.label_starts = table.indices.astype(np.int32), table.indptr.astype(np.int32)
        names: list[str] = []
        if rows is None:
            self.learned_tasks = np.array([-1])
            self._taught = choices_on_requests(interactions, self.length, self.negatives)
        else:
            names = rows["platform"].drop_nulls().unique().sort().to_list()
            requests, shown, _ = shown_on_requests(interactions, rows, self.task_names, self.length, names)
            self._taught = requests, shown, None
        self.platform_names = np.frombuffer(json.dumps(names).encode(), np.uint8)
        try:
            super()._learn(interactions)
        finally:
            del self._taught

    def _tellable(self, interactions: Interactions) -> tuple[pl.DataFrame | None, list[Fact]]:
        """Rows to learn from and what is to be said of them; names the tasks that have both answers."""
        facts = []
        if self._rows is not None:
            rows = with_cuts(self._rows).join(interactions.item_rows.select("item_id"), on="item_id", how="semi")
            both = with_both_answers(rows, self.tasks)
            told = [task in both for task in self.tasks]
            facts = [
                Fact("one_class", rows.height, None, "amber", _NO_BOTH, {"task": task})
                for task in self.tasks
                if task not in both
            ]
            if any(told):
                self.learned_tasks = np.flatnonzero(told)
                return rows, facts
        return None, [*facts, Fact("no_task", 0, None, "amber", _NO_TASK)]

    def _network(self, items: int) -> TaskNetwork:
        starts, codes = self.label_starts.astype(np.int64), self.label_codes.astype(np.int64)
        platforms = len(json.loads(self.platform_names.tobytes())) + 1
        sizes = Sizes(
            items, int(codes.max(initial=-1)) + 1, platforms, len(self.learned_tasks), self.width, self.experts,
            self.hidden, self.dropout,
        )  # fmt: skip
        return TaskNetwork(self.architecture, sizes, Labels(codes, starts))

    def _learner(self, network: nn.Module, interactions: Interactions) -> TaskLearner:
        assert isinstance(network, TaskNetwork)
        requests, shown, negatives = self._taught
        plan = self._plan()
        learner = TaskLearner(
            network, requests, shown, batch=plan.batch, decay=self.decay, balance=self.balance,
            negatives=negatives, held_out=plan.patience is not None, seed=plan.seed,
        )  # fmt: skip
        if self.balance == "uncertainty":
            learner.weigh_by_rates()
        return learner

    def _finish(self, network: nn.Module, interactions: Interactions) -> None:
        """Unknown ones never met become the mean of those met; embeddings of items that nobody met become 0."""
        assert isinstance(network, TaskNetwork)
        requests, shown, _ = self._taught
        network.fill_unknown(requests.context, shown.places)
        met = np.zeros(len(interactions.item_ids), dtype=bool)
        met[shown.items], met[interactions.past.items] = True, True
        with torch.no_grad():
            for inputs in network.readers():
                weight = inputs.items.weight
                weight[torch.from_numpy(~met).to(weight.device)] = 0

    def _configuration(self, interactions: Interactions) -> dict[str, Any]:
        shown = None if self._rows is None else fingerprint({"impressions": self._rows.lazy()})
        return {**super()._configuration(interactions), "impressions": shown}

    def _prepare(self, items: int) -> None:
        codes, starts, tasks = self.label_codes, self.label_starts, self.learned_tasks
        if starts.shape != (items + 1,) or starts[0] != 0 or starts[-1] != len(codes) or (np.diff(starts) < 0).any():
            raise ValueError("labels do not fit the catalogue")
        if len(codes) and (codes.min() < 0 or len(np.unique(codes)) <= codes.max()):
            raise ValueError("labels are not numbered one after the other")
        if not len(tasks) or not (tasks.tolist() == [-1] or set(tasks.tolist()) <= set(range(len(self.tasks)))):
            raise ValueError("the tasks learned are not those of the options")
        super()._prepare(items)
        assert isinstance(self.network, TaskNetwork)
        known = self.network.readers()[0].items.weight.any(dim=1).cpu().numpy()
        self._ranked_items = known | (np.diff(starts) > 0)

    def _network_scores(self, histories: Histories) -> np.ndarray:
        assert isinstance(self.network, TaskNetwork)
        scores = np.full(histories.shape, UNRANKED, dtype=np.float32)
        known, requests = np.flatnonzero(histories.lengths > 0), requests_of(histories, self.length)
        if not len(known):
            return scores
        weights = torch.tensor([float((self.task_weights or {}).get(task, 1.0)) for task in self.task_names])
        step = max(1, ROWS_AT_ONCE // histories.catalogue)
        for block in (known[start : start + step] for start in range(0, len(known), step)):
            odds = self.network.everywhere(requests.asked(block, self.decay))
            scores[block] = (odds @ weights.to(odds.device)).cpu().numpy()
        scores[:, ~self._ranked_items] = UNRANKED
        return scores

    def predict(self, impressions: pl.DataFrame, events: pl.DataFrame | None = None) -> pl.DataFrame:
        """`impressions` with a column `chance_TASK` for each task: how likely it comes of this impression, null for an
        item outside the catalogue.

        Columns user_id and item_id; timestamp, request_id, position (from 0) and platform where they are known. Of its
        user is known what the training log holds strictly before the first moment of the request, or instead what
        `events` (`schema.Events`) hold by then, so that a log that goes on is read as it goes on.
        """
        require_columns(("user_id", "item_id"), impressions.columns, Events, "impressions")
        interactions = self._fitted()
        if events is not None:
            later = Interactions.of(events)
            rows = later.log.join(later.item_rows, on="item_row", maintain_order="left").drop("item_row")
            rows = rows.join(interactions.item_rows, on="item_id", maintain_order="left")
            interactions = Interactions(interactions.item_ids, rows.select("user_id", "item_row", "timestamp"))
        names = json.loads(self.platform_names.tobytes())
        requests, shown, places = shown_on_requests(interactions, with_cuts(impressions), (), self.length, names)
        assert isinstance(self.network, TaskNetwork)
        with torch.inference_mode(), threads(self.threads):
            odds = log_odds(self.network, requests, shown, np.arange(len(requests)), self.decay)
        chances: dict[str, Any] = {}
        for column, task in enumerate(self.task_names):
            found = np.full(impressions.height, np.nan)
            found[places] = torch.sigmoid(odds[:, column].double()).cpu().numpy()
            chances[f"chance_{task}"] = pl.Series(found).fill_nan(None)
        return impressions.with_columns(**chances)

    def learner_of(self, impressions: pl.DataFrame) -> TaskLearner:
        """What would train the network further on rows with a column of labels for each task (`data.outcomes`)."""
        names = json.loads(self.platform_names.tobytes())
        require_columns(("user_id", "item_id", *self.task_names), impressions.columns, Events, "impressions")
        requests, shown, _ = shown_on_requests(
            self._fitted(), with_cuts(impressions), self.task_names, self.length, names
        )
        assert isinstance(self.network, TaskNetwork)
        return TaskLearner(
            self.network, requests, shown, batch=self.batch, decay=self.decay, balance=self.balance, seed=self.seed
        )
