"""Several recommenders as one: the weighted sum of their scores, brought to one scale query by query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from avrec_lib.errors import UsageError
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.top_k import UNRANKED


class Blend(MatrixRecommender):
    """Score = Σₘ weightₘ · zₘ, z the scores of a model less their mean over the catalogue, in standard deviations.

    Mean and deviation are of each query by itself, so that models of any scale can be added. An item that a model does
    not rank has the lowest score that this model gives; it is ranked when any model ranks it. A model that has nothing
    to say of a query is left out of its sum. Choose `weights` (default: all alike) on validation rows only.
    """

    def __init__(
        self, models: Sequence[MatrixRecommender], weights: Sequence[float] | None = None, name: str | None = None
    ) -> None:
        self.models = list(models)
        self.weights = [1.0] * len(self.models) if weights is None else [float(weight) for weight in weights]
        if not self.models or len(self.weights) != len(self.models) or not np.isfinite(self.weights).all():
            raise UsageError(
                "A blend takes one model or more and a finite weight for each, not {models} models and the weights "
                "{weights}.", models=len(self.models), weights=self.weights,
            )  # fmt: skip
        self.name = name or " + ".join(model.name for model in self.models)

    @property
    def parts(self) -> Sequence[MatrixRecommender]:
        return self.models

    @property
    def seed(self) -> int:
        """The seed of the models that draw numbers, which are given one together; no attribute where none draws."""
        for part in self.models:
            if hasattr(part, "seed"):
                return part.seed
        raise AttributeError(f"no model of {self.name} draws numbers")

    @seed.setter
    def seed(self, seed: int) -> None:
        for part in self.models:
            if hasattr(part, "seed"):
                part.seed = seed

    def _learn(self, interactions: Interactions) -> None:
        for part in self.models:
            part.fit_interactions(interactions)

    def _prepare(self, items: int) -> None:
        """What it learned lies in its parts."""

    def _score(self, histories: Histories) -> np.ndarray:
        total = np.zeros(histories.shape, dtype=np.float32)
        ranked = np.zeros(histories.shape, dtype=bool)
        for (scores, known), weight in zip(scored_alike(self.models, histories), self.weights, strict=True):
            ranked |= known
            total += np.float32(weight) * scores
        total[~ranked] = UNRANKED
        return total


def scored_alike(
    models: Sequence[MatrixRecommender], histories: Histories
) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # fmt: skip
    """Of each model its `standard_scores` (queries, items), and which items it ranks."""
    for model in models:
        scores = model._score(histories)
        known = scores > UNRANKED
        yield standard_scores(scores, known), known


def standard_scores(scores: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Each row less its mean, in its standard deviations; what is not `known` counts as the lowest of its row.

    A row without two different scores is 0. Float32 (rows, columns); `scores` is overwritten.
    """
    lowest = np.where(known, scores, np.inf).min(axis=1, keepdims=True)
    np.copyto(scores, np.where(np.isfinite(lowest), lowest, 0), where=~known)
    scores -= scores.mean(axis=1, keepdims=True)
    deviation = scores.std(axis=1, keepdims=True)
    return np.divide(scores, deviation, out=np.zeros_like(scores), where=deviation > 0)
