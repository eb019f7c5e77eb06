"""Run the jobs of a plan: in order, or some at once in processes of their own; skip what cannot or need not run."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from avrec_lib.errors import AvrecError, RunError
from avrec_lib.report.run_record import RunRecord, run_folders
from avrec_lib.runs.plan import Job
from avrec_lib.runs.provenance import earlier_run
from avrec_lib.runs.runner import Event, Tell, bury, run_job
from avrec_lib.stopping import stopping_on_terminate
from avrec_lib.strings import current_language, say

EXIT_CODES = {"ok": 0, "failed": 1, "timed_out": 3, "died": 3, "interrupted": 3}


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its folder and record, or why it was skipped; `reused` when an earlier run stands in."""

    job: Job
    folder: Path | None = None
    record: RunRecord | None = None
    skipped: str = ""
    reused: bool = False

    @property
    def ok(self) -> bool:
        return self.record is not None and self.record.status == "ok"

    @property
    def exit_code(self) -> int:
        return EXIT_CODES.get(self.record.status, 1) if self.record else 1


Done = Callable[[Outcome], None]


def run_plan(
    jobs: Sequence[Job],
    tell: Tell,
    done: Done,
    *,
    parallel: int = 1,
    resume: bool = False,
    timeout: float | None = None,
) -> list[Outcome]:
    """Run `jobs`, at most `parallel` at once, telling each step and each outcome; `timeout` is in seconds a cell.

    A job that needs one that did not succeed is skipped, the others go on. With `resume` a run that succeeded earlier
    with the same notebook, parameters, data and code stands in. After Ctrl-C nothing more starts.
    """
    schedule = _Schedule(list(jobs), done, resume)
    if parallel == 1:
        while job := schedule.next():
            schedule.finish(job, *run_job(job, tell, timeout=timeout))
    else:
        _run_in_processes(schedule, tell, parallel, timeout)
    return [schedule.outcomes[job.key] for job in jobs]


@dataclass
class _Schedule:
    waiting: list[Job]
    done: Done
    resume: bool
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def next(self) -> Job | None:
        """The next job that may start, its needed runs filled in; None when all wait for a running one, or are done."""
        for job in list(self.waiting):
            needed = [self.outcomes.get(key) for key in job.needs]
            failed = next((outcome for outcome in needed if outcome and not outcome.ok), None)
            if failed:
                self.waiting.remove(job)
                reason = say("it needs {notebook}, which did not succeed", notebook=failed.job.notebook.name)
                self._settle(Outcome(job, skipped=reason))
            elif all(needed):
                self.waiting.remove(job)
                ready = job.with_runs({key: one.record.run_id for key, one in self.outcomes.items() if one.record})
                earlier = earlier_run(ready, current_language()) if self.resume else None
                if earlier is None:
                    return ready
                self._settle(Outcome(ready, *earlier, reused=True))
        # Skipping one may have settled another that stood before it.
        return self.next() if any(set(job.needs) <= set(self.outcomes) for job in self.waiting) else None

    def finish(self, job: Job, folder: Path, record: RunRecord) -> None:
        """Note how `job` ended; when it was interrupted, nothing more starts."""
        self._settle(Outcome(job, folder, record))
        if record.status == "interrupted":
            self.stop()

    def stop(self) -> None:
        """Skip all that has not started."""
        while self.waiting:
            self._settle(Outcome(self.waiting.pop(0), skipped=say("the run was stopped")))

    def _settle(self, outcome: Outcome) -> None:
        self.outcomes[outcome.job.key] = outcome
        self.done(outcome)


def _run_in_processes(schedule: _Schedule, tell: Tell, parallel: int, timeout: float | None) -> None:
    """One process a notebook: nbclient's event loop and signals want a main thread of their own."""
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, tuple[SpawnProcess, Job]] = {}
    try:
        while True:
            while len(running) < parallel and (job := schedule.next()):
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(job, theirs, timeout, parallel), daemon=True)
                _start_deaf(process)
                theirs.close()
                running[ours] = (process, job)
            if not running:
                return
            for connection in wait(list(running)):
                _listen(connection, running, schedule, tell)  # type: ignore[arg-type]
    except BaseException as error:
        schedule.stop()
        for process, _ in running.values():
            process.terminate()  # which a worker takes as Ctrl-C
        while running:
            for connection in wait(list(running)):
                _listen(connection, running, schedule, tell)  # type: ignore[arg-type]
        if not isinstance(error, KeyboardInterrupt):
            raise


def _listen(
    connection: Connection, running: dict[Connection, tuple[SpawnProcess, Job]], schedule: _Schedule, tell: Tell
) -> None:
    process, job = running[connection]
    try:
        kind, *content = connection.recv()
    except EOFError:
        kind, content = "gone", [process.pid]
    if kind == "step":
        tell(content[0])
        return
    del running[connection]
    connection.close()
    process.join()
    if kind == "ended":
        schedule.finish(job, *content)
    elif kind == "error":
        raise RunError("{text}", text=content[0])
    else:
        schedule.finish(job, *_left_behind(job, content[0]))


def _left_behind(job: Job, pid: int) -> tuple[Path, RunRecord]:
    """The run of a worker that was killed: its record still says "running", which is mended here."""
    for folder in reversed(run_folders(job.notebook.name)):
        record = RunRecord.read(folder)
        if record.status == "running" and record.process == pid:
            return folder, bury(folder, record)
    raise RunError("The process that should run {notebook} was killed before it began.", notebook=job.notebook.name)


def _start_deaf(process: SpawnProcess) -> None:
    """Start `process` deaf to the terminal's Ctrl-C: we hear it, and pass it on once."""
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, old)


def _work(job: Job, connection: Connection, timeout: float | None, parallel: int) -> None:
    """The body of a worker process: run `job` and send its steps, then its folder and record."""

    def tell(event: Event) -> None:
        try:
            connection.send(("step", event))
        except BrokenPipeError:
            raise KeyboardInterrupt from None  # whoever started us is gone

    threading.Thread(target=_stop_without_parent, daemon=True).start()
    message: tuple[Any, ...]
    try:
        with stopping_on_terminate():
            message = ("ended", *run_job(job, tell, timeout=timeout, parallel=parallel))
    except AvrecError as error:
        message = ("error", error.text())
    except OSError as error:
        message = ("error", f"{error.filename or job.notebook.name}: {error.strerror or error}")
    with contextlib.suppress(BrokenPipeError):
        connection.send(message)


def _stop_without_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
