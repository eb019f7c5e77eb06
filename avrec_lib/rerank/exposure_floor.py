"""Exposure floors: however short the part of a list that is looked at, a group has its share of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.lists import row_of_each
from avrec_lib.evaluate.popularity import popularity_bands
from avrec_lib.rerank.candidates import Candidates
from avrec_lib.rerank.greedy import check_share
from avrec_lib.schema import Items, require_columns


@dataclass(frozen=True, eq=False)
class ExposureFloor:
    """The most relevant list of which the first n places hold at least ⌊share · n⌋ items of each group, at every n;
    where groups overlap, a list near it.

    `floors` maps groups to shares that sum to at most 1; `groups` (item_id, group) says who is in which, an item in as
    many as it likes (`exposure_groups`). Where fewer of a group are among the candidates, all of them are owed. A
    place is free as long as what the groups are owed at each later place still fits in between; else it goes to the
    group whose claim is due first (earliest deadline first meets all deadlines that can be met: Liu and Layland 1973;
    the floor at every prefix is Zehlike et al.'s 2017 ranked group fairness without its test). Raises UsageError for
    shares that cannot be met, DataError when no item is in a group.
    """

    floors: Mapping[str, float]
    groups: pl.DataFrame

    def __post_init__(self) -> None:
        for group, share in self.floors.items():
            check_share(group, share)
        if sum(self.floors.values()) > 1 + 1e-9:
            raise UsageError("The floors sum to {total}, but a list has only one place a place.",
                             hint="Lower them to a sum of 1.", total=round(sum(self.floors.values()), 4))  # fmt: skip
        require_columns(("item_id", "group"), self.groups.columns, Items, "groups")
        present = set(self.groups.get_column("group").cast(pl.String))
        if strangers := [group for group in self.floors if group not in present]:
            raise DataError("No item is in the group {group}.", group=", ".join(strangers))

    def pick(self, candidates: Candidates, k: int, keep: int = 0) -> np.ndarray:
        """Places among the candidates, int64 (queries, k): `Reranker.pick`."""
        inside = self._inside(candidates)  # (queries, depth, groups)
        shares = np.array(list(self.floors.values()))
        owed = np.floor(shares[:, None] * np.arange(1, k + 1) + 1e-9)  # (groups, k); .3 · 10 is 3
        due = np.minimum(owed[None], inside.sum(axis=1)[:, :, None])  # (queries, groups, k)
        has = np.zeros((*inside.shape[::2], 1))
        everyone, free = np.arange(len(inside)), candidates.items >= 0
        places = np.full((len(inside), k), -1, dtype=np.int64)
        for step in range(min(k, free.shape[1])):
            missing = np.maximum(due[:, :, step:] - has, 0)
            forced = (missing.sum(axis=1) > np.arange(k - step)).any(axis=1)
            # The first place at which a group is owed more than it has; k when none.
            first = np.where((missing > 0).any(axis=2), (missing > 0).argmax(axis=2), k)
            urgent = inside[everyone, :, first.argmin(axis=1)] if len(shares) else free
            eligible = np.where(forced[:, None], urgent & free, free)
            if step < keep:
                eligible = free
            gains = np.where(eligible, candidates.relevance, -np.inf)
            best = (gains if step >= keep else free).argmax(axis=1)
            left = eligible[everyone, best]
            places[left, step] = best[left]
            free[everyone[left], best[left]] = False
            has[left, :, 0] += inside[everyone[left], best[left]]
        return places

    def _inside(self, candidates: Candidates) -> np.ndarray:
        members = np.zeros((len(candidates.item_ids) + 1, len(self.floors)), dtype=bool)  # the last: an empty place
        for column, group in enumerate(self.floors):
            own = self.groups.filter(pl.col("group").cast(pl.String) == group).get_column("item_id").unique()
            rows = row_of_each(own, candidates.item_ids, "groups")
            members[rows[rows >= 0], column] = True
        return members[candidates.items]


def exposure_groups(train: pl.DataFrame | None = None, items: pl.DataFrame | None = None) -> pl.DataFrame:
    """Columns item_id, group: head, mid or tail by the training rows, and the creator of each item of the item table.

    An item that training does not know is tail where the item table names it. Raises UsageError when neither is given.
    """
    parts = []
    if train is not None:
        bands = popularity_bands(train).select("item_id", group=pl.col("band").cast(pl.String))
        parts.append(bands)
        if items is not None:
            unknown = items.select("item_id").join(bands, on="item_id", how="anti")
            parts.append(unknown.with_columns(group=pl.lit("tail")))
    if items is not None and "creator_id" in items.columns:
        parts.append(items.select("item_id", group=pl.col("creator_id").cast(pl.String)).drop_nulls())
    if not parts:
        raise UsageError("Groups come from training rows, or from items with creators; neither was given.")
    return pl.concat(parts).unique(maintain_order=True)
