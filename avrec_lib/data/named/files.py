"""Finding and reading the files of a named data set."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from avrec_lib.errors import DataError


@dataclass(frozen=True)
class Tables:
    """What a reader makes of the files: tables of the vocabulary, further tables as they are, and its choices."""

    events: pl.LazyFrame
    items: pl.LazyFrame | pl.DataFrame | None = None
    users: pl.LazyFrame | pl.DataFrame | None = None
    further: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def vocabulary(self) -> dict[str, pl.LazyFrame | pl.DataFrame]:
        """The tables that are there, by name."""
        known = {"events": self.events, "items": self.items, "users": self.users}
        return {name: table for name, table in known.items() if table is not None}


def find(folder: Path, ending: str) -> Path | None:
    """The file below `folder` whose path ends with `ending` (a star matches within a part); the shallowest, first."""
    found = [path for path in folder.rglob(Path(ending).name) if path.match(ending) and path.is_file()]
    return min(found, key=lambda path: (len(path.parts), path), default=None)


def need(folder: Path, ending: str, name: str) -> Path:
    """`find`, or a DataError that says which file `name` lacks."""
    path = find(folder, ending)
    if path is None:
        raise DataError("This does not look like {name}: it has no file {file}.", name=name, file=ending)
    return path


def read_table(
    path: Path, separator: str, columns: Sequence[str] | None = None, *, quoted: bool = False
) -> pl.DataFrame:
    """A small file as a table of strings (UTF-8, else Latin-1); `columns` when it has no header.

    A separator of two characters, as MovieLens once used, is taken as it stands.
    """
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    if len(separator) > 1:
        text = text.replace("\t", " ").replace(separator, "\t")
    return pl.read_csv(
        io.StringIO(text),
        separator="\t" if len(separator) > 1 else separator,
        has_header=columns is None,
        new_columns=columns,
        infer_schema=False,
        quote_char='"' if quoted else None,
        extra_columns="ignore",
    )
