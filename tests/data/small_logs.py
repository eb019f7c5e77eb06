"""Data sets whose events are a few rows in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from avrec_lib.data.dataset import Dataset, DatasetCard
from avrec_lib.schema import Events, with_all_columns

START = datetime(2024, 1, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


class FakeDataset(Dataset):
    """A data set whose events are a table in memory."""

    def __init__(self, table: pl.DataFrame) -> None:
        filled = {column: table.height - table[column].null_count() for column in table.columns}
        card = DatasetCard("fake", "test", "none", "0", {}, {"events": filled})
        super().__init__(Path("nowhere"), card)
        typed = with_all_columns(table.lazy(), Events)
        object.__setattr__(self, "_table", typed.cast(Events.create_empty().schema))

    @property
    def events(self) -> pl.LazyFrame:  # type: ignore[override]
        return self._table  # type: ignore[attr-defined,no-any-return]


def log(rows: Sequence[tuple[str, str, int | None]], event: str | Sequence[str] = "play", **more: list) -> FakeDataset:
    """Rows of user, item and minute (None: no time), all of one `event` or one each, with columns `more`."""
    return FakeDataset(
        pl.DataFrame(
            {
                "user_id": [user for user, _, _ in rows],
                "item_id": [item for _, item, _ in rows],
                "timestamp": [None if minute is None else at(minute) for _, _, minute in rows],
                "event": [event] * len(rows) if isinstance(event, str) else list(event),
                **more,
            },
            schema_overrides={"timestamp": pl.Datetime("us", "UTC")},
        )
    )


def untimed(rows: Sequence[tuple[str, str]], **more: list) -> FakeDataset:
    """Rows of user and item, all plays."""
    return log([(user, item, None) for user, item in rows], **more)
