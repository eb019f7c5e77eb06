"""What a place of a list is worth: the chance that it is a hit, learned from lists whose answers are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from avrec_lib.errors import DataError

_STEPS = 25
_PENALTY = 1.0  # of the squared weights: keeps lists in which all or nothing hits finite


@dataclass(frozen=True, eq=False)
class HitChance:
    """Logistic regression of "is relevant" on log rank, its square, and the model's score; 60 places by default.

    Scores scaled by list say who of a list is better, not whose list is worth keeping: with chances a list in which
    hits are unlikely is diversified before one in which they are likely. Learn it on validation, never on the test.
    `weights` float64 (4,) are for features that `centre` and `scale` standardise.
    """

    weights: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    depth: int

    @classmethod
    def fit(cls, ranked: pl.DataFrame, truth: pl.DataFrame, depth: int = 60) -> Self:
        """From `ranked` (`schema.Ranked`) and `truth` (`schema.Truth`): maximum likelihood with a slight ridge.

        Raises DataError when no place is a hit, or all are.
        """
        rows = ranked.filter(pl.col("rank") <= depth)
        right = truth.filter(pl.col("relevance") > 0).select("query_id", "item_id").unique()
        hits = rows.join(right.with_columns(hit=1.0), on=["query_id", "item_id"], how="left", maintain_order="left")
        hit = hits["hit"].fill_null(0.0).to_numpy()
        if not 0 < hit.sum() < len(hit):
            raise DataError("A chance to hit is learned from hits and misses, but {hits} of {places} places hit.",
                            hits=int(hit.sum()), places=len(hit))  # fmt: skip
        features = _features(rows)
        centre, spread = features.mean(axis=0), features.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        return cls(_logistic(_with_one((features - centre) / scale), hit), centre, scale, depth)

    def apply(self, ranked: pl.DataFrame) -> pl.DataFrame:
        """The first places of `ranked` with the chance of each as score: take them with relevance="given"."""
        rows = ranked.filter(pl.col("rank") <= self.depth)
        told = _with_one((_features(rows) - self.centre) / self.scale) @ self.weights
        return rows.with_columns(score=pl.Series(1 / (1 + np.exp(-told))))


def _features(rows: pl.DataFrame) -> np.ndarray:
    rank = np.log(rows["rank"].to_numpy().astype(np.float64))
    score = rows["score"].cast(pl.Float64).fill_null(0.0).to_numpy()
    return np.stack([rank, rank**2, score], axis=1)


def _with_one(features: np.ndarray) -> np.ndarray:
    return np.hstack([features, np.ones((len(features), 1))])


def _logistic(features: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Newton's method; the last weight, of the ones, is not shrunk."""
    penalty = np.full(features.shape[1], _PENALTY)
    penalty[-1] = 1e-9
    weights = np.zeros(features.shape[1])
    weights[-1] = np.log(hit.mean() / (1 - hit.mean()))
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-features @ weights))
        slope = features.T @ (hit - chance) - penalty * weights
        curve = (features * (chance * (1 - chance))[:, None]).T @ features + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    return weights
