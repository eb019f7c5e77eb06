"""Files as a stream of batches, so that a log may be larger than memory."""

from __future__ import annotations

import codecs
import lzma
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, TypeVar

import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.imports.dialect import FileFormat, one_byte
from avrec_lib.imports.files import open_bytes
from avrec_lib.imports.lines import LINE, LONGEST_RECORD, no_lines, split_block

Result = TypeVar("Result")
WORKERS = 2
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


def read_batches(file: FileFormat, use: Callable[[Batch], Result], workers: int = WORKERS) -> Iterator[Result]:
    """What `use` makes of the batches of `file`, in order. Several are split and used at once, in threads."""
    tasks = _parquet_batches(file) if file.kind == "parquet" else _text_batches(file)
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for task in tasks:
            waiting.append(pool.submit(lambda made: use(made()), task))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _parquet_batches(file: FileFormat) -> Iterator[Callable[[], Batch]]:
    try:
        lazy = pl.scan_parquet(file.path)
        total = lazy.select(pl.len()).collect().item()
        names = dict(zip(lazy.collect_schema().names(), file.columns, strict=True))
        share = file.path.stat().st_size / max(total, 1)
        for rows in lazy.rename(names).with_row_index(LINE, 1).collect_batches(maintain_order=True, chunk_size=ROWS):
            rows = flat(rows).with_columns(pl.col(LINE).cast(pl.Int64))
            yield partial(Batch, rows, no_lines(), int(share * rows.height))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError("{file} cannot be read: {error}.", file=file.path, error=str(error).splitlines()[0]) from error


def flat(rows: pl.DataFrame) -> pl.DataFrame:
    """Lists and structs as JSON text, which is what a text file would hold; other columns as they are."""

    def as_json(name: str) -> pl.Series:
        encoded = rows.select(pl.struct(pl.col(name).alias("v")).struct.json_encode()).to_series()
        inner = encoded.str.slice(len('{"v":')).str.strip_suffix("}")
        return inner.set(rows[name].is_null(), None).alias(name)

    return rows.with_columns(as_json(name) for name, dtype in rows.schema.items() if dtype.is_nested())


def _text_batches(file: FileFormat) -> Iterator[Callable[[], Batch]]:
    line, read = 1, 0
    with open_bytes(file.path) as (stream, raw):
        for block in whole_lines(stream, file):
            if line == 1 and file.header and file.kind == "delimited":
                block, line = block[block.index(b"\n") + 1 :], 2
                if not block:
                    continue
            count = block.count(b"\n")
            yield partial(_split, block, count, line, raw.tell() - read, file)
            line, read = line + count, raw.tell()


def _split(block: bytes, count: int, line: int, size: int, file: FileFormat) -> Batch:
    rows, broken = split_block(block, count, file)
    # Blank lines are no rows; their numbers are kept by the lines after them.
    broken = broken.filter(pl.col("source_text").str.strip_chars() != "")
    return Batch(_moved(rows, line), _moved(broken, line), size)


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
    end = cut
    for _ in range(LONGEST_RECORD):
        start = text.rfind(b"\n", 0, max(end - 1, 0)) + 1
        if text.count(b'"', start, end) % 2:
            # The line opens a quote or closes one: all the quotes before it tell which.
            opens = text.count(b'"', 0, start) % 2 == 0
            return start if opens else cut
        end = start
    return cut


def _one_dialect(block: bytes, file: FileFormat) -> bytes:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if len(file.separator) > 1:
        block = block.replace(file.separator.encode(), one_byte(file.separator).encode())
    return block.replace(b'\\"', b'""') if file.backslash else block
