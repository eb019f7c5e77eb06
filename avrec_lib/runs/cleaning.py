"""What runs leave behind that nobody needs: failed and older runs, artefacts without a run, unfinished files."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from avrec_lib.errors import AvrecError
from avrec_lib.paths import artefacts_folder, data_folder, reports_folder
from avrec_lib.report.recording import BY_HAND
from avrec_lib.report.run_record import RunRecord, run_folders
from avrec_lib.report.status import status_of

UNFINISHED_SECONDS = 3600


@dataclass(frozen=True)
class Leftover:
    """A file or folder that may go, its size in bytes, and why (a template of `strings`)."""

    path: Path
    size: int
    reason: str


def find_leftovers(everything: bool = False) -> list[Leftover]:
    """What `avrec clean` may remove.

    Kept are the newest successful run of each notebook with each set of parameters, runs that are going on, and the
    artefacts of the runs kept or named in their parameters. With `everything` only what is going on is kept.
    """
    records = {folder: _read(folder) for folder in run_folders()}
    newest = {_what_ran(record): folder for folder, record in records.items() if record and record.status == "ok"}
    wanted = () if everything else newest.values()
    kept = {
        folder: record
        for folder, record in records.items()
        if record and (folder in wanted or status_of(record) == "running")
    }
    found = [_leftover(folder, _reason(record)) for folder, record in records.items() if folder not in kept]
    used = {folder.name for folder in kept}
    used |= {str(entry.value) for record in kept.values() for entry in record.parameters.values()}
    used |= set() if everything else {BY_HAND}
    unused = [folder for folder in sorted(artefacts_folder().glob("*/")) if folder.name not in used]
    found += [_leftover(folder, "artefacts of no run that is kept") for folder in unused]
    return found + [_leftover(path, "left unfinished") for path in _unfinished()]


def remove(leftovers: list[Leftover]) -> None:
    """Delete them; one that is gone already is no error."""
    for leftover in leftovers:
        if leftover.path.is_dir():
            shutil.rmtree(leftover.path, ignore_errors=True)
            with contextlib.suppress(OSError):  # a notebook's folder goes with its last run
                leftover.path.parent.rmdir()
        else:
            leftover.path.unlink(missing_ok=True)


def _what_ran(record: RunRecord) -> str:
    values = {name: entry.value for name, entry in record.parameters.items()}
    return json.dumps([record.notebook, record.profile, values], sort_keys=True, default=str)


def _reason(record: RunRecord | None) -> str:
    if record is None:
        return "its run.json is damaged"
    if record.status == "ok":
        return "an older run with the same parameters"
    return "a run that was killed" if record.status == "running" else "a run that did not succeed"


def _unfinished() -> list[Path]:
    """Files that something wrote beside and did not rename within the hour."""
    paths = [*data_folder().rglob("*.part"), *reports_folder().rglob("*.part")]
    return sorted(path for path in paths if time.time() - path.stat().st_mtime > UNFINISHED_SECONDS)


def _read(folder: Path) -> RunRecord | None:
    try:
        return RunRecord.read(folder)
    except AvrecError:
        return None


def _leftover(path: Path, reason: str) -> Leftover:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return Leftover(path, sum(file.stat().st_size for file in files), reason)
