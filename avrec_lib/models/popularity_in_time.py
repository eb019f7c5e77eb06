"""Popularity as it was when a query was asked: in the days before, and in the same season."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal, get_args

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.models.histories import NO_TIME, Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import OneOf, Real, Space
from avrec_lib.models.top_k import UNRANKED
from avrec_lib.schema import TIME

Period = Literal["hour", "weekday", "month"]

_DAY = 86_400 * 10**6  # microseconds


class TimedPopularity(MatrixRecommender):
    """Popularity at a moment: a subclass says how it counts the training choices before each of many moments.

    The moment of a query is its cut, or the end of training where it has none; no choice at or after it counts, and
    none without a time. Each choice counts, a repeated one again. All that it knows is the log.
    """

    def _learn(self, interactions: Interactions) -> None:
        if not interactions.is_timed:
            raise DataError(
                "{name} needs training rows with times, and there are none.",
                hint="Without times popularity is that of all time: use Popularity.", name=self.name,
            )  # fmt: skip

    def _prepare(self, items: int) -> None:
        pass

    def _resume(self, interactions: Interactions) -> None:
        super()._resume(interactions)
        timed = interactions.log.drop_nulls("timestamp").sort("timestamp")
        self._rows = timed.get_column("item_row").to_numpy().astype(np.int32)
        self._times = timed.get_column("timestamp").to_physical().to_numpy()

    def _score(self, histories: Histories) -> np.ndarray:
        moments, places = np.unique(histories.cuts, return_inverse=True)  # many queries share one
        at_end = np.where(moments == NO_TIME, self._times[-1] + 1, moments)
        return self._popularity(at_end, histories.catalogue)[places]

    @abstractmethod
    def _popularity(self, moments: np.ndarray, items: int) -> np.ndarray:
        """Scores (moments, items) float32 at `moments` (microseconds since 1970)."""


class RecentPopularity(TimedPopularity):
    """Items by their choices in the `window_days` before the query is asked; equal ones by their choices before that.

    Score = n + e / (E + 1): n choices in the window, e of all E choices before it. An item that nobody had chosen yet
    is not ranked. See `TimedPopularity` for what counts.
    """

    space: ClassVar[Space] = {"window_days": Real(1.0, 365.0, log=True)}

    def __init__(self, window_days: float = 30.0) -> None:
        if not 0 < window_days <= 100_000:
            raise UsageError("window_days must be above 0 and at most 100000, but is {days}.", days=window_days)
        self.window_days = float(window_days)
        self.name = f"popularity, last {self.window_days:g} days"

    def _popularity(self, moments: np.ndarray, items: int) -> np.ndarray:
        end = np.searchsorted(self._times, moments)
        first = np.searchsorted(self._times, moments - round(self.window_days * _DAY))
        before = counts_of(self._rows, np.zeros_like(first), first, items)
        before /= first[:, None] + 1
        scores = counts_of(self._rows, first, end, items)
        scores += before
        return np.where(scores > 0, scores, np.float32(UNRANKED))


class SeasonalPopularity(TimedPopularity):
    """Items by their choices in the same hour of the day, day of the week or month of the year as the query is asked.

    Score = n + `smoothing` · e / E: n choices in the season so far, e of all E choices so far. `period` says what a
    season is, in UTC. An item that nobody had chosen yet is not ranked. See `TimedPopularity` for what counts.
    """

    space: ClassVar[Space] = {
        "period": OneOf("hour", "weekday", "month"), "smoothing": Real(1.0, 10_000.0, log=True),
    }  # fmt: skip

    def __init__(self, period: Period = "weekday", smoothing: float = 100.0) -> None:
        if period not in get_args(Period):
            raise unknown_name("period", period, get_args(Period))
        if not 0 <= smoothing < np.inf:
            raise UsageError("smoothing must be 0 or more, but is {smoothing}.", smoothing=smoothing)
        self.period, self.smoothing = period, float(smoothing)
        self.name = f"popularity by {period}"

    def _resume(self, interactions: Interactions) -> None:
        super()._resume(interactions)
        # A number that rises with season and moment: what a query may count is one run of it.
        keys = self._season(self._times) * (len(self._times) + 1) + np.searchsorted(self._times, self._times)
        by_season = np.argsort(keys, kind="stable")
        self._keys, self._seasonal_rows = keys[by_season], self._rows[by_season]

    def _popularity(self, moments: np.ndarray, items: int) -> np.ndarray:
        past = np.searchsorted(self._times, moments)
        season = self._season(moments) * (len(self._times) + 1)
        first, end = np.searchsorted(self._keys, season), np.searchsorted(self._keys, season + past)
        scores = counts_of(self._rows, np.zeros_like(past), past, items)
        unloved = scores == 0
        scores *= (self.smoothing / np.maximum(past, 1))[:, None]
        scores += counts_of(self._seasonal_rows, first, end, items)
        scores[unloved] = UNRANKED
        return scores

    def _season(self, times: np.ndarray) -> np.ndarray:
        moments = pl.Series(times).cast(TIME).dt
        season = {"hour": moments.hour, "weekday": moments.weekday, "month": moments.month}[self.period]()
        return season.cast(pl.Int64).to_numpy()


def counts_of(rows: np.ndarray, first: np.ndarray, end: np.ndarray, items: int) -> np.ndarray:
    """How often each item stands in `rows[first:end]`, for many such runs at once: (runs, items) float32.

    Between all ends of runs counts are cumulated, so that the cost is that of a pass over the rows and of twice as many
    cells as are returned. Exact up to 2**24 choices of an item.
    """
    edges, places = np.unique(np.concatenate([first, end]), return_inverse=True)
    inner = rows[edges[0] : edges[-1]]
    between = sparse.csr_matrix(
        (np.ones(len(inner), np.float32), inner, edges - edges[0]), shape=(len(edges) - 1, items)
    )  # fmt: skip
    counts = np.zeros((len(edges), items), np.float32)
    between.toarray(out=counts[1:])
    np.cumsum(counts, axis=0, out=counts)
    return counts[places[len(first) :]] - counts[places[: len(first)]]
