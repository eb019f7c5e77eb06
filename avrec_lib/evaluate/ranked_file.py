"""A stranger's recommendations as they stand in a file: which column is which, and what each cell says."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.evaluate.brought_file import formats_of, unreadable
from avrec_lib.imports.blocks import read_batches
from avrec_lib.imports.column_names import NAMES, forms_of
from avrec_lib.imports.dialect import FileFormat
from avrec_lib.imports.files import SUFFIXES
from avrec_lib.imports.values import ids, numbers

ROW = "row"
READ = ("model", "window", "query_id", "user_id", "item_id", "rank", "score")
SYNONYMS: Mapping[str, str] = {
    "user_id": NAMES["events"]["user_id"],
    "item_id": NAMES["events"]["item_id"] + " recommendation recommended recommendations items doc document docid",
    "query_id": NAMES["events"]["request_id"] + " qid query queryid",
    "rank": NAMES["events"]["position"] + " order place ranking",
    "score": "score scores prediction predictions pred predicted rating estimate relevance probability confidence "
    "similarity logit weight value",
}
ONE_OF = (("item_id",), ("query_id", "user_id"), ("rank", "score"))


@dataclass(frozen=True)
class RankedFile:
    """`rows` has `row` (the order of the file) and of `READ` what the file has: ids, model as text, window Int64,
    rank and score Float64 (null where there is none or where it cannot be read).

    `model` is the name of the file, for rows without a column of that name. `unreadable` counts lines of text that are
    no rows, `without_ids` rows that name no item or nobody to show it to; neither is in `rows`.
    """

    path: Path
    model: str
    rows: pl.DataFrame
    unreadable: int
    without_ids: int


def read_ranked_file(path: Path) -> RankedFile:
    """Read Parquet, CSV, TSV or JSON lines, packed or not; a folder is read as the parts of one table.

    Ids of any type become text (12.0 is 12). Raises UsageError when there is no such file; DataError when it is empty,
    no table, lacks a column (with the one that is probably meant), or holds lists instead of rows.
    """
    parts, unreadable = [], 0
    for file in formats_of(path, _expected()):
        columns = _columns(file)
        rows, broken = _read(file, columns)
        parts.append(rows)
        unreadable += broken
    rows = pl.concat(parts, how="diagonal")
    if rows.is_empty():
        raise DataError("{file} has no rows.", file=path)
    asks = [name for name in ("query_id", "user_id") if name in rows.columns]
    named = pl.col("item_id").is_not_null() & pl.any_horizontal(pl.col(name).is_not_null() for name in asks)
    whole = rows.with_row_index(ROW).filter(named)
    return RankedFile(path, _stem(path), whole, unreadable, rows.height - whole.height)


def _columns(file: FileFormat) -> list[str]:
    """The columns of `file` that are ours; DataError saying which is missing and which one is probably meant."""
    if not file.header and file.kind == "delimited":
        raise DataError(
            "The first line of {file} does not name the columns.", hint="Expected the columns {expected}.",
            file=file.path, expected=_expected(),
        )  # fmt: skip
    missing = [choice for choice in ONE_OF if not set(choice) & set(file.columns)]
    if missing:
        meant = {theirs: ours for choice in missing for ours, theirs in _meant(choice, file.columns).items()}
        raise DataError(
            "{file} has no column {missing}.",
            hint="Rename {pairs}." if meant else "It has {present}; expected {expected}.",
            file=file.path, missing=", ".join("/".join(choice) for choice in missing),
            pairs=", ".join(f"{theirs} → {ours}" for theirs, ours in meant.items()),
            present=", ".join(file.columns), expected=_expected(),
        )  # fmt: skip
    return [name for name in READ if name in file.columns]


def _expected() -> str:
    return ", ".join("/".join(choice) for choice in ONE_OF)


def _meant(choice: Sequence[str], columns: Collection[str]) -> dict[str, str]:
    """One of ours -> the column of theirs that by its name is probably it."""
    for ours in choice:
        known = SYNONYMS[ours].split()
        fit = [name for name in columns if name not in READ and forms_of(name, ours) & set(known)]
        if fit:
            return {ours: fit[0]}
    return {}


def _read(file: FileFormat, columns: Sequence[str]) -> tuple[pl.DataFrame, int]:
    """The rows of one file in our types, and how many of its lines are no rows."""
    if file.kind == "parquet":
        try:
            return _typed(pl.read_parquet(file.path, columns=list(columns)), file), 0
        except (pl.exceptions.PolarsError, OSError) as error:
            raise unreadable(file.path, error) from error
    batches = list(read_batches(file, lambda batch: (_typed(batch.rows.select(columns), file), batch.broken.height)))
    nothing = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return pl.concat([rows for rows, _ in batches] or [nothing]), sum(broken for _, broken in batches)


def _typed(rows: pl.DataFrame, file: FileFormat) -> pl.DataFrame:
    lists = [name for name, dtype in rows.schema.items() if dtype.is_nested()]
    if not lists and rows.schema["item_id"] == pl.String:
        lists = ["item_id"] if rows["item_id"].drop_nulls().head(100).str.contains(r"^\s*\[.*\]\s*$").any() else []
    if lists:
        raise DataError(
            "The column {column} of {file} holds lists.", hint="Expected one row an item: explode it.",
            column=repr(lists[0]), file=file.path,
        )  # fmt: skip
    made = []
    for name in rows.columns:
        if name.endswith("_id") or name == "model":
            made.append(ids(rows[name]))
        elif name == "window":
            made.append(numbers(rows[name]).cast(pl.Int64, strict=False))
        else:
            made.append(numbers(rows[name]))
    return pl.DataFrame(made)


def _stem(path: Path) -> str:
    """The file's name without what only says how it is written: recs.csv.gz is recs."""
    name = path.absolute().name
    for suffix in reversed(path.suffixes[-2:]):
        if suffix.lstrip(".").lower() in (*SUFFIXES, "gz", "bz2", "xz"):
            name = name.removesuffix(suffix)
    return name
