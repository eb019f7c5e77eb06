"""Matrix factorisation that learns from pairs, one chosen and one not, by `implicit`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from avrec_lib.errors import UsageError
from avrec_lib.models.fold_in import FoldIn
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import Real, Space, Whole

_CONFIDENCE = 10.0


class BPR(MatrixRecommender):
    """Scores x·yᵢ; items y maximise Σ ln σ(xᵤ·yᵢ − xᵤ·yⱼ) − λ(‖x‖² + ‖y‖²) over choices i of u and j of others alone.

    The last factor of y is the bias of the item. Rendle et al. 2009, "BPR: Bayesian personalized ranking from implicit
    feedback", by stochastic gradient ascent (package `implicit`, in one thread, so that the same `seed` gives the same
    factors). The x that training finds is not used: it would know the later events of the user of a query. Each query's
    x is solved from its history alone by the least squares of iALS over y, bias included, with a confidence of 10 and
    `history_regularisation`. Items that nobody chose are not ranked, and a query without history gets no list.
    """

    name = "BPR"
    space: ClassVar[Space] = {
        "factors": Whole(16, 128, log=True),
        "learning_rate": Real(0.003, 0.1, log=True),
        "regularisation": Real(0.001, 0.1, log=True),
        "epochs": Whole(20, 150),
        "history_regularisation": Real(1.0, 500.0, log=True),
    }
    learned = ("item_factors",)

    def __init__(
        self, factors: int = 64, learning_rate: float = 0.01, regularisation: float = 0.01, epochs: int = 100,
        history_regularisation: float = 50.0, seed: int = 0,
    ) -> None:  # fmt: skip
        rates = learning_rate > 0 and regularisation >= 0 and history_regularisation > 0
        if factors < 1 or epochs < 1 or not rates:
            raise UsageError(
                "BPR takes factors and epochs of 1 or more, a learning_rate and a history_regularisation above 0 and a "
                "regularisation of 0 or more, not {options}.",
                options=(factors, epochs, learning_rate, history_regularisation, regularisation),
            )  # fmt: skip
        self.factors, self.epochs, self.seed = int(factors), int(epochs), int(seed)
        self.learning_rate, self.regularisation = float(learning_rate), float(regularisation)
        self.history_regularisation = float(history_regularisation)

    def _learn(self, interactions: Interactions) -> None:
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        model = BayesianPersonalizedRanking(
            factors=self.factors, learning_rate=self.learning_rate, regularization=self.regularisation,
            iterations=self.epochs, random_state=self.seed, num_threads=1,
        )  # fmt: skip
        model.fit(interactions.matrix(), show_progress=False)
        self.item_factors = model.item_factors

    def _prepare(self, items: int) -> None:
        if self.item_factors.shape != (items, self.factors + 1) or not np.isfinite(self.item_factors).all():
            raise ValueError("item_factors do not fit the catalogue")
        self._fold_in = FoldIn(self.item_factors, self.history_regularisation, _CONFIDENCE)

    def _score(self, histories: Histories) -> np.ndarray:
        return self._fold_in.scores(histories)
