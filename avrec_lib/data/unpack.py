"""The wanted files out of an archive, and nothing else: no path leaves the folder, nothing unpacks without end."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from avrec_lib.errors import DataError, UsageError
from avrec_lib.paths import inside
from avrec_lib.strings import say

BLOCK = 1 << 20
DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError,
    EOFError, NotImplementedError, RuntimeError,
)  # fmt: skip


def unpack(archive: Path, wanted: Sequence[str], folder: Path, limit_mb: int) -> None:
    """Write the members of `archive` whose path ends with one of `wanted` to `folder`, under the paths they have there.

    Reads zip (and wheel), tar, tar.gz, tar.bz2 and tar.xz. Raises DataError for a file that is none of these, is
    damaged, or unpacks to more than `limit_mb`; UsageError for a member whose path leaves the folder.
    """
    room = limit_mb * 1_000_000
    try:
        for name, stream in _members(archive, wanted):
            target = inside(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                while block := stream.read(BLOCK):
                    room -= len(block)
                    if room < 0:
                        raise DataError(
                            "{file} unpacks to more than {limit} MB, so it is not what it should be.",
                            file=archive, limit=limit_mb,
                        )  # fmt: skip
                    file.write(block)
    except DAMAGED as error:
        raise DataError("{file} is damaged: {error}.", file=archive, error=str(error).rstrip(".")) from error


def is_wanted(path: str, wanted: Sequence[str]) -> bool:
    """Whether the last parts of `path` are those of one of `wanted`, a star standing for any text within a part."""
    return any(PurePosixPath(path).match(pattern) for pattern in wanted)


def _members(archive: Path, wanted: Sequence[str]) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                if not entry.is_dir() and is_wanted(entry.filename, wanted):
                    with opened.open(entry) as stream:
                        yield entry.filename, stream
    elif archive.is_file() and tarfile.is_tarfile(archive):
        with tarfile.open(archive) as packed:
            for member in packed:
                if member.isfile() and is_wanted(member.name, wanted):
                    content = packed.extractfile(member)
                    if content is not None:
                        yield member.name, content
    elif archive.is_file() and _first_bytes(archive) in (b"PK", b"\x1f\x8b"):
        raise EOFError(say("it was cut short"))
    else:
        raise UsageError(
            "{file} is neither a folder nor an archive.",
            hint="Expected a folder, zip, whl, tar or tar.gz.",
            file=archive,
        )


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2)
