"""A block of lines as columns of text; lines that cannot be split are set aside.

One broken line costs one line: a block is split by Polars, which stops or loses its step at a stray quote; only then
is that block looked at line by line.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from avrec_lib.imports.dialect import FileFormat, one_byte

LINE = "source_line"
LONGEST_RECORD = 200  # lines that one quoted field may span
BY_HAND = 1000  # so few lines are no longer halved to find the broken one, but read one by one
NO_LETTER = "\ufffd".encode()  # what a decoder puts where bytes mean nothing
END = "\x01"  # stands after the last field of a line while it is split; a field out of place moves it
ERRORS = (pl.exceptions.ComputeError, pl.exceptions.SchemaError)


def no_lines() -> pl.DataFrame:
    """A table of broken lines that is empty."""
    return pl.DataFrame(schema={LINE: pl.Int64, "source_text": pl.String})


def split_block(block: bytes, count: int, file: FileFormat) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows and broken lines of a block of `count` lines; `source_line` counts from 0."""
    if file.kind == "jsonl":
        return _split_json(block, count, file)
    quoted = file.quoted and b'"' in block
    if b"\0" in block or (file.encoding != "utf-8" and NO_LETTER in block):
        return _split_by_line(block, file)
    try:
        fields = _scan(block, file, quoted)
        if fields.height == count and _all_whole(fields, block, count, file, quoted):
            return _named(fields[:, :-1].with_row_index(LINE), file), no_lines()
        fields = _scan(block.replace(b"\n", f"{one_byte(file.separator)}{END}\n".encode()), file, quoted)
    except ERRORS:
        return _split_by_line(block, file)
    if fields.height != count:
        return _split_by_line(block, file)
    fields = fields.with_row_index(LINE)
    whole = (fields[:, -1] == END).fill_null(value=False)
    if whole.all():
        return _named(fields[:, :-1], file), no_lines()
    wrong = (~whole).arg_true()
    lines = block.split(b"\n")
    broken = pl.DataFrame({LINE: wrong, "source_text": [lines[place].decode() for place in wrong]}, no_lines().schema)
    return _named(fields.filter(whole)[:, :-1], file), broken


def _all_whole(fields: pl.DataFrame, block: bytes, count: int, file: FileFormat, quoted: bool) -> bool:
    """Whether no line has a field too many, and none too few: a null in the last column may be an absent one."""
    if fields[:, -1].null_count() < fields.height:
        return False
    if not fields[:, -2].null_count():
        return True
    return not quoted and block.count(one_byte(file.separator).encode()) == count * (len(file.columns) - 1)


def _scan(block: bytes, file: FileFormat, quoted: bool) -> pl.DataFrame:
    """The fields of `block` as text, with one column more than the file has."""
    return pl.scan_csv(
        block, has_header=False, schema={f"field_{place}": pl.String for place in range(len(file.columns) + 1)},
        separator=one_byte(file.separator), quote_char='"' if quoted else None,
        truncate_ragged_lines=True, missing_columns="insert", extra_columns="ignore",
    ).collect()  # fmt: skip


def _named(fields: pl.DataFrame, file: FileFormat) -> pl.DataFrame:
    return fields.rename(dict(zip(fields.columns[1:], file.columns, strict=True)))


def _table(lines: Sequence[int], rows: Sequence[Sequence[str]], file: FileFormat) -> pl.DataFrame:
    cells = zip(*rows, strict=True) if rows else ([] for _ in file.columns)
    columns = {LINE: list(lines)} | {
        name: [cell or None for cell in column] for name, column in zip(file.columns, cells, strict=True)
    }
    return pl.DataFrame(columns, {LINE: pl.UInt32} | dict.fromkeys(file.columns, pl.String))


def _split_by_line(block: bytes, file: FileFormat) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The careful way: lines with what is no text, and lines with an odd quote are settled one by one, first."""
    broken: list[tuple[int, str]] = []
    even: list[tuple[int, str]] = []
    odd: list[tuple[int, str]] = []
    for number, line in enumerate(block.removesuffix(b"\n").split(b"\n")):
        text = line.decode(errors="replace")
        if "\ufffd" in text or "\0" in text:
            broken.append((number, text))
            continue
        (odd if file.quoted and text.count('"') % 2 else even).append((number, text))
    records, taken, lost = _join_records(odd, block, file) if odd else ([], set(), [])
    broken += lost
    frames = [_table([number for number, _ in records], [row for _, row in records], file)]
    for rows, wrong in _halves([line for line in even if line[0] not in taken], file):
        frames.append(rows)
        broken += wrong
    table = pl.DataFrame(sorted(broken), no_lines().schema, orient="row")
    return pl.concat(frames).sort(LINE), table


def _halves(lines: Sequence[tuple[int, str]], file: FileFormat) -> Iterator[tuple[pl.DataFrame, list[tuple[int, str]]]]:
    """Split `lines` together; where that fails, each half alone, and few lines one by one."""
    if not lines:
        return
    if len(lines) > BY_HAND:
        end = f"{one_byte(file.separator)}{END}\n"
        try:
            fields = _scan((end.join(text for _, text in lines) + end).encode(), file, file.quoted)
        except ERRORS:
            fields = pl.DataFrame()
        if fields.height == len(lines):
            numbers = pl.Series(LINE, [number for number, _ in lines], dtype=pl.UInt32)
            whole = (fields[:, -1] == END).fill_null(value=False)
            rows = _named(fields.insert_column(0, numbers).filter(whole)[:, :-1], file)
            yield rows, [lines[place] for place in (~whole).arg_true()]
            return
        middle = len(lines) // 2
        yield from _halves(lines[:middle], file)
        yield from _halves(lines[middle:], file)
        return
    good, wrong = [], []
    for number, text in lines:
        row = one_record(text, file)
        if row is None:
            wrong.append((number, text))
        else:
            good.append((number, row))
    yield _table([number for number, _ in good], [row for _, row in good], file), wrong


def one_record(text: str, file: FileFormat) -> list[str] | None:
    """The fields of `text` when it is one record of the right width."""
    if not file.quoted:
        row = text.split(one_byte(file.separator))
        return row if len(row) == len(file.columns) else None
    try:
        rows = list(csv.reader([text], delimiter=one_byte(file.separator), strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 and len(rows[0]) == len(file.columns) else None


def _join_records(
    odd: Iterable[tuple[int, str]], block: bytes, file: FileFormat
) -> tuple[list[tuple[int, list[str]]], set[int], list[tuple[int, str]]]:
    """Records among lines with an odd number of quotes: alone, or from one such line to the next.

    Returns records with their first line, the lines they swallow, and the lines that fit nowhere.
    """
    lines = block.split(b"\n")
    records: list[tuple[int, list[str]]] = []
    taken: set[int] = set()
    lost: list[tuple[int, str]] = []
    waiting: tuple[int, str] | None = None
    for number, text in odd:
        if waiting and number - waiting[0] <= LONGEST_RECORD:
            between = [line.decode(errors="replace") for line in lines[waiting[0] + 1 : number]]
            row = one_record("\n".join([waiting[1], *between, text]), file)
            # Whole records in between mean two broken lines, not one long field.
            if row is not None and not (between and all(one_record(line, file) for line in between)):
                records.append((waiting[0], row))
                taken.update(range(waiting[0], number + 1))
                waiting = None
                continue
        row = one_record(text, file)
        if row is not None:
            records.append((number, row))
            continue
        if waiting:
            lost.append(waiting)
        waiting = (number, text)
    return records, taken, [*lost, waiting] if waiting else lost


def _split_json(block: bytes, count: int, file: FileFormat) -> tuple[pl.DataFrame, pl.DataFrame]:
    schema = dict.fromkeys(file.columns, pl.String)
    try:
        rows = pl.read_ndjson(block, schema=schema)
    except pl.exceptions.PolarsError:
        rows = pl.DataFrame()
    if rows.height == count:
        return rows.with_row_index(LINE), no_lines()
    good: list[tuple[int, list[str]]] = []
    broken = []
    for number, line in enumerate(block.removesuffix(b"\n").split(b"\n")):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            good.append((number, [_json_text(row.get(name)) for name in file.columns]))
        else:
            broken.append((number, line.decode(errors="replace")))
    table = _table([number for number, _ in good], [row for _, row in good], file)
    return table, pl.DataFrame(broken, no_lines().schema, orient="row")


def _json_text(value: object) -> str:
    """A JSON value as Polars reads it into a text column: 1.0 is 1, and a list stays JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
