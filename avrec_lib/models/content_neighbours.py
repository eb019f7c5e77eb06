"""Content-based by item: near what the user chose, by what an embedding says of each."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl

from avrec_lib.content.text import text_embeddings
from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.diversity import embedding_vectors
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import known_items
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import Real, Space, Whole
from avrec_lib.models.top_k import UNRANKED


class ContentNeighbours(MatrixRecommender):
    """Score = cos(Σ decayᵃ · vₕ, vᵢ) over the items h of the history, a the age of h (0 for the last), |v| = 1.

    `embeddings` has item_id and vector (a list of numbers) of any items; without it they are made from titles,
    descriptions and tags (`content.text_embeddings`, with `dimensions`). An item without an embedding is not ranked;
    new items are ranked like any other. A saved model has the vectors of its catalogue, not the table. `fit` raises
    DataError for embeddings with nulls, NaN or infinity, and when no item has one.
    """

    name = "content by item"
    space: ClassVar[Space] = {"decay": Real(0.8, 1.0), "dimensions": Whole(16, 256, log=True)}
    learned = ("vectors",)

    def __init__(
        self, embeddings: pl.DataFrame | None = None, decay: float = 0.99, dimensions: int = 64
    ) -> None:  # fmt: skip
        if not 0 < decay <= 1:
            raise UsageError("decay must be above 0, up to 1, but is {decay}.", decay=decay)
        self.embeddings, self.decay, self.dimensions = embeddings, float(decay), dimensions

    def options(self) -> dict[str, Any]:
        """The constructor arguments of this model but for the embeddings, whose vectors are among what it learned."""
        return {name: value for name, value in super().options().items() if name != "embeddings"}

    def _learn(self, interactions: Interactions) -> None:
        table = self.embeddings
        if table is None:
            table = text_embeddings(known_items(interactions, self.name), self.dimensions)
        self.vectors = embedding_vectors(table, pl.Series("item_id", interactions.item_ids, dtype=pl.String))
        if not self.vectors.any():
            raise DataError(
                "No item of the catalogue has an embedding.", hint="Are the item_ids those of the training rows?"
            )

    def _prepare(self, items: int) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != items or not np.isfinite(self.vectors).all():
            raise ValueError("vectors do not fit the catalogue")
        self._known = self.vectors.any(axis=1)

    def _score(self, histories: Histories) -> np.ndarray:
        users = histories.recent(self.decay) @ self.vectors
        lengths = np.linalg.norm(users, axis=1, keepdims=True)
        told = lengths[:, 0] > 1e-6  # vectors that cancel each other point nowhere
        scores = np.divide(users, lengths, out=np.zeros_like(users), where=told[:, None]) @ self.vectors.T
        scores[~told] = UNRANKED
        scores[:, ~self._known] = UNRANKED
        return scores
