"""Splits at moments: one for all users alike, or several that walk through the end of the log."""

from __future__ import annotations

import math
from datetime import datetime

import polars as pl

from avrec_lib.data.split_rows import Parts
from avrec_lib.errors import DataError


def by_time(rows: pl.DataFrame, test_share: float, windows: int = 1) -> list[Parts]:
    """Train strictly before a moment, test from that moment to the next one (the last window: to the end).

    The windows share the last `test_share` of the choices, as equally as events at the same time allow. Raises
    DataError when two windows would begin at the same time.
    """
    cuts = cuts_of(rows, test_share, windows)
    parts = []
    for cut, end in zip(cuts, [*cuts[1:], None], strict=True):
        known = rows.filter(pl.col("timestamp") < cut)
        asked = (pl.col("timestamp") >= cut) & (pl.lit(True) if end is None else pl.col("timestamp") < end)
        after = rows.filter(asked)
        parts.append(Parts(known.filter("chosen"), after.filter("chosen"), known, cut, after=after))
    return parts


def cuts_of(rows: pl.DataFrame, test_share: float, windows: int = 1) -> list[datetime]:
    """The moments at which the windows begin, oldest first."""
    times = rows.filter("chosen")["timestamp"].sort()
    start = min(math.ceil(times.len() * (1 - test_share)), times.len() - 1)
    places = [start + window * (times.len() - start) // windows for window in range(windows)]
    cuts: list[datetime] = times.gather(places).to_list()
    if times[0] == cuts[0]:
        raise DataError(
            "All training events would share the time {cut}, so there is no before and after.",
            hint="Use split=random, and read its numbers as optimistic.", cut=cuts[0],
        )  # fmt: skip
    if len(set(cuts)) < windows:
        raise DataError(
            "{windows} windows over the last {events} choices leave {empty} of them empty: too many choices share a "
            "time.",
            hint="Ask for fewer windows, or raise test_share.",
            windows=windows, events=times.len() - start, empty=windows - len(set(cuts)),
        )  # fmt: skip
    return cuts
