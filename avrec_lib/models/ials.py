"""Matrix factorisation for implicit feedback, learned by `implicit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from avrec_lib.errors import UsageError
from avrec_lib.models.fold_in import FoldIn
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import Real, Space, Whole

if TYPE_CHECKING:
    from implicit.cpu.als import AlternatingLeastSquares


class IALS(MatrixRecommender):
    """Scores x·yᵢ; items y minimise Σ cᵤᵢ (pᵤᵢ − xᵤ·yᵢ)² + λ(Σ‖x‖² + Σ‖y‖²), c = `confidence` for a choice, else 1.

    Hu, Koren and Volinsky 2008, "Collaborative filtering for implicit feedback datasets", by alternating exact least
    squares (package `implicit`). A query's x is solved from its history alone, so a user's later events cannot reach
    it. Items that nobody chose are not ranked, and a query without history gets no list.
    """

    name = "iALS"
    space: ClassVar[Space] = {
        "factors": Whole(16, 128, log=True), "regularisation": Real(0.1, 1000.0, log=True),
        "confidence": Real(1.5, 200.0, log=True), "epochs": Whole(4, 32),
    }  # fmt: skip
    learned = ("item_factors",)

    def __init__(
        self, factors: int = 64, regularisation: float = 50.0, confidence: float = 10.0, epochs: int = 16,
        seed: int = 0,
    ) -> None:  # fmt: skip
        if factors < 1 or epochs < 1 or not regularisation > 0 or not confidence > 1:
            raise UsageError(
                "iALS takes factors and epochs of 1 or more, a regularisation above 0 and a confidence above 1, not "
                "{options}.", options=(factors, epochs, regularisation, confidence),
            )  # fmt: skip
        self.factors, self.epochs, self.seed = int(factors), int(epochs), int(seed)
        self.regularisation, self.confidence = float(regularisation), float(confidence)

    def _learn(self, interactions: Interactions) -> None:
        matrix = interactions.matrix()
        with threadpool_limits(1, "blas"):  # implicit runs a thread a core by itself
            model = self._solver()
            model.fit(matrix, show_progress=False)
        self.item_factors = model.item_factors

    def _solver(self) -> AlternatingLeastSquares:
        from implicit.cpu.als import AlternatingLeastSquares

        with threadpool_limits(1, "blas"):
            return AlternatingLeastSquares(
                factors=self.factors, regularization=self.regularisation, alpha=self.confidence, iterations=self.epochs,
                random_state=self.seed, dtype=np.float32,
                use_cg=False,  # conjugate gradients start from where they are, so row order would change the result
            )  # fmt: skip

    def _prepare(self, items: int) -> None:
        if self.item_factors.shape != (items, self.factors) or not np.isfinite(self.item_factors).all():
            raise ValueError("item_factors do not fit the catalogue")
        self._fold_in = FoldIn(self.item_factors, self.regularisation, self.confidence)

    def _score(self, histories: Histories) -> np.ndarray:
        return self._fold_in.scores(histories)
