"""Lists for very many users into one file: block by block, so that neither users nor lists need fit into memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.paths import replacing
from avrec_lib.progress import meter
from avrec_lib.protocols import queries_table
from avrec_lib.strings import say

USERS_AT_ONCE = 8192
FORMATS = (".parquet", ".csv", ".jsonl")


@dataclass(frozen=True)
class Written:
    """How many users were asked for, how many of them the model knows, and how many lists and rows were written."""

    users: int
    known: int
    lists: int
    rows: int


def write_recommendations(
    model: MatrixRecommender, users: Collection[str] | None, k: int, out: Path, *, exclude_seen: bool = True
) -> Written:  # fmt: skip
    """Write the `k` best items of each of `users` (None: all that the model knows) to `out`, whole or not at all.

    `out` is Parquet, CSV or JSON lines by its ending, with the columns of `schema.Ranked`; every event that the model
    was trained on is history. A user without a list has no row. Raises UsageError for another ending or no user,
    DataError when the model knows none of the users and says nothing of them.
    """
    if out.suffix not in FORMATS:
        raise UsageError("{file} ends in no format that can be written.", hint="Expected {formats}.", file=out,
                         formats=", ".join(FORMATS))  # fmt: skip
    everybody = model.known_users()
    asked = everybody if users is None else pl.Series("user_id", list(dict.fromkeys(users)), pl.String)
    if asked.is_empty():
        raise UsageError("There is no user to recommend for.")
    known = int(asked.is_in(everybody.implode()).sum())
    lists = rows = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        replacing(out) as beside,
        TemporaryDirectory(prefix=f".{out.name}.", suffix=".part", dir=out.parent) as parts,
        meter(say("Lists"), asked.len(), say("users")) as shown,
    ):
        for number, block in enumerate(asked.to_frame("user_id").iter_slices(USERS_AT_ONCE)):
            queries = queries_table(block.with_columns(query_id="user_id"))
            ranked = model.recommend(queries, k, exclude_seen=exclude_seen)
            lists, rows = lists + ranked["query_id"].n_unique(), rows + ranked.height
            ranked.write_parquet(Path(parts, f"{number:06d}.parquet"))
            shown.advance(block.height)
        if not rows:
            raise DataError(
                "The model has nothing to recommend to any of these {count} users.",
                hint="It knows {known} users; is it the right model?", count=asked.len(), known=f"{everybody.len():,}",
            )  # fmt: skip
        table = pl.scan_parquet(Path(parts, "*.parquet"))
        match out.suffix:
            case ".parquet":
                table.sink_parquet(beside)
            case ".csv":
                table.sink_csv(beside)
            case _:
                table.sink_ndjson(beside)
    return Written(asked.len(), known, lists, rows)
