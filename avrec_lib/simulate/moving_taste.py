"""Whose taste moves and whose stays, known because it was simulated: beside the log, never among what models see."""

from __future__ import annotations

import dataframely as dy
import numpy as np
import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.errors import DataError
from avrec_lib.schema import TIME, require_columns
from avrec_lib.simulate.catalogue import DAY, START_SECONDS
from avrec_lib.simulate.people import NEVER, People
from avrec_lib.simulate.tables import user_ids

TABLE = "user_truth"
"""Name of the file beside the tables of a simulated data set."""
SLICE = "taste (by truth)"
GROUPS = ("taste that stays", "taste that moves")


class UserTruth(dy.Schema):
    """One row a user of a simulated platform, at the end of a run."""

    user_id = dy.String(primary_key=True)
    drifting = dy.Bool(nullable=False)
    jumps = dy.Int32(nullable=False, min=0)  # how often an interest was dropped for another
    last_jump_at = dy.Datetime(nullable=True, time_zone="UTC", time_unit="us")  # the midnight of the last time
    taste_moved = dy.Float64(nullable=False, min=0)  # root mean square over topics of last − first taste, in logits


def user_truth(people: People) -> pl.DataFrame:
    """A `UserTruth` table of these people as they are now."""
    days = np.where(people.last_jump == NEVER, 0, people.last_jump)
    at = pl.Series(((START_SECONDS + days * DAY) * 1e6).astype(np.int64)).cast(pl.Datetime("us"))
    moved = np.sqrt(np.mean((people.taste - people.began) ** 2, axis=1, dtype=np.float64))
    table = {
        "user_id": user_ids(len(people)), "drifting": people.drifts, "jumps": people.jumps,
        "last_jump_at": at.dt.replace_time_zone("UTC").cast(TIME), "taste_moved": moved,
    }  # fmt: skip
    jumped = pl.col("jumps") > 0
    return pl.DataFrame(table).with_columns(pl.when(jumped).then("last_jump_at").alias("last_jump_at"))


def has_user_truth(dataset: Dataset) -> bool:
    """Whether whose taste moves stands beside the tables of `dataset`."""
    return (dataset.folder / f"{TABLE}.parquet").is_file()


def stored_user_truth(dataset: Dataset) -> pl.DataFrame:
    """`user_truth` of a simulated data set; raises DataError when the data has none."""
    path = dataset.folder / f"{TABLE}.parquet"
    if not has_user_truth(dataset):
        raise DataError(
            "{name} does not say whose taste moves: only a simulated data set knows it.",
            hint="Simulate one with: avrec data get simulated-moving", name=dataset.name,
        )  # fmt: skip
    return pl.read_parquet(path)


def drift_groups(truth: Dataset | pl.DataFrame, queries: pl.DataFrame) -> pl.DataFrame:
    """Columns query_id, slice, group, place: whose taste moves, for `evaluate.slices.slice_table`.

    `truth` is a simulated data set or a table of `user_truth`; of `queries` query_id and user_id are read, and a
    `window` is kept. A query of somebody whom the truth does not know has no row. Raises DataError without a truth.
    """
    table = stored_user_truth(truth) if isinstance(truth, Dataset) else truth
    require_columns(("user_id", "drifting"), table.columns, UserTruth, TABLE)
    asked = queries.select("query_id", "user_id", pl.col("^window$"))
    known = asked.join(table.select("user_id", "drifting"), on="user_id", maintain_order="left")
    place = pl.col("drifting").cast(pl.Int32)
    group = pl.when("drifting").then(pl.lit(GROUPS[1])).otherwise(pl.lit(GROUPS[0]))
    placed = known.select("query_id", pl.col("^window$"), slice=pl.lit(SLICE), group=group, place=place)
    return placed.sort("place", maintain_order=True)
