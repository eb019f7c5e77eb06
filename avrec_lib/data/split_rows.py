"""What every way to split makes of a log's rows, and how far its training reaches into the future of its test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from avrec_lib.errors import DataError

PAIR = ["user_id", "item_id"]


@dataclass(frozen=True)
class Parts:
    """The rows of one split: `train` and `test` are choices with all columns of the log.

    `met` (user_id, item_id, …) is what counts as already met when the user is asked, chosen or not.
    `asked` (user_id, cut, history, tied) is there when queries bring their own cut or history; `tied` says that the
    order of events at the same time decided what the query is asked. Else all queries share `cut`.
    `candidates` are the only items to be ranked, null for all, and `candidates_from` says how they were found: `drawn`,
    or `on_offer` from the cut on. `after` is all that happened in the time of the test,
    chosen or not, where that is known; else the test alone.
    """

    train: pl.DataFrame
    test: pl.DataFrame
    met: pl.DataFrame
    cut: datetime | None = None
    asked: pl.DataFrame | None = None
    candidates: pl.Series | None = None
    candidates_from: str | None = None
    after: pl.DataFrame | None = None


def codes(ids: pl.Series, order: pl.Series | None = None) -> pl.Series:
    """The place of each of `ids` in `order`: all different ids (default: sorted as text)."""
    known = (ids.unique().sort() if order is None else order).to_frame("id").with_row_index("code")
    return ids.to_frame("id").join(known, on="id", how="left", maintain_order="left")["code"]


def answers(parts: Parts, exclude_seen: bool, graded: bool) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """What was met and what is to be found, and how many test pairs there were before the met ones were dropped.

    Both have user_id and item_id, the second also relevance: the greatest value of the pair in the test, or 1.
    Raises DataError when nothing is to be found, or a pair has no value above 0 to be graded by.
    """
    met = parts.met.select(PAIR).unique(maintain_order=True)
    gain = pl.col("value").fill_nan(None).max() if graded else pl.lit(1.0)
    pairs = parts.test.group_by(PAIR, maintain_order=True).agg(relevance=gain)
    truth = pairs.join(met, on=PAIR, how="anti", maintain_order="left") if exclude_seen else pairs
    if truth.is_empty():
        raise DataError(
            "Every test row repeats what its user already had, so nothing is left to find.",
            hint="Use exclude_seen=false.",
        )
    without = truth.height - truth.filter(pl.col("relevance") > 0).height
    if without:
        raise DataError(
            "graded=true needs a value above 0 for all that is to be found, but {count} of {total} pairs have none.",
            hint="Use graded=false, or a min_value above 0.", count=without, total=truth.height,
        )  # fmt: skip
    return met, truth, pairs.height


def future_share(train: pl.DataFrame, test: pl.DataFrame) -> float | None:
    """Mean over the test events of the share of training events that are later; null when either side has no times."""
    learned, tested = (rows["timestamp"].drop_nulls().to_physical().to_numpy() for rows in (train, test))
    if not len(learned) or not len(tested):
        return None
    not_later = np.searchsorted(np.sort(learned), tested, side="right")
    return float(np.mean(len(learned) - not_later) / len(learned))
