"""Run one notebook: a folder with `executed.ipynb`, `run.json` and `report.html`, whatever happens to the kernel."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from avrec_lib.errors import RunError
from avrec_lib.paths import HOME_VARIABLE, artefacts_folder, home, inside, reports_folder
from avrec_lib.report.recording import NOTES, PROFILE_VARIABLE, RUN_FOLDER_VARIABLE, RUN_ID_VARIABLE, read_notes
from avrec_lib.report.run_record import ErrorRecord, RunRecord
from avrec_lib.runs import executed, provenance
from avrec_lib.runs.ending import ending
from avrec_lib.runs.engine import Watcher, import_quickly, run_cells
from avrec_lib.runs.kernel import Kernel, start_kernel, thread_limits
from avrec_lib.runs.plan import Job
from avrec_lib.stopping import ENDING
from avrec_lib.strings import LANGUAGE_VARIABLE, current_language, say

if TYPE_CHECKING:
    from nbformat import NotebookNode


@dataclass(frozen=True)
class Event:
    """A step of a run, for whoever shows progress: it started, or cell `number` of `total` did."""

    kind: Literal["started", "cell"]
    key: str  # of the job
    notebook: str
    number: int = 0
    total: int = 0
    first_line: str = ""


Tell = Callable[[Event], None]


def run_job(job: Job, tell: Tell, *, timeout: float | None = None, parallel: int = 1) -> tuple[Path, RunRecord]:
    """Run the notebook of `job`, telling each step; returns its folder and record.

    `timeout` is in seconds a cell, `parallel` says how many runs share the cores. What goes wrong in the notebook or
    its kernel is a status of the record, not an exception. Raises RunError before a kernel starts when `reports/`
    cannot be written.
    """
    run = _Run(job, tell)
    tell(Event("started", job.key, job.notebook.name, total=job.notebook.code_cells))
    try:
        run.execute(timeout, parallel)
        run.record.status = "ok"
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever ends a run is its status, with a report
        with _uninterrupted():
            cell = run.watcher.current if run.watcher else None
            run.record.status, run.record.error = ending(error, cell, run.notebook, run.kernel, timeout)
    finally:
        with _uninterrupted():
            run.close()
    return run.folder, run.record


def new_run_id() -> str:
    """`YYYYMMDD-HHMMSS-` in UTC and six random hexadecimal digits: ids sort by time, and two at once differ."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


@dataclass
class _Run:
    """The state of one run, from its folder to its record."""

    job: Job
    tell: Tell
    kernel: Kernel | None = None
    watcher: Watcher | None = None
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        job, run_id = self.job, new_run_id()
        self.folder = inside(reports_folder(), job.notebook.name, run_id)
        self.record = RunRecord(
            run_id=run_id,
            notebook=job.notebook.name,
            status="running",
            started=_now(),
            title=job.notebook.title,
            profile=job.profile,
            suite=job.suite,
            language=current_language(),
            parameters=job.parameters,
            fingerprints={"notebook": job.notebook.fingerprint, "code": provenance.code_fingerprint()},
            process=os.getpid(),
        )
        try:
            self.folder.mkdir(parents=True)
            self.record.write(self.folder)
        except OSError as error:
            raise _unwritable(error) from None

    @property
    def notebook(self) -> NotebookNode:
        """The notebook that fills with outputs; made when it is first asked for."""
        if not hasattr(self, "_notebook"):
            import_quickly("nbformat")
            self._notebook = executed.with_parameters(self.job)
        return self._notebook

    def execute(self, timeout: float | None, parallel: int) -> None:
        """Start the kernel and run the cells; raises what stops them."""
        own = {
            HOME_VARIABLE: str(home()),
            LANGUAGE_VARIABLE: current_language(),
            RUN_ID_VARIABLE: self.record.run_id,
            RUN_FOLDER_VARIABLE: str(self.folder),
            PROFILE_VARIABLE: self.job.profile,
        }
        self.kernel = start_kernel(self.job.notebook.path.parent, {**own, **thread_limits(parallel)})
        import_quickly("papermill.engines")  # while the kernel boots
        self.record.git_commit, self.record.versions = provenance.git_commit(), provenance.versions()
        self.watcher = Watcher(self.notebook, self.kernel.watch, self._before_cell, self._after_cell)
        run_cells(self.notebook, self.kernel, self.watcher, timeout)

    def _before_cell(self, number: int, first_line: str) -> None:
        total = len(self.watcher.cells) if self.watcher else 0
        self.tell(Event("cell", self.job.key, self.record.notebook, number, total, first_line))

    def _after_cell(self) -> None:
        self.record.warnings += executed.save(self.notebook, self.folder)

    def close(self) -> None:
        """End the kernel and write what is known now: the notebook, `run.json`, the report."""
        record, folder = self.record, self.folder
        if self.kernel:
            self.kernel.close()
            record.peak_memory_mb = round(self.kernel.watch.peak, 1)
        record.finished, record.seconds = _now(), round(time.monotonic() - self.started, 3)
        record.process = None
        if self.watcher:
            record.cells = list(self.watcher.cells.values())
            if self.watcher.first_cell_at:
                record.start_seconds = round(self.watcher.first_cell_at - self.started, 3)
        try:
            record.warnings += executed.save(self.notebook, folder)
        except OSError as error:
            record.warnings.append(say("executed.ipynb could not be written: {error}.", error=error.strerror or error))
        try:
            self.record = _publish(folder, record)
        except OSError as error:
            raise _unwritable(error) from None


def bury(folder: Path, record: RunRecord) -> RunRecord:
    """Close the record of a run whose process was killed, with what it had noted, and write its report."""
    message = say("The process that ran the notebook was killed.")
    record.status, record.error = "died", ErrorRecord(None, "Killed", message, is_sentence=True)
    record.finished, record.process = _now(), None
    return _publish(folder, record)


def _publish(folder: Path, record: RunRecord) -> RunRecord:
    """Write `run.json` with the results noted so far, then the report; returns the record as written last."""
    from avrec_lib.report.export import export_report

    record.results, noted, broken = read_notes(folder)
    if broken:
        record.warnings.append(say("{n} recorded results could not be read.", n=broken))
    dataset = provenance.dataset_fingerprint(record.parameters)
    if dataset:
        record.fingerprints |= {"dataset": dataset, "data": dataset}
    record.fingerprints |= noted
    kept = sorted(artefacts_folder().glob(f"{record.run_id}/[!.]*"))
    record.artefacts = {path.stem: path.relative_to(home()).as_posix() for path in kept}
    record.write(folder)
    (folder / NOTES).unlink(missing_ok=True)
    try:
        export_report(folder)
        return RunRecord.read(folder)  # the exporter has counted its figures
    except Exception as error:  # noqa: BLE001 - whatever the exporter stumbles over, the run itself is kept
        reason = f"{type(error).__name__}: {error}"
        record.warnings.append(say("report.html could not be written: {error}.", error=reason))
        record.write(folder)
        return record


def _unwritable(error: OSError) -> RunError:
    message = "The reports folder {folder} cannot be written: {reason}."
    return RunError(message, folder=reports_folder(), reason=error.strerror or error)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let a second Ctrl-C wait while files are written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *ENDING)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
