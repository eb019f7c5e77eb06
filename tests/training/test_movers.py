"""Whose interests move: by truth where there is one, by sittings where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.split import split_windows
from avrec_lib.data.write import write_dataset
from avrec_lib.simulate.dataset import simulate_dataset
from avrec_lib.training.movers import GROUPS, movers

DAY = 86_400_000_000


def log(tmp_path: Path, *, tags: bool = True) -> tuple[Dataset, pl.DataFrame]:
    """Forty users of twelve evenings each, every evening of one genre; half of them take up other genres midway."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(40):
        for evening in range(12):
            later = user % 2 == 1 and evening >= 6
            genre = rng.integers(5, 10) if later else rng.integers(0, 5)
            for turn in range(4):
                item = genre * 20 + int(rng.integers(20))
                rows.append((f"u{user}", f"i{item}", evening * DAY + turn * 60_000_000))
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    events = events.with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")), event=pl.lit("play"))
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(200)], "tags": [[f"g{n // 20}"] for n in range(200)]})
    items = items if tags else items.with_columns(tags=pl.lit(None, pl.List(pl.String)), title=pl.col("item_id"))
    data = write_dataset(
        tmp_path / "log", {"events": events, "items": items}, name="log", source="made here", licence="none"
    )
    return data, items


def test_evenings_of_one_genre_are_no_movement_and_new_genres_are(tmp_path: Path) -> None:
    data, items = log(tmp_path)
    splits = split_windows(data, "leave_last_out")
    found = movers(data, splits, items).join(splits[0].queries.select("query_id", "user_id"), on="query_id")
    moved = found.with_columns(odd=pl.col("user_id").str.slice(1).cast(pl.Int64) % 2 == 1)
    share = moved.group_by("odd").agg(share=(pl.col("group") == GROUPS[1]).mean())
    by_group = dict(share.iter_rows())
    assert by_group[True] > 0.9 and by_group[False] <= 0.15
    assert set(found["window"]) == {splits[0].window}


def test_without_tags_nobody_is_in_a_group(tmp_path: Path) -> None:
    data, items = log(tmp_path, tags=False)
    assert movers(data, split_windows(data, "leave_last_out"), items).is_empty()


def test_a_simulated_platform_knows_it(tmp_path: Path) -> None:
    data = simulate_dataset(tmp_path / "world", kind="moving", users=80, days=4, seed=1)
    splits = split_windows(data, "global_time", test_share=0.3)
    found = movers(data, splits, data.items.collect())
    assert set(found["group"]) == {"taste that stays", "taste that moves"}
    assert found["query_id"].n_unique() == splits[0].queries.height
