"""Trials in a folder: one journal of optuna for all models, and the values of the trials that a comparison needs.

A trial enters the journal whole, in one line, when it has ended. A process that is killed loses the running trial and
nothing else, and leaves none behind that never ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from filelock import FileLock, Timeout

from avrec_lib.data.dataset import hash_text
from avrec_lib.errors import DataError, UsageError
from avrec_lib.paths import inside, replacing

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import JournalStorage
    from optuna.trial import FrozenTrial

JOURNAL, LOCK = "journal.log", "journal.lock"
CHECKSUM = "checksum"


class TuningStore:
    """The studies of a folder by name; made by `opened`, which keeps other processes out."""

    def __init__(self, folder: Path, storage: JournalStorage) -> None:
        self.folder, self.storage = folder, storage

    def study(self, name: str) -> Study:
        """The study `name`, new where there is none. Raises DataError when a trial of it was changed."""
        import optuna

        study = optuna.create_study(storage=self.storage, study_name=name, direction="maximize", load_if_exists=True)
        for number, trial in enumerate(study.trials):
            if trial.number != number or trial.user_attrs.get(CHECKSUM) != checksum(trial):
                raise _damaged(self.folder, f"trial {number}")
        return study

    def keep_values(self, study: str, number: int, values: pl.DataFrame) -> None:
        """Write the `schema.Values` of a trial."""
        with replacing(self._values(study, number)) as beside:
            values.write_parquet(beside)

    def values(self, study: str, number: int) -> pl.DataFrame | None:
        """What `keep_values` wrote; None where it is gone or cannot be read."""
        try:
            return pl.read_parquet(self._values(study, number))
        except (OSError, pl.exceptions.PolarsError):
            return None

    def _values(self, study: str, number: int) -> Path:
        return inside(self.folder, study, f"values-{number}.parquet")


@contextmanager
def opened(folder: Path | None) -> Iterator[TuningStore | None]:
    """The store in `folder`, made where there is none, for this process alone; None without a folder.

    Raises UsageError when `folder` cannot be one or another process writes to it, DataError when its journal is
    damaged.
    """
    if folder is None:
        yield None
        return
    if folder.exists() and not folder.is_dir():
        raise UsageError("{path} is a file, but tuning keeps its trials in a folder.", path=folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError("The folder {folder} cannot be made: {error}.", folder=folder, error=error) from error
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            "Another process is tuning in {folder}.", hint="Wait for it, or name another folder.", folder=folder
        ) from None
    try:
        for half_written in folder.glob("*/.*.part"):
            half_written.unlink()
        yield TuningStore(folder, _journal(folder, lock))
    finally:
        lock.release()


def _journal(folder: Path, lock: FileLock) -> JournalStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path = folder / JOURNAL
    _drop_torn_line(path)
    try:
        # Our lock frees itself when its process dies; those of optuna stay behind for half a minute.
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError) as error:
        raise _damaged(folder, str(error)) from error


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line without an end: its process died while it wrote, and what comes next must not join it."""
    if not path.is_file():
        return
    text = path.read_bytes()
    whole = text.rfind(b"\n") + 1
    if whole < len(text):
        with path.open("r+b") as file:
            file.truncate(whole)


def _damaged(folder: Path, reason: str) -> DataError:
    return DataError(
        "The trials in {file} are damaged: {reason}.", hint="Remove the folder to begin anew, or bring the file back.",
        file=folder / JOURNAL, reason=reason,
    )  # fmt: skip


def checksum(trial: FrozenTrial) -> str:
    """16 hexadecimal digits of all that a finished trial says."""
    told = {name: value for name, value in trial.user_attrs.items() if name != CHECKSUM}
    facts = [trial.number, trial.state.name, trial.value, trial.params, sorted(trial.intermediate_values.items()), told]
    return f"{hash_text(json.dumps(facts, sort_keys=True)):016x}"
