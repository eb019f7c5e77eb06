"""Why is this item in the list: the choice without which the model would score it least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from avrec_lib.protocols import Query, Recommender
from avrec_lib.strings import Language, say

_NOISE = 1e-5  # of the largest score: smaller differences are rounding


@dataclass(frozen=True)
class Reason:
    """`because` of the choice `title`; `popular` with `users` of `everybody`; shared `tags`; or `nothing` to name."""

    kind: Literal["because", "popular", "tags", "nothing"]
    title: str = ""
    tags: tuple[str, ...] = ()
    users: int = 0
    everybody: int = 0

    def text(self, language: Language | None = None) -> str:
        """The reason as a sentence."""
        if self.kind == "because":
            return say("Because you chose {title}", language, title=self.title)
        if self.kind == "popular":
            return say(
                "Popular with everyone: {users:,} of {everybody:,} users", language, users=self.users,
                everybody=self.everybody,
            )  # fmt: skip
        if self.kind == "tags":
            return say("Like your choices: {tags}", language, tags=", ".join(self.tags))
        return say("No single choice stands behind it", language)


def because_of(
    model: Recommender, user_id: str, history: Sequence[str], candidates: Sequence[str], suspects: Sequence[int]
) -> np.ndarray:
    """For each candidate the place in `history` of the item that raises its score most, −1 where none does.

    One call of `score` asks for the whole history (oldest first) and for it without each of the `suspects` (places in
    the history); the reason is the one whose absence costs the candidate most. A candidate that the model cannot score
    without an item has that one as its reason.
    """
    if not len(suspects) or not len(candidates):
        return np.full(len(candidates), -1)
    histories = [list(history), *([*history[:place], *history[place + 1 :]] for place in suspects)]
    queries = [Query(str(row), user_id, history=past) for row, past in enumerate(histories)]
    scores = _matrix(model.score(queries, candidates), len(queries), candidates)
    whole = scores[0]
    drops = whole - np.where(np.isnan(scores[1:]), -np.inf, scores[1:])
    drops[:, np.isnan(whole)] = 0
    noise = _NOISE * np.nanmax(np.abs(whole), initial=0.0)
    return np.where(drops.max(axis=0) > noise, np.asarray(suspects)[drops.argmax(axis=0)], -1)


def _matrix(scores: pl.DataFrame, queries: int, candidates: Sequence[str]) -> np.ndarray:
    """A score table as (queries, candidates) float64, NaN where there is no row or no score."""
    columns = pl.DataFrame({"item_id": candidates, "column": np.arange(len(candidates))})
    said = scores.drop_nulls("score").join(columns, on="item_id")
    matrix = np.full((queries, len(candidates)), np.nan)
    matrix[said["query_id"].cast(pl.Int64).to_numpy(), said["column"].to_numpy()] = said["score"].to_numpy()
    return matrix
