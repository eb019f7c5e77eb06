"""What a data set is: counts, span, density, kinds of events, what is filled, and what it cannot be used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from avrec_lib.data.dataset import SCHEMAS, Dataset
from avrec_lib.data.facts import share_of
from avrec_lib.data.note import Note
from avrec_lib.strings import say


@dataclass(frozen=True)
class Description:
    """Numbers of a data set. `first` and `last` are null without times; `density` is the share of user-item pairs."""

    counts: Mapping[str, int]
    first: datetime | None
    last: datetime | None
    pairs: int
    density: float | None
    kinds: Mapping[str, int]  # event -> rows
    per_user: Mapping[str, float]  # median, mean, max events
    per_item: Mapping[str, float]
    filled: Mapping[str, Mapping[str, int]]  # table -> column of the vocabulary -> values
    rejected: Mapping[str, int]  # reason -> rows that were left out
    cannot: Sequence[Note]


def describe(dataset: Dataset) -> Description:
    """Count what `dataset` holds, one pass a question, streamed."""
    events, counts = dataset.events, dataset.card.counts
    span = events.select(pl.col("timestamp").min().alias("first"), pl.col("timestamp").max().alias("last"))
    first, last = span.collect(engine="streaming").row(0)
    kinds = events.group_by("event").len().sort("len", descending=True).collect(engine="streaming")
    named = events.filter(pl.col("item_id").is_not_null())
    pairs = named.select("user_id", "item_id").unique().select(pl.len()).collect(engine="streaming").item()
    filled = {
        table: {column: dataset.card.filled.get(table, {}).get(column, 0) for column in schema.column_names()}
        for table, schema in SCHEMAS.items()
        if table in dataset.card.filled
    }
    return Description(
        counts, first, last, pairs, share_of(pairs, counts.get("users", 0) * counts.get("items", 0)),
        dict(kinds.iter_rows()), _per(events, "user_id"), _per(named, "item_id"), filled, rejected_rows(dataset),
        what_it_cannot(dataset, dict(kinds.iter_rows())),
    )  # fmt: skip


def _per(events: pl.LazyFrame, key: str) -> dict[str, float]:
    counted = events.group_by(key).len()
    facts = counted.select(
        pl.col("len").median().alias("median"), pl.col("len").mean().alias("mean"), pl.col("len").max().alias("max")
    )
    return facts.collect(engine="streaming").row(0, named=True)


def rejected_rows(dataset: Dataset, table: str = "events") -> dict[str, int]:
    """Rows of `table` that the import left out, by reason, the most frequent first."""
    path = dataset.folder / _rejected_file(table)
    if not path.is_file():
        return {}
    reasons = pl.scan_parquet(path).group_by("rejected_reason").len().sort("len", descending=True)
    return dict(reasons.collect(engine="streaming").iter_rows())


def _rejected_file(table: str) -> str:
    return "rejected.parquet" if table == "events" else f"rejected_{table}.parquet"


def left_out(dataset: Dataset) -> list[Note]:
    """How many rows the import left out, and where they lie; nothing when it used all."""
    notes = []
    for table in SCHEMAS:
        if reasons := rejected_rows(dataset, table):
            listed = ", ".join(f"{say(reason)} {count:,}" for reason, count in reasons.items())
            values = {"count": f"{sum(reasons.values()):,}", "table": table, "reasons": listed,
                      "file": dataset.folder / _rejected_file(table)}  # fmt: skip
            notes.append(Note("Left out of {table} at import: {count} rows ({reasons}), kept in {file}.", values))
        elif table == "events" and dataset.card.rejected:
            notes.append(Note("Left out of {table} when it was read: {count} rows.",
                              {"table": table, "count": f"{dataset.card.rejected:,}"}))  # fmt: skip
    return notes


def what_it_cannot(dataset: Dataset, kinds: Mapping[str, int]) -> list[Note]:
    """What an analysis must do without, and why."""
    notes = []
    if not dataset.has("timestamp"):
        notes.append(Note("No times: no split by time, no history before a cut, no trends; splits are by chance."))
    if not kinds.get("impression"):
        notes.append(Note("No impressions: no click-through rate and no click model; what was not chosen is unknown."))
    if not dataset.has("propensity"):
        notes.append(Note("No propensities: no off-policy value of another recommender."))
    if not dataset.has("watch_seconds"):
        notes.append(Note("No watch time: no completion rate, and a play of a second counts like a whole one."))
    if not dataset.has("session_id"):
        notes.append(Note("No session ids: sessions are guessed from pauses, where there are times."))
    if not dataset.has("item_id", "items"):
        notes.append(Note("No item table: no titles, no content-based models, no diversity by category."))
    elif not dataset.has("tags", "items") and not dataset.has("category", "items"):
        notes.append(Note("No tags and no categories of items: no diversity or calibration by kind."))
    return notes
