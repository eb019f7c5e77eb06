"""Frames in order, held in memory while they are few, on disk beyond that; and the search for repeated rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

HELD_BYTES = 1 << 30
HASHED_AT_ONCE = 50_000_000
ROW = "row_in_part"


class Spool:
    """Frames of the same columns in the order they came. `folder` must live as long as the spool."""

    def __init__(self, folder: Path, held_bytes: int | None = None) -> None:
        self.folder, self.room = folder, HELD_BYTES if held_bytes is None else held_bytes
        self.parts: list[pl.DataFrame | Path] = []
        self.heights: list[int] = []
        self.dropped: dict[int, pl.Series] = {}  # part on disk -> rows of it that are left out

    @property
    def rows(self) -> int:
        return sum(self.heights) - sum(map(len, self.dropped.values()))

    @property
    def columns(self) -> list[str]:
        return self.lazy(0).collect_schema().names() if self.parts else []

    def add(self, frame: pl.DataFrame) -> None:
        """Append `frame`; an empty one leaves no trace."""
        if frame.height:
            self.parts.append(self._kept(frame))
            self.heights.append(frame.height)

    def _kept(self, frame: pl.DataFrame) -> pl.DataFrame | Path:
        texts = sum(dtype == pl.String for dtype in frame.dtypes)
        size = int(frame.estimated_size()) + 16 * texts * frame.height  # a text costs 16 bytes beside its letters
        if size <= self.room:
            self.room -= size
            return frame
        self.room = 0  # from here on everything goes to disk, so that memory stays as it is
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{len(self.parts):06}.parquet"
        frame.write_parquet(path, compression="lz4", statistics=False)
        return path

    def lazy(self, place: int) -> pl.LazyFrame:
        """One part, without the rows that were dropped."""
        part = self.parts[place]
        lazy = part.lazy() if isinstance(part, pl.DataFrame) else pl.scan_parquet(part)
        if place not in self.dropped:
            return lazy
        gone = pl.col(ROW).is_in(self.dropped[place].implode())
        return lazy.with_row_index(ROW).filter(~gone).drop(ROW)

    def drop(self, place: int, rows: pl.Series) -> None:
        """Leave out these rows of one part, counted as they are now; once for each part."""
        part = self.parts[place]
        if isinstance(part, pl.DataFrame):
            kept = np.ones(part.height, dtype=bool)
            kept[rows.to_numpy()] = False
            self.parts[place] = part.filter(pl.Series(kept))
            self.heights[place] -= len(rows)
        else:
            self.dropped[place] = rows

    def all(self) -> pl.LazyFrame:
        """All rows in order; a spool that is empty has no columns."""
        return pl.concat([self.lazy(place) for place in range(len(self.parts))]) if self.parts else pl.LazyFrame()


def drop_repeats(
    spool: Spool, hashes: Sequence[str], columns: Sequence[str], at_once: int | None = None
) -> pl.DataFrame:
    """Take out of `spool` every row that repeats an earlier one in `columns` and `hashes`; returns those rows.

    `hashes` are columns of 64-bit numbers that differ where rows do. Only they are held in memory, `at_once` rows of
    them; rows are compared where their hashes are equal.
    """
    whole = pl.col(hashes[0]) if len(hashes) == 1 else pl.sum_horizontal(hashes)
    shares = 1 + spool.rows // (at_once or HASHED_AT_ONCE)
    repeats: list[pl.DataFrame] = []
    for share in range(shares):
        twice = _seen_twice(spool, whole, share, shares)
        if not len(twice):
            continue
        wanted = pl.Series(twice).implode()
        suspects = pl.concat(
            spool.lazy(place)
            .with_row_index(ROW)
            .with_columns(pl.lit(place).alias("part"))
            .filter(whole.is_in(wanted))
            .collect()
            for place in range(len(spool.parts))
        )
        repeats.append(suspects.filter(~pl.struct(*hashes, *columns).is_first_distinct()))
    if not repeats:
        return pl.DataFrame()
    found = pl.concat(repeats)
    for (place,), rows in found.group_by("part"):
        spool.drop(int(str(place)), rows[ROW])
    return found.sort("part", ROW).drop("part", ROW)


def _seen_twice(spool: Spool, whole: pl.Expr, share: int, shares: int) -> np.ndarray:
    """Hashes of this share of all that occur more than once."""
    pieces = []
    for place in range(len(spool.parts)):
        hashes = spool.lazy(place).select(whole).collect().to_series().to_numpy()
        pieces.append(hashes[hashes % shares == share] if shares > 1 else hashes)
    ordered = np.concatenate(pieces) if pieces else np.empty(0, np.uint64)
    ordered.sort()
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
