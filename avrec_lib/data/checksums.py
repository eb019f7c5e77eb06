"""Is the file the one expected? Published checksums, and those recorded when a source was first used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from filelock import FileLock

from avrec_lib.errors import DataError, FetchError
from avrec_lib.paths import replacing

BOOK = "checksums.json"


def verify(path: Path, place: str, published: str) -> str:
    """Compare `path` with the `published` checksum, or with the one recorded when `place` was first used.

    Returns how it was checked (a template). On a difference the file is set aside and FetchError raised.
    """
    expected = published or _recorded(path.parent / BOOK).get(place, "")
    if not expected:
        return "its checksum is recorded at this first use"
    algorithm = expected.partition(":")[0]
    actual = f"{algorithm}:{digest(path, algorithm)}"
    if actual != expected:
        raise FetchError(
            "{place}: the file that came is not the one expected ({actual} instead of {expected}).",
            hint="It was set aside as {aside}; try again, or give the right file with --from.",
            place=place, actual=actual, expected=expected, aside=set_aside(path),
        )  # fmt: skip
    return "it has the published checksum" if published else "it has the checksum recorded at first use"


def record(path: Path, place: str) -> None:
    """Note the checksum of what `place` sent, unless one is noted already. Do so only for a file that could be read."""
    book = path.parent / BOOK
    with FileLock(f"{book}.lock"):
        known = _recorded(book)
        if place not in known:
            with replacing(book) as beside:
                noted = known | {place: f"sha256:{digest(path, 'sha256')}"}
                beside.write_text(json.dumps(noted, indent=2, sort_keys=True) + "\n", "utf-8")


def set_aside(path: Path) -> Path:
    """Rename `path` to `*.bad`, so that the next try begins anew and a person can still look at it."""
    return path.replace(path.with_name(f"{path.name}.bad"))


def digest(path: Path, algorithm: str) -> str:
    """The hexadecimal checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _recorded(book: Path) -> dict[str, str]:
    try:
        return json.loads(book.read_text("utf-8")) if book.is_file() else {}
    except ValueError as error:
        raise DataError("{file} cannot be read: {error}.", hint="Remove it.", file=book, error=error) from error
