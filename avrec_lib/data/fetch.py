"""`avrec data get`: bring a named data set here, read it into the vocabulary, and put its folder in place."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from filelock import FileLock, Timeout

from avrec_lib.data.catalogue import Entry, Source, find_entry
from avrec_lib.data.dataset import CARD, Dataset
from avrec_lib.data.download import DISK_FULL, download, download_wheel, verify
from avrec_lib.data.named import reader_of
from avrec_lib.data.unpack import unpack
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import DataError, FetchError, UsageError
from avrec_lib.paths import data_folder
from avrec_lib.strings import say

Tell = Callable[[str], None]
SLACK = 2  # an archive may unpack to this many times the size its documentation gives, no more


def tell_on_stderr(text: str) -> None:
    """Print a step where it does not mix with results."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def download_cache() -> Path:
    """Where archives and `checksums.json` are kept."""
    return data_folder() / "cache"


def is_here(name: str) -> bool:
    """Whether the data folder holds a data set called `name`."""
    return (data_folder() / name / CARD).is_file()


def get(name: str, archive: Path | None = None, force: bool = False, tell: Tell = tell_on_stderr) -> Dataset:
    """The data set `name` of the catalogue, brought here unless it is here already (then only `force` reads it anew).

    `archive` is a file or folder with its original files, instead of the network. Raises UsageError for an unknown name
    or a missing archive, DataError for files that are not what they should be, FetchError when no source could be used.
    """
    entry = find_entry(name)
    if archive is not None and not archive.exists():
        raise UsageError("There is no file or folder {file}.", file=archive)
    try:
        with _one_at_a_time(entry.name, tell):
            if is_here(entry.name) and not force:
                dataset = Dataset.open(data_folder() / entry.name)
                tell(
                    say(
                        "{name} is already here ({folder}); --force reads it anew.",
                        name=entry.name,
                        folder=dataset.folder,
                    )
                )
                return dataset
            if archive is not None:
                return _read(entry, archive, say("{file}, given by hand", file=archive.resolve().name), tell)
            path, source = _bring(entry, tell)
            return _read(entry, path, source.place, tell)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise FetchError(
            "The disk is full: {name} needs about {mb} MB in {folder}. Nothing half-written was left.",
            name=entry.name, mb=round(entry.download_mb + entry.unpacked_mb), folder=data_folder(),
        ) from error  # fmt: skip


@contextmanager
def _one_at_a_time(name: str, tell: Tell) -> Iterator[None]:
    """Two processes that want one data set: the second waits, then finds it here."""
    download_cache().mkdir(parents=True, exist_ok=True)
    lock = FileLock(download_cache() / f".{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell(say("Another process is getting {name}; waiting for it.", name=name))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _bring(entry: Entry, tell: Tell) -> tuple[Path, Source]:
    """The checked archive of the first source that works, from the cache where it is."""
    tried = []
    for number, source in enumerate(entry.sources, start=1):
        try:
            return _from_source(source, tell), source
        except FetchError as error:
            tried.append(str(error))
            if number < len(entry.sources):
                tell(say("{problem} Trying {place}.", problem=error, place=entry.sources[number].place))
    raise FetchError(
        "{name} could not be brought here. {tried}",
        hint="If you have its files: avrec data get {name} --from FILE",
        name=entry.name, tried=" ".join(tried),
    )  # fmt: skip


def _from_source(source: Source, tell: Tell) -> Path:
    path = download_cache() / source.filename
    if path.is_file():
        try:
            verify(path, source.place, source.checksum)
        except FetchError as error:
            tell(str(error))
        else:
            tell(say("Reading {file} from the cache.", file=path.name))
            return path
    if source.url:
        download(source.url, path)
    else:
        download_wheel(source.wheel, path)
    checked = verify(path, source.place, source.checksum)
    tell(
        say(
            "{place}: {size:.1f} MB, {checked}.",
            place=source.place,
            size=path.stat().st_size / 1e6,
            checked=say(checked),
        )
    )
    return path


def _read(entry: Entry, path: Path, origin: str, tell: Tell) -> Dataset:
    wanted, read = reader_of(entry.family)
    with tempfile.TemporaryDirectory(dir=download_cache(), prefix=".unpacked-") as scratch:
        folder = path if path.is_dir() else Path(scratch)
        if not path.is_dir():
            unpack(path, wanted, folder, entry.unpacked_mb * SLACK)
        try:
            tables = read(folder, entry.name)
            dataset = write_dataset(
                entry.name,
                tables.vocabulary(),
                name=entry.name,
                source=f"{entry.homepage} ({origin})",
                licence=entry.licence,
                notes=tables.notes,
                further=tables.further,
            )
        except pl.exceptions.PolarsError as error:
            first = str(error).splitlines()[0].rstrip(".")
            raise DataError(
                "{file} cannot be read as {name}: {error}.", file=path, name=entry.name, error=first
            ) from error
    _compare_with_documentation(entry, dataset, tell)
    return dataset


def _compare_with_documentation(entry: Entry, dataset: Dataset, tell: Tell) -> None:
    users = dataset.card.counts["users"]
    if entry.users is not None and users != entry.users:
        tell(
            say(
                "Note: {name} has {users:,} users here, its documentation says {expected:,}.",
                name=entry.name, users=users, expected=entry.users,
            )
        )  # fmt: skip
