"""Files as a stream of batches, so that a log may be larger than memory."""

from __future__ import annotations

import codecs
import lzma
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

import polars as pl

from avrec_lib.data.import_dialect import FileFormat, one_byte
from avrec_lib.data.import_files import open_bytes
from avrec_lib.data.import_lines import LINE, LONGEST_RECORD, no_lines, split_block
from avrec_lib.errors import DataError

BLOCK_BYTES = 16 << 20
ROWS = 500_000  # of a typed file in one batch
LONGEST_LINE = 256 << 20


@dataclass(frozen=True)
class Batch:
    """`rows` has `source_line` (from 1) and the file's columns, as text unless the file has types.

    `broken` has `source_line` and `source_text` of lines that are no rows. `size` counts bytes of the file, about.
    """

    rows: pl.DataFrame
    broken: pl.DataFrame
    size: int


def read_batches(file: FileFormat) -> Iterator[Batch]:
    """The rows of `file` in order. The next batch is prepared while the caller works on this one."""
    batches = _parquet_batches(file) if file.kind == "parquet" else _text_batches(file)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch


def _parquet_batches(file: FileFormat) -> Iterator[Batch]:
    try:
        lazy = pl.scan_parquet(file.path)
        total = lazy.select(pl.len()).collect().item()
        names = dict(zip(lazy.collect_schema().names(), file.columns, strict=True))
        share = file.path.stat().st_size / max(total, 1)
        for rows in lazy.rename(names).with_row_index(LINE, 1).collect_batches(maintain_order=True, chunk_size=ROWS):
            yield Batch(rows.with_columns(pl.col(LINE).cast(pl.Int64)), no_lines(), int(share * rows.height))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError("{file} cannot be read: {error}.", file=file.path, error=str(error).splitlines()[0]) from error


def _text_batches(file: FileFormat) -> Iterator[Batch]:
    line, read = 1, 0
    with open_bytes(file.path) as (stream, raw):
        for block in whole_lines(stream, file):
            count = block.count(b"\n")
            if line == 1 and file.header and file.kind == "delimited":
                cut = block.index(b"\n") + 1
                block, line, count = block[cut:], 2, count - 1
                if not block:
                    continue
            rows, broken = split_block(block, count, file)
            # Blank lines are no rows; their numbers are kept by the lines after them.
            broken = broken.filter(pl.col("source_text").str.strip_chars() != "")
            yield Batch(_moved(rows, line), _moved(broken, line), raw.tell() - read)
            line, read = line + count, raw.tell()


def _moved(frame: pl.DataFrame, first: int) -> pl.DataFrame:
    return frame.with_columns(pl.col(LINE).cast(pl.Int64) + first)


def whole_lines(stream: BinaryIO, file: FileFormat, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """`stream` as blocks of whole UTF-8 lines, each ending in a line feed."""
    decoder = None if file.encoding == "utf-8" else codecs.getincrementaldecoder(file.encoding)(errors="replace")
    rest = b""
    while True:
        try:
            piece = stream.read(block_bytes)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise DataError("{file} cannot be read to its end: {error}.", file=file.path, error=error) from error
        text = piece if decoder is None else decoder.decode(piece, final=not piece).encode("utf-8", "replace")
        text = rest + text if rest else text
        if not piece and text and not text.endswith(b"\n"):
            text += b"\n"
        cut = text.rfind(b"\n") + 1
        if piece and file.quoted:
            cut = _before_open_quote(text, cut)
        rest = text[cut:]
        if len(rest) > LONGEST_LINE:
            raise DataError(
                "{file} has no line end within {megabytes} MB.", hint="Is it a table?",
                file=file.path, megabytes=LONGEST_LINE >> 20,
            )  # fmt: skip
        if cut:
            yield _one_dialect(text[:cut], file)
        if not piece:
            return


def _before_open_quote(text: bytes, cut: int) -> int:
    """`cut`, or the start of the last line before it that opens a quote and does not close it."""
    if text.count(b'"', 0, cut) % 2 == 0:
        return cut
    end = cut
    for _ in range(LONGEST_RECORD):
        start = text.rfind(b"\n", 0, max(end - 1, 0)) + 1
        if text.count(b'"', start, end) % 2:
            return start or cut
        end = start
    return cut


def _one_dialect(block: bytes, file: FileFormat) -> bytes:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if len(file.separator) > 1:
        block = block.replace(file.separator.encode(), one_byte(file.separator).encode())
    return block.replace(b'\\"', b'""') if file.backslash else block
