"""A file that a person brings to be evaluated: which files it is made of, or why it cannot be read."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.imports.dialect import FileFormat
from avrec_lib.imports.files import find_files, sniff


def formats_of(path: Path, expected: str) -> list[FileFormat]:
    """How `path`, or each file of a folder, is written; empty files are left out.

    Raises UsageError when there is no such file, DataError (naming the columns `expected`) when it is no table, cannot
    be read, or is empty.
    """
    found = []
    for file in find_files([path]):
        try:
            form = sniff(file)
        except DataError as error:
            raise DataError(
                error.message, hint="Expected Parquet, CSV, TSV or JSON lines with the columns {expected}.",
                **error.values, expected=expected,
            ) from error  # fmt: skip
        except pl.exceptions.PolarsError as error:
            raise unreadable(file, error) from error
        if form is not None:
            found.append(form)
    if not found:
        raise DataError("{file} is empty.", file=path)
    return found


def unreadable(path: Path, error: Exception) -> DataError:
    """The error for a file that breaks while it is read."""
    reason = str(error).splitlines()[0].rstrip(".")
    return DataError("{file} cannot be read: {error}.", file=path, error=reason)
