"""A network learned over the candidates of other models, in place of trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
import torch

from avrec_lib.errors import UsageError
from avrec_lib.models.candidate_features import Candidates
from avrec_lib.models.candidate_ranker import FACTS, CandidateRanker, Taught
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import OneOf, Real, Space, Whole
from avrec_lib.networks.candidate_order import CandidateLists, CandidateNetwork, standardised, statistics
from avrec_lib.networks.flat_weights import flat_weights, with_weights
from avrec_lib.networks.loop import Plan, plan_of, train
from avrec_lib.networks.options import check_whole
from avrec_lib.networks.precision import Precision
from avrec_lib.networks.threads import device, rows_on_device, threads


class NetworkRanker(CandidateRanker):
    """A deep model on top of out-of-fold scores: two layers over what `sources` and `candidate_features` say.

    `LearnedRanker` with a network in place of its trees; how the scores come to be out of fold stands in
    `CandidateRanker`. Features are standardised by the mean and deviation that they have among the questions; one that
    is unknown (NaN) is 0, and a second input tells so. The loss is a softmax over the candidates of a query, ListNet's
    top-one loss (Cao et al. 2007). `embedding` is the width of a vector of the candidate's own (0: none). Training
    stops after `patience` epochs that were no better for the 15 % of the users who are held out, and keeps the best;
    without it, all users are learned from for `epochs` epochs. `curves` tells how it went (None: it did not).

    Learning takes about as long as the sources and an epoch of (pairs · hidden²) multiplications, three times over.
    """

    learned = ("weights", "shift", "scale", *FACTS)
    curves: pl.DataFrame | None = None
    space: ClassVar[Space] = {
        "hidden": Whole(16, 128, log=True),
        "dropout": Real(0.0, 0.5),
        "learning_rate": Real(3e-4, 1e-2, log=True),
        "weight_decay": Real(1e-3, 1.0, log=True),
        "embedding": OneOf(0, 8, 16),
    }

    def __init__(
        self, sources: Sequence[MatrixRecommender], candidates: int = 60, questions: int = 8, hidden: int = 64,
        dropout: float = 0.2, embedding: int = 0, epochs: int = 40, batch: int = 8192, learning_rate: float = 2e-3,
        weight_decay: float = 0.01, patience: int | None = 6, repeats: bool = False, precision: Precision = "auto",
        seed: int = 0, threads: int | None = None, name: str = "deep ranker",
    ) -> None:  # fmt: skip
        self.sources, self.repeats, self.name = list(sources), bool(repeats), name
        self.candidates, self.questions, self.hidden, self.embedding = candidates, questions, hidden, embedding
        self.dropout, self.learning_rate, self.weight_decay = float(dropout), float(learning_rate), float(weight_decay)
        self.epochs, self.batch, self.patience = epochs, batch, patience
        self.precision, self.seed, self.threads = precision, int(seed), threads
        check_whole(candidates=candidates, questions=questions, hidden=hidden)
        check_whole(0, embedding=embedding)
        if not self.sources or not 0 <= dropout < 1:
            raise UsageError(
                "A deep ranker takes one source or more and a dropout from 0, below 1, not {options}.",
                options=(len(self.sources), dropout),
            )
        self._plan()  # refuses what cannot be

    def _plan(self) -> Plan:
        return plan_of(self)

    def _network(self, features: int, items: int) -> CandidateNetwork:
        return CandidateNetwork(features, self.hidden, self.dropout, items, self.embedding)

    def _learn_order(self, taught: Taught | None) -> None:
        self.curves = None
        self.weights = self.shift = self.scale = np.empty(0, np.float32)
        if taught is None:
            return
        found = taught.found
        self.shift, self.scale = statistics(found.features)
        inputs = standardised(found.features, self.shift, self.scale)
        torch.manual_seed(self.seed)
        network = self._network(len(self.shift), taught.catalogue)
        learner = CandidateLists(
            network, inputs, found.items, found.rows, taught.is_answer, taught.users, batch=self.batch,
            held_out=self.patience is not None, seed=self.seed,
        )  # fmt: skip
        self.curves = train(learner, self._plan(), self.name)
        self.weights = flat_weights(network)

    def _prepare(self, items: int) -> None:
        super()._prepare(items)
        if self.shift.shape != self.scale.shape or not (np.isfinite(self.shift) & (self.scale > 0)).all():
            raise ValueError("means and deviations of the features do not fit each other")
        is_trained = len(self.shift) > 0
        self._trained = with_weights(self._network(len(self.shift), items), self.weights) if is_trained else None

    def _trained_scores(self, found: Candidates) -> np.ndarray | None:
        if self._trained is None:
            return None
        inputs = torch.from_numpy(standardised(found.features, self.shift, self.scale)).to(device())
        items = rows_on_device(found.items)
        with torch.inference_mode(), threads(self.threads):
            return self._trained(inputs, items).float().cpu().numpy()
