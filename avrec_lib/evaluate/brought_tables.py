"""Tables of a person's own log of rounds as they stand in files: which column is which, and what each cell says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from avrec_lib.errors import DataError, nearest
from avrec_lib.evaluate.brought_file import formats_of, unreadable
from avrec_lib.imports.blocks import read_batches
from avrec_lib.imports.column_names import NAMES, forms_of
from avrec_lib.imports.dialect import FileFormat
from avrec_lib.imports.lines import LINE
from avrec_lib.imports.times import detect_times, read_times
from avrec_lib.imports.values import ids, numbers, unread

OLDER = "before_"  # what an amount was before a test: never the amount itself
SYNONYMS = {
    **NAMES["events"],
    "reward": "reward rewards outcome payoff return",
    "probability": NAMES["events"]["propensity"] + " prob targetprobability",
    "round_id": "roundid round impressionid eventid",
}


@dataclass(frozen=True, eq=False)
class BroughtTable:
    """`rows` has the columns that were wanted as they stand in the file; `unused` are the names of the others, and
    `broken` counts lines of text that are no rows.
    """

    path: Path
    rows: pl.DataFrame
    unused: Sequence[str]
    broken: int


def read_brought(
    path: Path, needed: Sequence[Sequence[str]], wanted: Callable[[Sequence[str]], Collection[str]]
) -> BroughtTable:  # fmt: skip
    """The columns that `wanted` picks of the columns of Parquet, CSV, TSV or JSON lines, packed or not.

    A folder is read as the parts of one table, in natural order. Of each of `needed` the file must have one. Raises
    UsageError when there is no such file; DataError when it is empty, broken, no table, or lacks a column (with the one
    that is probably meant).
    """
    expected = ", ".join("/".join(choice) for choice in needed)
    parts, broken, unused = [], 0, dict[str, None]()
    for file in formats_of(path, expected):
        if not file.header and file.kind == "delimited":
            raise DataError("The first line of {file} does not name the columns.",
                            hint="Expected the columns {expected}.", file=file.path, expected=expected)  # fmt: skip
        _check_columns(file, needed, expected)
        picked = wanted(file.columns)
        columns = [name for name in file.columns if name in picked]
        unused |= dict.fromkeys(name for name in file.columns if name not in picked)
        rows, odd = _read(file, columns)
        parts.append(rows)
        broken += odd
    try:
        rows = pl.concat(parts, how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        raise unreadable(path, error) from error
    if rows.is_empty():
        raise DataError("{file} has no rows.", file=path)
    return BroughtTable(path, rows, list(unused), broken)


def id_column(table: BroughtTable, name: str, *, needed: bool = False) -> pl.Series:
    """A column of ids as text (12.0 is 12). Raises DataError for lists, and where it is `needed` for empty ones."""
    values = table.rows[name]
    if values.dtype.is_nested():
        raise DataError("The column {column} of {file} holds lists.", hint="Expected one row an item: explode it.",
                        column=repr(name), file=table.path)  # fmt: skip
    found = ids(values)
    if needed and found.null_count():
        raise DataError("{count} of {rows} rows of {file} have no {column}.", count=found.null_count(),
                        rows=found.len(), file=table.path, column=name)  # fmt: skip
    return found


def number_column(table: BroughtTable, name: str) -> pl.Series:
    """A column of numbers as Float64, null where there is none. Raises DataError for words."""
    values = table.rows[name]
    read = pl.Series(name, [None] * values.len(), dtype=pl.Float64) if values.dtype.is_nested() else numbers(values)
    wrong = unread(values, read)
    if wrong.any():
        raise DataError(
            "The column {column} of {file} has {value} where a number is expected, and {count} such values in all.",
            hint="Expected numbers such as 0.25, and nothing where there is none.",
            column=repr(name), file=table.path, value=repr(values.filter(wrong)[0]), count=int(wrong.sum()),
        )  # fmt: skip
    return read


def time_column(table: BroughtTable, name: str) -> pl.Series:
    """A column of times in UTC, null where there is none or where it cannot be read."""
    values = table.rows[name]
    reading = detect_times(values)
    if reading is None:
        return pl.Series(name, [None] * values.len(), dtype=pl.Datetime("us", "UTC"))
    return read_times(values, reading).alias(name)


def number_or_word(values: pl.Series) -> pl.Series:
    """A column of text as numbers where all of it can be read so, else as it is."""
    if values.dtype != pl.String:
        return values
    read = numbers(values)
    return values if unread(values, read).any() else read


def _check_columns(file: FileFormat, needed: Sequence[Sequence[str]], expected: str) -> None:
    missing = [choice for choice in needed if not set(choice) & set(file.columns)]
    if not missing:
        return
    pairs = dict(pair for choice in missing if (pair := _meant(choice, file.columns)))
    raise DataError(
        "{file} has no column {missing}.",
        hint="Rename {pairs}." if pairs else "It has {present}; expected {expected}.",
        file=file.path, missing=", ".join("/".join(choice) for choice in missing),
        pairs=", ".join(f"{theirs} → {ours}" for theirs, ours in pairs.items()), present=", ".join(file.columns),
        expected=expected,
    )  # fmt: skip


def _meant(choice: Sequence[str], columns: Sequence[str]) -> tuple[str, str] | None:
    """A column of theirs and the one of `choice` that it probably is: by what the field calls it, else by its look."""
    for ours in choice:
        known = SYNONYMS.get(ours, "").split()
        fit = [name for name in columns if forms_of(name, ours) & set(known)]
        if fit:
            return fit[0], ours
    # What the field calls something else is not meant, however alike the letters.
    free = [
        name for name in columns
        if not name.startswith(OLDER)
        and not any(forms_of(name, other) & set(words.split()) for other, words in SYNONYMS.items())
    ]  # fmt: skip
    close = ((nearest(ours, free), ours) for ours in choice)
    return next((pair for pair in close if pair[0]), None)


def _read(file: FileFormat, columns: Sequence[str]) -> tuple[pl.DataFrame, int]:
    if file.kind == "parquet":
        try:
            return pl.read_parquet(file.path, columns=list(columns)), 0
        except (pl.exceptions.PolarsError, OSError) as error:
            raise unreadable(file.path, error) from error
    batches = list(read_batches(file, lambda batch: (batch.rows.drop(LINE).select(columns), batch.broken.height)))
    nothing = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return pl.concat([rows for rows, _ in batches] or [nothing]), sum(broken for _, broken in batches)
