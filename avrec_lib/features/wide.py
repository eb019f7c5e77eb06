"""Profiles as numbers: one row a query, float32 columns, nulls kept, for models such as LightGBM."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from avrec_lib.errors import unknown_name
from avrec_lib.features.interests import KINDS
from avrec_lib.features.profiles import Profile

UNFIT_FOR_MODELS = ("last_searches", "mean_hour")  # texts, and an hour: 23.9 and 0.1 are neighbours, not opposites
HOURS = tuple(f"{hour:02}" for hour in range(24))
UNFIT_FOR_A_NAME = r'[\[\]{}:,"]'  # LightGBM refuses names of features with these


def numbers(profiles: Profile, labels: Mapping[str, Sequence[str]] | None = None) -> pl.DataFrame:
    """query_id and float32 columns: the habits, `hour 00` to `hour 23`, and a column a label, `tag Drama`.

    `labels` says which labels of which kind (tag, category, creator, platform) become columns of shares: give the
    same to training and to later use (`common_labels`), so that the columns are the same. In place of mean_hour stand
    mean_hour_sine and mean_hour_cosine, the direction times its length. A share is 0 for a label that the query's user
    does not have, and null where nothing is known of the kind. In names of columns `_` stands for what LightGBM
    refuses in them; labels that are alike then are added up. Raises UsageError for an unknown kind.
    """
    wanted: dict[str, Sequence[str]] = {"hour": HOURS, **(labels or {})}
    known_kinds = (*KINDS, "hour", "platform")
    for kind in wanted:
        if kind not in known_kinds:
            raise unknown_name("kind of interest", kind, known_kinds)
    habits = profiles.habits
    angle, length = pl.col("mean_hour") * (2 * math.pi / 24), pl.col("hour_concentration")
    known = pl.when(length.is_not_null())
    table = habits.with_columns(
        mean_hour_sine=known.then((angle.sin() * length).fill_null(0.0)),
        mean_hour_cosine=known.then((angle.cos() * length).fill_null(0.0)),
    ).drop("user_id", *UNFIT_FOR_MODELS)
    shares = pl.concat([profiles.interests, profiles.shares])
    for kind, names in wanted.items():
        wide = _side_by_side(shares.filter(pl.col("kind") == kind), kind, names)
        table = table.join(wide, on="query_id", how="left", maintain_order="left")
    return table.with_columns(pl.exclude("query_id").cast(pl.Float32))


def common_labels(profiles: Profile, most: int = 20) -> dict[str, list[str]]:
    """For each kind of interest, and for platform, the `most` labels with the most weight over all queries."""
    weight = pl.concat([profiles.interests, profiles.shares]).filter(pl.col("kind") != "hour")
    summed = weight.group_by("kind", "label").agg(pl.col("weight").sum()).sort("kind", -pl.col("weight"), "label")
    heads = summed.group_by("kind", maintain_order=True).agg(pl.col("label").head(most))
    return dict(heads.iter_rows())


def _side_by_side(shares: pl.DataFrame, kind: str, labels: Sequence[str]) -> pl.DataFrame:
    """One row a query that has any share: a column a label of `labels`, 0 where the query does not have it."""
    column = pl.format("{} {}", pl.lit(kind), pl.col("label").str.replace_all(UNFIT_FOR_A_NAME, "_"))
    wanted = pl.DataFrame({"label": list(labels)}, schema={"label": pl.String}).select(column=column)
    names = wanted.get_column("column").unique(maintain_order=True).to_list()
    by_query = shares.with_columns(column=column).group_by("query_id", maintain_order=True)
    return by_query.agg(pl.col("weight").filter(pl.col("column") == name).sum().alias(name) for name in names)
