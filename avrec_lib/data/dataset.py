"""A Dataset: a folder of Parquet tables in one vocabulary, and the facts about where they came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import dataframely as dy
import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.schema import Events, ItemEntities, Items, Triples, Users, require_columns, with_all_columns

CARD = "dataset.json"
SCHEMAS: dict[str, type[dy.Schema]] = {"events": Events, "items": Items, "users": Users}
KNOWLEDGE: dict[str, type[dy.Schema]] = {"knowledge": Triples, "item_entities": ItemEntities}
"""Tables that a data set may have besides: no rows of the log, so they do not count in its fingerprint."""


@dataclass(frozen=True)
class DatasetCard:
    """`dataset.json`: what this data is, where it came from, and what may be done with it."""

    name: str
    source: str
    licence: str
    fingerprint: str  # of the tables' content: the same rows give the same fingerprint
    counts: dict[str, int]  # events, distinct users and items among them, user_rows, item_rows
    filled: dict[str, dict[str, int]]  # table -> column -> values that are not null
    notes: list[str] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)  # our column -> theirs, for imported logs
    rejected: int = 0


@dataclass(frozen=True)
class Dataset:
    """Tables `events`, `items`, `users` as lazy frames with every column of the vocabulary (nulls where unknown)."""

    folder: Path
    card: DatasetCard
    other_events: pl.LazyFrame | None = field(default=None, repr=False, compare=False)  # instead of the folder's

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """The data set in `folder`; raises DataError when it has no readable `dataset.json` or no events."""
        try:
            card = DatasetCard(**json.loads((folder / CARD).read_text("utf-8")))
        except FileNotFoundError:
            raise DataError("{folder} is not a data set: it has no dataset.json.", folder=folder) from None
        except (ValueError, TypeError) as error:
            raise DataError(
                "{file} cannot be read: {error}.", hint="Import the data again.", file=folder / CARD, error=error
            ) from error
        if not (folder / "events.parquet").is_file():
            raise DataError("{folder} has no events.parquet.", hint="Import the data again.", folder=folder)
        return cls(folder, card)

    @property
    def name(self) -> str:
        return self.card.name

    @cached_property
    def events(self) -> pl.LazyFrame:
        return self._scan("events") if self.other_events is None else self.other_events

    @cached_property
    def items(self) -> pl.LazyFrame:
        """All items that have a row of their own; empty when the data has no item table."""
        return self._scan("items")

    @cached_property
    def users(self) -> pl.LazyFrame:
        """All users that have a row of their own; empty when the data has no user table."""
        return self._scan("users")

    @cached_property
    def triples(self) -> pl.LazyFrame:
        """The knowledge graph that came with the data (`schema.Triples`); empty when none did."""
        return self._scan_knowledge("knowledge")

    @cached_property
    def item_entities(self) -> pl.LazyFrame:
        """Which entity of `triples` an item is (`schema.ItemEntities`); empty without a graph."""
        return self._scan_knowledge("item_entities")

    def _scan_knowledge(self, table: str) -> pl.LazyFrame:
        path, columns = self.folder / f"{table}.parquet", KNOWLEDGE[table].column_names()
        if not path.is_file():
            return KNOWLEDGE[table].create_empty(lazy=True)
        rows = pl.scan_parquet(path)
        # Sources say head_id, relation_id, tail_id and entity_id.
        rows = rows.rename({f"{name}_id": name for name in columns}, strict=False)
        require_columns(columns, rows.collect_schema().names(), KNOWLEDGE[table], table)
        return rows.select(pl.col(columns).cast(pl.String))

    def _scan(self, table: str) -> pl.LazyFrame:
        path = self.folder / f"{table}.parquet"
        if not path.is_file():
            return SCHEMAS[table].create_empty(lazy=True)
        return with_all_columns(pl.scan_parquet(path), SCHEMAS[table])

    def with_events(self, events: pl.LazyFrame, note: str) -> Dataset:
        """This data set with other events (all columns of `schema.Events`); items and users stay as they are.

        Nothing is written. The card is made anew: counts, filled values, the fingerprint that the same rows would have
        in a folder, and `note` after the notes before. `events` is read once for it, and again at each use.
        """
        rows = with_all_columns(events, Events)
        tables = {table: self._scan(table) for table in SCHEMAS if table in self.card.filled} | {"events": rows}
        seen = {table: table_facts(frame, table) for table, frame in tables.items()}
        counts = self.card.counts | counts_of(seen["events"], "events")
        filled = self.card.filled | {"events": {name: seen["events"][name] for name in Events.column_names()}}
        mark = combine({table: facts["hash"] for table, facts in seen.items()})
        card = replace(self.card, fingerprint=mark, counts=counts, filled=filled, notes=[*self.card.notes, note])
        return Dataset(self.folder, card, rows)

    def has(self, column: str, table: str = "events") -> bool:
        """Whether any row of `table` has a value in `column`."""
        return self.card.filled.get(table, {}).get(column, 0) > 0

    def require(self, column: str, purpose: str, table: str = "events") -> None:
        """Raise a DataError saying that `purpose` (a template) needs `column`, unless the data has it."""
        if not self.has(column, table):
            raise DataError(
                "{purpose} needs the column {column}, which {name} does not have.",
                purpose=purpose, column=repr(column), name=self.name,
            )  # fmt: skip


def table_facts(rows: pl.LazyFrame, table: str, hashes: str = "") -> dict[str, int]:
    """Rows, filled values of each column, sum of row hashes, and of events the distinct users and items.

    `hashes` names the column that holds `row_hash` of the others, where it is there already.
    """
    columns = [name for name in rows.collect_schema().names() if name != hashes]
    facts = [pl.len().alias("rows"), (pl.col(hashes) if hashes else row_hash(columns)).sum().alias("hash")]
    facts += [pl.col(column).count() for column in columns]
    kinds = ("user", "item") if table == "events" else ()
    # Plans of their own: in one selection with the sums, Polars holds every column in memory until all ids are counted.
    distinct = [rows.select(pl.col(f"{kind}_id").drop_nulls().unique()).select(pl.len()) for kind in kinds]
    sums, *counts = pl.collect_all([rows.select(facts), *distinct], engine="streaming")
    return sums.row(0, named=True) | {f"{kind}s": count.item() for kind, count in zip(kinds, counts, strict=True)}


def counts_of(facts: Mapping[str, int], table: str) -> dict[str, int]:
    """What a card counts of a table with these `table_facts`."""
    if table == "events":
        return {"users": facts["users"], "items": facts["items"], "events": facts["rows"]}
    return {f"{table.removesuffix('s')}_rows": facts["rows"]}


def fingerprint(tables: dict[str, pl.LazyFrame]) -> str:
    """16 hexadecimal digits of the tables' content, the same whatever the order of rows or the file layout.

    Columns without a single value and tables without rows do not count, so a stored column of nulls changes nothing.
    Stable between processes and machines; Polars promises its hash only within one of its versions.
    """
    sums = {
        name: table.select(row_hash(table.collect_schema().names()).sum()).collect(engine="streaming").item()
        for name, table in tables.items()
    }
    return combine(sums)


def row_hash(columns: Sequence[str]) -> pl.Expr:
    """A 64-bit number a row: the values with their columns' names, nulls left out, whatever the order of columns."""
    nothing = pl.lit(0, dtype=pl.UInt64)
    values = [
        pl.when(pl.col(name).is_not_null()).then(pl.col(name).hash(seed=hash_text(name))).otherwise(nothing)
        for name in columns
    ]
    # Sums wrap around at 64 bits; the second hash keeps values from moving between rows unnoticed.
    return pl.sum_horizontal(values).hash(seed=1)


def combine(sums: Mapping[str, int]) -> str:
    """The fingerprint of tables from the sum of `row_hash` over each."""
    return f"{sum(hash_text(f'{name} {number}') for name, number in sums.items() if number) % 2**64:016x}"


def hash_text(text: str) -> int:
    """A 64-bit number of `text` that is the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def write_card(folder: Path, card: DatasetCard) -> None:
    """Write `dataset.json` into `folder`."""
    (folder / CARD).write_text(json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n", "utf-8")
