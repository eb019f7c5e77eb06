"""How a candidate fits a user: features of (query, item) pairs for a model that ranks candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from avrec_lib.features.interests import KINDS, labels_of
from avrec_lib.features.profiles import Profile

BLOCK_PAIRS = 500_000


def affinity(
    profiles: Profile, items: pl.DataFrame, pairs: pl.DataFrame, popularity: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`pairs` (query_id, item_id) in their order, with float32 columns; null where either side is unknown.

    For each kind of interest (tag, category, creator), with w the query's weights and L the item's labels:

    - KIND_affinity: Σ_{l ∈ L} w(l), the part of the user's interest that the item meets, 0 to 1;
    - KIND_cosine: that sum / (|w| √|L|), which an item cannot raise by having many labels.

    With `popularity` (`item_features`): popularity_distance, its popularity_percentile less the mean of the user's
    choices, and age_distance_days, its age_days less the mean age at which the user chooses. `items` has the columns of
    `schema.Items`. Further columns of `pairs` are left out.
    """
    labels = labels_of(items)
    sides = {kind: _Side.of(profiles.interests, labels, kind) for kind in KINDS}
    compared = _distances(profiles, popularity)
    parts = [
        _of_block(block, sides, compared) for block in pairs.select("query_id", "item_id").iter_slices(BLOCK_PAIRS)
    ]
    return pl.concat(parts) if parts else _of_block(pairs.select("query_id", "item_id"), sides, compared)


@dataclass(frozen=True, eq=False)
class _Side:
    """Interests and labels of one kind in integer codes.

    `keys` are query row × labels + label code, sorted, with their `weights`; `norms` one number a query row. The
    labels of item row i are `codes[starts[i] : starts[i + 1]]`.
    """

    queries: pl.DataFrame  # query_id, query_row
    items: pl.DataFrame  # item_id, item_row
    keys: np.ndarray
    weights: np.ndarray
    norms: np.ndarray
    starts: np.ndarray
    codes: np.ndarray
    labels: int

    @classmethod
    def of(cls, interests: pl.DataFrame, labels: pl.DataFrame, kind: str) -> Self:
        wants, has = (table.filter(pl.col("kind") == kind) for table in (interests, labels))
        names = pl.concat([wants["label"], has["label"]]).unique()
        kinds = pl.Enum(names)
        queries = wants.select(pl.col("query_id").unique(maintain_order=True)).with_row_index("query_row")
        items = has.select(pl.col("item_id").unique(maintain_order=True)).with_row_index("item_row")
        row = wants["query_id"].rle_id().cast(pl.Int64).to_numpy()  # a query's rows stand together in a profile
        keys = row * len(names) + wants["label"].cast(kinds).to_physical().cast(pl.Int64).to_numpy()
        weights = wants["weight"].to_numpy()
        order = np.argsort(keys)
        carried = has.join(items, on="item_id").sort("item_row")
        codes = carried["label"].cast(kinds).to_physical().cast(pl.Int64).to_numpy()
        sizes = np.bincount(carried["item_row"].to_numpy(), minlength=items.height)
        return cls(
            queries, items, keys[order], weights[order], np.sqrt(np.bincount(row, weights**2, queries.height)),
            np.concatenate([[0], np.cumsum(sizes)]), codes, len(names),
        )  # fmt: skip

    def meet(self, pairs: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Affinity and cosine of each pair, float64, NaN where the query or the item has no label of this kind."""
        query = _rows(pairs, self.queries, "query_id", "query_row")
        item = _rows(pairs, self.items, "item_id", "item_row")
        known = np.flatnonzero((query >= 0) & (item >= 0))
        query, start = query[known], self.starts[item[known]]
        sizes = self.starts[item[known] + 1] - start
        pair = np.repeat(np.arange(len(known)), sizes)
        within = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        wanted = query[pair] * self.labels + self.codes[start[pair] + within]
        place = np.minimum(np.searchsorted(self.keys, wanted), max(len(self.keys) - 1, 0))
        found = self.weights[place] * (self.keys[place] == wanted) if len(wanted) else np.empty(0)
        total = np.bincount(pair, found, minlength=len(known))
        met = np.full((2, pairs.height), np.nan)
        met[0, known] = np.minimum(total, 1.0)
        met[1, known] = np.minimum(total / (self.norms[query] * np.sqrt(sizes)), 1.0)
        return met[0], met[1]


def _rows(pairs: pl.DataFrame, among: pl.DataFrame, column: str, row: str) -> np.ndarray:
    """The row of each pair's query or item, int64, -1 where it is unknown."""
    found = pairs.select(column).join(among, on=column, how="left", maintain_order="left")[row]
    return found.cast(pl.Int64).fill_null(-1).to_numpy()


def _distances(profiles: Profile, popularity: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """What the distances compare: of the queries and of the items; None without `popularity`."""
    if popularity is None:
        return None
    users = profiles.habits.select("query_id", "mean_popularity_percentile", "mean_item_age_days")
    return users, popularity.select("item_id", "popularity_percentile", "age_days")


def _of_block(
    pairs: pl.DataFrame, sides: dict[str, _Side], compared: tuple[pl.DataFrame, pl.DataFrame] | None
) -> pl.DataFrame:
    columns = {}
    for kind, side in sides.items():
        columns[f"{kind}_affinity"], columns[f"{kind}_cosine"] = side.meet(pairs)
    made = [pl.Series(name, values, dtype=pl.Float32, nan_to_null=True) for name, values in columns.items()]
    if compared is not None:
        users, known = compared
        both = pairs.join(users, on="query_id", how="left", maintain_order="left")
        both = both.join(known, on="item_id", how="left", maintain_order="left")
        made += both.select(
            popularity_distance=pl.col("popularity_percentile") - pl.col("mean_popularity_percentile"),
            age_distance_days=pl.col("age_days") - pl.col("mean_item_age_days"),
        ).cast(pl.Float32).get_columns()  # fmt: skip
    return pairs.with_columns(made)
