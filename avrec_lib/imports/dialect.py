"""How a text table is written: its separator, its quotes, whether it has a header."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from avrec_lib.errors import DataError

Kind = Literal["delimited", "jsonl", "parquet"]
FEW = 3
SEPARATORS = (",", "\t", ";", "|", "::", " ")
RESERVED = ("rejected_reason", "source_file", "source_line", "source_text", "read_as", "row_hash")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class FileFormat:
    """How one file is written. `columns` are the header's names, or column_1 … where there is no header."""

    path: Path
    kind: Kind
    columns: tuple[str, ...]
    encoding: str = "utf-8"
    separator: str = ","
    quoted: bool = True
    backslash: bool = False  # a quote inside quotes is written \" and not ""
    header: bool = True


def sniff_delimited(path: Path, lines: Sequence[str], given: str | None, encoding: str) -> FileFormat:
    some = list(lines[:200]) + [line for line in lines[200:] if '"' in line][:300]
    separator = given or _best_separator(some, path)
    # TSV has no quotes by tradition; a comma table has, unless its quoted lines read better without.
    plain_width = _common([line.count(separator) + 1 for line in some])[0]
    quoted_rows = list(_strict_rows(some, separator))
    width = _common([len(row) for row in quoted_rows])[0] if quoted_rows else plain_width
    with_quotes = [line for line in some if '"' in line]
    backslash = any(re.search(r'\\"[^' + re.escape(separator[0]) + "]", line) for line in with_quotes)
    quoted = separator == "," or _all_quoted_somewhere(with_quotes, separator)
    if with_quotes and not backslash:
        plain = sum(line.count(separator) + 1 == plain_width for line in with_quotes)
        strict = sum(len(row) == width for row in _strict_rows(with_quotes, separator))
        # A few broken lines are no proof that quotes mean nothing.
        quoted = strict > plain or (quoted and plain - strict <= max(FEW, len(with_quotes) // 2))
    first = next(_strict_rows(lines[:1], separator), None) if quoted else None
    first = [cell.strip() for cell in first or lines[0].split(separator)]
    rest = [line.split(separator) for line in some[1:]] if not quoted else quoted_rows[1:]
    header = _looks_like_header(first, rest)
    names = first if header else []
    columns = [name or f"column_{place}" for place, name in enumerate(names, 1)]
    columns = columns or [f"column_{place}" for place in range(1, len(first) + 1)]
    if len(columns) < 2:
        raise DataError(
            "{file} has one column only, {column}.", hint="Say what stands between the columns: --separator ';'.",
            file=path, column=repr(columns[0]),
        )  # fmt: skip
    return FileFormat(path, "delimited", unlike(columns), encoding, separator, quoted, backslash and quoted, header)


def unlike(names: Sequence[str]) -> tuple[str, ...]:
    """Names without repeats, none of them one that the import needs for itself."""
    names = [f"{name}_" if name in RESERVED else name for name in names]
    return tuple(f"{name}_{place}" if name in names[:place] else name for place, name in enumerate(names))


def one_byte(separator: str) -> str:
    """A separator of several characters is replaced by the unit separator before lines are split."""
    return separator if len(separator) == 1 else "\x1f"


def _strict_rows(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    """The lines that are whole CSV records by themselves."""
    for line in lines:
        try:
            mark = one_byte(separator)
            yield from csv.reader([line.replace(separator, mark)], delimiter=mark, strict=True)
        except csv.Error:
            continue


def _best_separator(lines: Sequence[str], path: Path) -> str:
    """The separator that cuts most lines into the same number of fields, then into more fields."""
    scores = []
    for order, separator in enumerate(SEPARATORS):
        plain = [line.count(separator) + 1 for line in lines]
        for widths in ([len(row) for row in _strict_rows(lines, separator)], plain):
            width, times = _common(widths)
            if width > 1 and (separator != " " or times == len(lines)):
                scores.append((round(times / len(lines), 1), -order if width > 2 else -order - 10, separator))
    if not scores:
        raise DataError(
            "{file} is no table: no separator among comma, tab, semicolon, bar, double colon and space fits.",
            hint="Say what stands between the columns: --separator ';'.", file=path,
        )  # fmt: skip
    return max(scores)[2]


def _common(widths: Sequence[int]) -> tuple[int, int]:
    """The most frequent number and how often it occurs."""
    most = max(set(widths), key=widths.count, default=0)
    return most, widths.count(most)


def _all_quoted_somewhere(lines: Sequence[str], separator: str) -> bool:
    """Whether in some column every value stands in quotes."""
    rows = [line.split(separator) for line in lines]
    columns = zip(*rows, strict=False)
    return any(all(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in column) for column in columns)


def _looks_like_header(cells: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """A first line without a number or a date, none of whose cells occurs again in its column.

    (All of them occurring again is a header too: files that were joined with their headers.)
    """
    if any(NUMBER.fullmatch(cell) or re.match(r"\d{4}-\d\d-\d\d", cell) for cell in cells):
        return False
    again = [any(row[place : place + 1] == [cell] for row in rest) for place, cell in enumerate(cells)]
    return not any(again) or all(again)
