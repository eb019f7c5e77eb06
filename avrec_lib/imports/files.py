"""Which files a person means, and what each is: packed or not, Parquet, JSON lines or a text table, its encoding."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from avrec_lib.errors import DataError, UsageError, nearest
from avrec_lib.imports.dialect import FileFormat, sniff_delimited, unlike

SUFFIXES = ("csv", "tsv", "txt", "dat", "data", "inter", "log", "json", "jsonl", "ndjson", "parquet", "pq")
PACKED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
SAMPLE_BYTES = 1 << 20
FEW_ZEROS = 0.01  # a crash leaves some in a log of text
PLACES = 8  # where in a plain file the sample is taken


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The data files among `paths`, folders searched, in natural order (part-2 before part-10).

    Raises UsageError for a path that is not there, DataError for a folder without data files.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [file for file in path.rglob("*") if file.is_file() and _is_data(file.relative_to(path))]
            if not inside:
                raise DataError(
                    "The folder {folder} holds no data files.", hint="Expected files ending in {known}.",
                    folder=path, known=", ".join(SUFFIXES),
                )  # fmt: skip
            files += sorted(inside, key=lambda file: _natural(str(file)))
        elif path.exists():
            files.append(path)
        else:
            beside = [file.name for file in path.parent.glob("*")] if path.parent.is_dir() else []
            guess = nearest(path.name, beside)
            raise UsageError(
                "There is no file {file}.", hint="Did you mean {guess}?" if guess else "",
                file=path, guess=path.with_name(guess) if guess else "",
            )  # fmt: skip
    return files


def _is_data(path: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.parts)
    prose = re.search(r"readme|licen[cs]e", path.name.lower())
    return not hidden and not prose and any(suffix.lstrip(".").lower() in SUFFIXES for suffix in path.suffixes[-2:])


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


@contextmanager
def open_bytes(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """`path` for reading, unpacked when it is gzip, bzip2 or xz by its first bytes; and the file itself, for `tell`."""
    with path.open("rb") as raw:
        start = raw.read(6)
        raw.seek(0)
        unpack = next((unpack for magic, unpack in PACKED.items() if start.startswith(magic)), None)
        if unpack is None:
            yield raw, raw
        else:
            with cast(Any, unpack)(raw) as unpacked:
                yield unpacked, raw


def sniff(path: Path, separator: str | None = None, encoding: str | None = None) -> FileFormat | None:
    """How `path` is written, or None when it is empty. Raises DataError for what is no table."""
    sample = read_sample(path)
    if not sample:
        return None
    if sample.startswith(b"PAR1"):
        import polars as pl

        try:
            names = pl.scan_parquet(path).collect_schema().names()
        except pl.exceptions.PolarsError as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise DataError("{file} cannot be read: {error}.", file=path, error=reason) from error
        return FileFormat(path, "parquet", unlike(names))
    encoding = encoding or guess_encoding(sample, path)
    text = decode(sample, encoding, path)
    if "\r" in text and "\n" not in text:
        raise DataError(
            "{file} ends its lines as old Macintosh programs do.",
            hint="Mend it with: tr '\\r' '\\n' < {file}.",
            file=path,
        )
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    if not lines:
        return None
    if lines[0].lstrip().startswith(("{", "[")):
        return FileFormat(path, "jsonl", _json_columns(lines, path), encoding)
    return sniff_delimited(path, lines, separator, encoding)


def read_sample(path: Path) -> bytes:
    """About a megabyte of whole lines: the start, and for a plain file also pieces from all over it."""
    pieces = []
    with open_bytes(path) as (file, raw):
        plain = file is raw
        size = path.stat().st_size
        if not plain or size <= SAMPLE_BYTES:
            try:
                sample = file.read(SAMPLE_BYTES)
            except (OSError, EOFError, lzma.LZMAError) as error:
                raise DataError("{file} cannot be unpacked: {error}.", file=path, error=error) from error
            return sample if plain else sample[: sample.rfind(b"\n") + 1] or sample
        for place in range(PLACES):
            file.seek(place * (size // PLACES))
            piece = file.read(SAMPLE_BYTES // PLACES)
            # A two-byte encoding loses its step when cut at a byte: such a file is sampled at its start only.
            if place and b"\0" in piece:
                break
            pieces.append(piece[(piece.find(b"\n") + 1 if place else 0) : piece.rfind(b"\n") + 1])
    return b"".join(pieces) or piece


def guess_encoding(sample: bytes, path: Path) -> str:
    """utf-8, utf-16, gb18030 or latin-1 by the bytes of `sample`; DataError when they are no text at all."""
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if sample.count(b"\0") > len(sample) * FEW_ZEROS:
        for encoding in ("utf-16-le", "utf-16-be"):
            text = sample[: len(sample) // 2 * 2].decode(encoding, errors="replace")
            if "\n" in text and sum(map(_is_text, text[:4096])) > len(text[:4096]) * 0.97:
                return encoding
        raise _not_a_table(path, sample)
    if sum(byte < 32 and byte not in b"\t\n\r\f\x01\x1b\x1f" for byte in sample[:4096]) > len(sample[:4096]) * 0.02:
        raise _not_a_table(path, sample)
    high = [line for line in sample.split(b"\n") if not line.isascii()]
    broken = sum(not _decodes(line, "utf-8") for line in high)
    if broken * 2 <= len(high):
        return "utf-8-sig" if sample.startswith(b"\xef\xbb\xbf") else "utf-8"
    # Chinese text has its high bytes in pairs, both of them high; Western text has them one by one.
    high_bytes = sum(byte >= 0x80 for byte in b"".join(high))
    paired = sum(len(pair) for pair in re.findall(rb"[\xb0-\xf7][\xa1-\xfe]|[\xa1-\xa9][\xa1-\xfe]", b"".join(high)))
    return "gb18030" if paired > high_bytes * 0.8 else "cp1252" if _decodes(sample, "cp1252") else "latin-1"


def _is_text(letter: str) -> bool:
    return (letter.isprintable() or letter in "\t\r\n") and letter != "\ufffd"


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _not_a_table(path: Path, sample: bytes) -> DataError:
    zipped = sample.startswith(b"PK")
    return DataError(
        "{file} is a zip or Excel file, not a table of text." if zipped else "{file} is a binary file, not a table.",
        hint="Expected CSV, TSV, JSON lines or Parquet (each may be gzipped).", file=path,
    )  # fmt: skip


def decode(sample: bytes, encoding: str, path: Path) -> str:
    """`sample` as text; DataError naming the encoding when there is no such encoding."""
    try:
        return sample.decode(encoding, errors="replace").removeprefix("\ufeff")
    except LookupError:
        raise UsageError(
            "There is no encoding named {name}.", hint="Known: {known}.",
            name=repr(encoding), known="utf-8, utf-16, gb18030, latin-1, cp1252, …", file=path,
        ) from None  # fmt: skip


def _json_columns(lines: Sequence[str], path: Path) -> tuple[str, ...]:
    """The keys of the sampled objects in order of appearance."""
    keys: dict[str, None] = {}
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            keys.update(dict.fromkeys(row))
    if not keys:
        raise DataError(
            "{file} holds no JSON lines.",
            hint="Expected one JSON object a line; `jq -c '.[]' {file}` makes lines of one array.", file=path,
        )  # fmt: skip
    return tuple(keys)
