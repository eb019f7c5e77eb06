"""From tables to a data set folder: cast to the vocabulary, checked, streamed, described, renamed into place."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dataframely as dy
import polars as pl

from avrec_lib.data.dataset import SCHEMAS, Dataset, DatasetCard, combine, counts_of, table_facts, write_card
from avrec_lib.errors import DataError
from avrec_lib.paths import data_folder, inside, replacing
from avrec_lib.schema import require_columns, with_all_columns


def write_dataset(
    target: Path | str,
    tables: Mapping[str, pl.LazyFrame | pl.DataFrame],
    *,
    name: str,
    source: str,
    licence: str,
    notes: Sequence[str] = (),
    mapping: Mapping[str, str] | None = None,
    rejected: int = 0,
    further: Mapping[str, pl.DataFrame] | None = None,
) -> Dataset:
    """Write `tables` (events, and items and users where there are any) as the data set folder `target`.

    A string `target` is a name in the data folder. Lazy tables are streamed, so they may be larger than memory; the
    order of rows is kept. `further` tables, outside the vocabulary, are kept beside them as they are (`NAME.parquet`).
    An older folder of that name is replaced at the end, or left as it was on any error. Raises DataError when a table
    lacks a column that must be filled or breaks a rule of the vocabulary.
    """
    folder = target if isinstance(target, Path) else inside(data_folder(), target)
    with replacing(folder) as beside:
        beside.mkdir(parents=True)
        for table, rows in tables.items():
            sink_table(rows, table, beside / f"{table}.parquet")
        for table, frame in (further or {}).items():
            with system_errors(beside):
                frame.write_parquet(beside / f"{table}.parquet", compression="zstd")
        card = describe_folder(
            beside, name=name, source=source, licence=licence, notes=notes, mapping=mapping, rejected=rejected
        )
        write_card(beside, card)
    return Dataset(folder, card)


def sink_table(rows: pl.LazyFrame | pl.DataFrame, table: str, path: Path) -> None:
    """Cast `rows` to the vocabulary of `table` (events, items, users), check its rules, and stream it to `path`.

    Columns outside the vocabulary are left out; absent ones need not be stored, a reader sees them as nulls.
    """
    schema, lazy = SCHEMAS[table], rows.lazy()
    present = set(lazy.collect_schema().names())
    require_columns(_must_be_filled(schema), sorted(present), schema, table)
    whole = with_all_columns(lazy, schema)
    stored = [name for name in schema.column_names() if name in present]
    try:
        with system_errors(path):
            schema.validate(whole, cast=True).lazy().select(stored).sink_parquet(path, compression="zstd")
    except (pl.exceptions.ComputeError, pl.exceptions.InvalidOperationError) as error:
        raise _broken_rows(whole, schema, table, error) from error


@contextmanager
def system_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a forbidden folder, which Polars reports as a fault of the file, back into an OSError."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        code = int(number[1])
        raise OSError(code, os.strerror(code), str(path)) from error


def describe_folder(
    folder: Path,
    *,
    name: str,
    source: str,
    licence: str,
    notes: Sequence[str] = (),
    mapping: Mapping[str, str] | None = None,
    rejected: int = 0,
    known: Mapping[str, Mapping[str, int]] | None = None,
) -> DatasetCard:
    """The card of the tables written to `folder`: counts, filled values a column and fingerprint, in one pass a table.

    Counts: `events`, the distinct `users` and `items` among them, and `user_rows` and `item_rows` of their own tables.
    `known` are the `table_facts` of tables that need not be read again.
    """
    counts: dict[str, int] = {}
    filled: dict[str, dict[str, int]] = {}
    hashes: dict[str, int] = {}
    for table, schema in SCHEMAS.items():
        path = folder / f"{table}.parquet"
        if not path.is_file():
            continue
        seen = (known or {}).get(table) or table_facts(pl.scan_parquet(path), table)
        columns = pl.read_parquet_schema(path)
        counts |= counts_of(seen, table)
        filled[table] = {column: seen[column] for column in schema.column_names() if column in columns}
        hashes[table] = seen["hash"]
    return DatasetCard(
        name, source, licence, combine(hashes), counts, filled, list(notes), dict(mapping or {}), rejected
    )


def _must_be_filled(schema: type[dy.Schema]) -> list[str]:
    """Columns that a table cannot do without; events need `item_id` too, though a search leaves it empty."""
    filled = [name for name, column in schema.columns().items() if not column.nullable]
    return [*filled, "item_id"] if "event" in schema.column_names() else filled


def _broken_rows(whole: pl.LazyFrame, schema: type[dy.Schema], table: str, error: Exception) -> DataError:
    try:
        broken = schema.filter(whole, cast=True).failure.counts()
    except pl.exceptions.PolarsError:  # the source itself cannot be read, so its rows cannot be counted
        broken = {}
    if not broken:
        return DataError(
            "The table {name} cannot be read: {error}.", name=table, error=str(error).splitlines()[0].rstrip(".")
        )
    rule, count = max(broken.items(), key=lambda pair: pair[1])
    total = whole.select(pl.len()).collect(engine="streaming").item()
    return DataError(
        "{count} of {total} rows of the table {name} break the rule {rule}.",
        count=count, total=total, name=table, rule=repr(rule),
    )  # fmt: skip
