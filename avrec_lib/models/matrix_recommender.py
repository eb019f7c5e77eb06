"""The shared half of every model that scores a block of histories at once: queries in, ranked table out, saving."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.saving import load_model, save_model
from avrec_lib.models.top_k import UNRANKED, top_k
from avrec_lib.protocols import Query, queries_table
from avrec_lib.schema import Ranked

BLOCK_BYTES = 24 * 2**20  # what the memory allocator keeps for the next block, instead of handing out fresh pages


class MatrixRecommender(ABC):
    """A recommender whose scores are a function of what a query may know, computed for a block of queries at once.

    A subclass says how it learns (`_learn`) and how it scores a block of histories (`_score`), and keeps what it
    learned in the arrays named by `learned`. Its constructor arguments are its options, saved beside the arrays. A
    model made of others names them in `parts`; they share its catalogue, and are saved with it.
    """

    name: str
    learned: ClassVar[tuple[str, ...]] = ()

    @property
    def parts(self) -> Sequence[MatrixRecommender]:
        """The models that this one is made of."""
        return ()

    @abstractmethod
    def _learn(self, interactions: Interactions) -> None:
        """Learn from a log in integer rows, and from what is known of its items and users."""

    @abstractmethod
    def _score(self, histories: Histories) -> np.ndarray:
        """Scores (queries, items) float32, `UNRANKED` where there is nothing to say. The caller may overwrite it."""

    @abstractmethod
    def _prepare(self, items: int) -> None:
        """Check what was learned against a catalogue of `items` (ValueError), and derive what scoring needs."""

    def fit(self, train: pl.DataFrame, items: pl.DataFrame | None = None, users: pl.DataFrame | None = None) -> Self:
        """Learn from events; returns itself.

        Columns user_id and item_id (strings), timestamp where there is one; with a column event only what counts as a
        choice (`schema.is_choice`) is learned from. `items` and `users` (`schema.Items`, `schema.Users`) are for models
        that know more of them than who chose what; every item of `items` is in the catalogue.
        """
        return self.fit_interactions(Interactions.of(train, items, users))

    def fit_interactions(self, interactions: Interactions) -> Self:
        """Learn from a log that is in integer rows already, as several models can share it; returns itself."""
        self._learn(interactions)
        self._resume(interactions)
        return self

    def recommend(
        self,
        queries: pl.DataFrame | Iterable[Query | str],
        k: int,
        candidates: Sequence[str] | None = None,
        exclude_seen: bool = True,
        seen: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        """At most `k` items a query as `schema.Ranked`; fewer when the model has nothing more to say.

        `candidates` limits the list to these items. `exclude_seen` leaves out what the query's history holds, and
        with it the pairs of `seen` (columns user_id, item_id): what the user met without choosing it. Ties of score
        are broken by a fixed shuffle of the item ids.
        """
        if k < 1:
            raise UsageError("k must be at least 1, but is {k}.", k=k)
        asked = queries_table(queries)
        allowed = None if candidates is None else np.sort(self._fitted().rows_of(candidates))
        parts = []
        met = self._fitted().places_of(asked, seen) if exclude_seen and seen is not None else None
        start = 0
        for block, histories, scores in self._blocks(asked):
            if exclude_seen:
                histories.hide_in(scores)
            if met is not None:
                first, end = np.searchsorted(met[0], (start, start + block.height))
                scores[met[0][first:end] - start, met[1][first:end]] = UNRANKED
            start += block.height
            if allowed is not None:
                best, kept = top_k(scores[:, allowed], k)
                best = allowed[best]
            else:
                best, kept = top_k(scores, k)
            parts.append(self._ranked(block, best, kept))
        return pl.concat(parts) if parts else Ranked.create_empty()

    def score(self, queries: pl.DataFrame | Iterable[Query | str], candidates: Sequence[str]) -> pl.DataFrame:
        """Columns query_id, user_id, item_id, score: a row for each query and candidate, null where it cannot say."""
        asked = queries_table(queries)
        rows = self._fitted().item_rows
        wanted = pl.DataFrame({"item_id": list(candidates)}, schema={"item_id": pl.String})
        columns = wanted.join(rows, on="item_id", how="left", maintain_order="left").get_column("item_row")
        known = columns.is_not_null().to_numpy()
        parts = []
        for block, _, scores in self._blocks(asked):
            picked = np.full((block.height, wanted.height), UNRANKED, dtype=np.float32)
            picked[:, known] = scores[:, columns.drop_nulls().to_numpy()]
            pairs = block.select("query_id", "user_id").join(wanted, how="cross", maintain_order="left_right")
            parts.append(pairs.with_columns(score=pl.Series(picked.ravel().astype(np.float64))))
        said = pl.col("score").is_finite()
        empty = {"query_id": pl.String, "user_id": pl.String, "item_id": pl.String, "score": pl.Float64}
        return pl.concat([pl.DataFrame(schema=empty), *parts]).with_columns(pl.when(said).then("score"))

    def _fitted(self) -> Interactions:
        if not hasattr(self, "_interactions"):
            raise UsageError("{name} was asked before it was fitted.", hint="Call fit(train) first.", name=self.name)
        return self._interactions

    def _blocks(self, queries: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, Histories, np.ndarray]]:
        """Queries, histories and scores, some rows at a time, so that a block of scores stays under BLOCK_BYTES."""
        interactions = self._fitted()
        size = max(1, BLOCK_BYTES // (4 * len(interactions.item_ids)))
        for block in queries.iter_slices(size):
            histories = interactions.histories(block)
            yield block, histories, self._score(histories)

    def _ranked(self, block: pl.DataFrame, best: np.ndarray, scores: np.ndarray) -> pl.DataFrame:
        k = best.shape[1]
        table = block.select("query_id", "user_id")[np.repeat(np.arange(block.height), k)].with_columns(
            item_id=pl.Series(self._fitted().item_ids[best.ravel()], dtype=pl.String),
            rank=pl.Series(np.tile(np.arange(1, k + 1, dtype=np.int32), block.height)),
            score=pl.Series(scores.ravel().astype(np.float64)),
        )
        return table.filter(pl.col("score") > UNRANKED)

    def options(self) -> dict[str, Any]:
        """The constructor arguments of this model."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def known_users(self) -> pl.Series:
        """The ids of the users that the model was trained on."""
        return self._fitted().user_rows.get_column("user_id")

    def known_items(self) -> list[str]:
        """The ids of the catalogue, in the order of the model's rows."""
        return self._fitted().item_ids.tolist()

    def all_parts(self) -> Iterator[MatrixRecommender]:
        """This model, and all that it is made of."""
        yield self
        for part in self.parts:
            yield from part.all_parts()

    def save(self, folder: Path) -> None:
        """Write the fitted model to `folder` (safetensors, Parquet, JSON), whole or not at all."""
        save_model(self, self._fitted(), folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; raises DataError when it is damaged, of another model or another format."""
        return load_model(cls, folder)

    def _resume(self, interactions: Interactions) -> None:
        """Take up what was learned; raises ValueError when the arrays do not fit the catalogue or each other."""
        for part in self.parts:
            part._resume(interactions)
        self._prepare(len(interactions.item_ids))
        self._interactions = interactions
