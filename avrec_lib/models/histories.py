"""What queries may know of their users, in order: the one form in which models see a past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.models.top_k import UNRANKED

_LEAST = 1e-12  # of a weight: what was long ago still counts as chosen
NO_TIME = np.iinfo(np.int64).min
"""The time of an event, or the cut of a query, that has none."""


@dataclass(frozen=True)
class Histories:
    """The events of query q are `items[starts[q]:starts[q + 1]]`, oldest first.

    `items` are item rows (events,) and `times` their microseconds since 1970, or NO_TIME. Of each query `user_ids` and
    `user_rows` name the user (row -1: training does not know them), `cuts` the moment it is asked, or NO_TIME.
    `catalogue` is the number of items.
    """

    starts: np.ndarray
    items: np.ndarray
    times: np.ndarray
    user_ids: pl.Series
    user_rows: np.ndarray
    cuts: np.ndarray
    catalogue: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """Queries and items, as of a block of scores."""
        return len(self), self.catalogue

    @property
    def lengths(self) -> np.ndarray:
        """The number of events of each query."""
        return np.diff(self.starts)

    @property
    def queries(self) -> np.ndarray:
        """The row of the query of each event."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def ages(self) -> np.ndarray:
        """How many events of the same query came after each event: 0 for the last."""
        return np.repeat(self.starts[1:], self.lengths) - np.arange(len(self.items)) - 1

    @property
    def last_times(self) -> np.ndarray:
        """The time of the last event of each query, NO_TIME where it has none or there is no event."""
        last = np.maximum(self.starts[1:] - 1, 0)
        known = self.lengths > 0
        return np.where(known, self.times[np.where(known, last, 0)] if len(self.times) else NO_TIME, NO_TIME)

    def days(self, otherwise: float = 0.0) -> np.ndarray:
        """Days from each event to the cut of its query; `otherwise` where one of the two has no time."""
        cuts = np.repeat(self.cuts, self.lengths)
        timed = (cuts != NO_TIME) & (self.times != NO_TIME)
        return np.where(timed, (cuts - np.where(timed, self.times, cuts)) / 86_400e6, otherwise)

    def latest(self, most: int) -> Histories:
        """The same queries with their last `most` events only."""
        kept = self.ages < most
        starts = np.concatenate([[0], np.cumsum(np.minimum(self.lengths, most))])
        return Histories(
            starts, self.items[kept], self.times[kept], self.user_ids, self.user_rows, self.cuts, self.catalogue
        )

    def block(self, start: int, end: int) -> Histories:
        """The queries `start` … `end` by themselves."""
        first, last = self.starts[start], self.starts[min(end, len(self))]
        return Histories(
            self.starts[start : end + 1] - first, self.items[first:last], self.times[first:last],
            self.user_ids[start:end], self.user_rows[start:end], self.cuts[start:end], self.catalogue,
        )  # fmt: skip

    def matrix(self, weights: np.ndarray | None = None) -> sparse.csr_matrix:
        """Queries × items float32: 1 for an item of the history, or the weight of its latest event there."""
        places = np.arange(len(self.items))
        ordered = sparse.csr_matrix((places, self.items.copy(), self.starts), shape=self.shape)
        ordered.sort_indices()  # in place
        if not ordered.has_canonical_format:  # an item twice in one history
            key = self.queries * self.catalogue + self.items
            _, back = np.unique(key[::-1], return_index=True)
            latest = len(key) - 1 - back
            starts = np.searchsorted(key[latest], np.arange(len(self) + 1) * self.catalogue)
            ordered = sparse.csr_matrix((latest, self.items[latest], starts), shape=self.shape)
        data = np.ones(ordered.nnz) if weights is None else weights[ordered.data]
        return sparse.csr_matrix((data.astype(np.float32), ordered.indices, ordered.indptr), shape=self.shape)

    def hide_in(self, scores: np.ndarray) -> None:
        """Set the score of all items of the histories to `UNRANKED`, in place; `scores` (queries, items) in C order."""
        scores.ravel()[np.repeat(np.arange(len(self)) * self.catalogue, self.lengths) + self.items] = UNRANKED

    def recent(self, decay: float) -> sparse.csr_matrix:
        """Queries × items: `decay` to the power of how many events came later; 1 for every item where `decay` is 1."""
        if decay == 1:
            return self.matrix()
        return self.matrix(np.maximum(decay ** self.ages.astype(np.float64), _LEAST))
