"""What a person sees of running notebooks: a line at the start and the end of each, and a bar on a terminal."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from avrec_lib.cli.run_files import near
from avrec_lib.progress import in_words
from avrec_lib.strings import say

if TYPE_CHECKING:
    from rich.progress import TaskID

    from avrec_lib.report.run_record import RunRecord
    from avrec_lib.runs.queue import Outcome
    from avrec_lib.runs.runner import Event


class RunConsole:
    """Prints the steps and outcomes of runs to the terminal, or line by line to a pipe (`to_stderr` for `--json`)."""

    def __init__(self, to_stderr: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self.console = Console(stderr=to_stderr, highlight=False, markup=False, soft_wrap=True)
        self.bars: dict[str, TaskID] = {}
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[step]}", markup=False),
            TimeElapsedColumn(),
        )
        self.progress = Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def tell(self, event: Event) -> None:
        """Show a step of a run."""
        if event.kind == "started":
            if not self.console.is_terminal:
                self.console.print(say("{notebook}: started, code cells: {n}", notebook=event.notebook, n=event.total))
            self.bars[event.key] = self.progress.add_task(event.notebook, total=event.total or None, step="")
            return
        step = say("cell {number} of {total}", number=event.number, total=event.total)
        self.progress.update(
            self.bars[event.key],
            completed=event.number - 1,
            total=event.total,
            step=f"{step}  {event.first_line[:50]}",
        )

    def done(self, outcome: Outcome) -> None:
        """Print the line of a run that ended, was skipped, or need not run again."""
        if outcome.job.key in self.bars:
            self.progress.remove_task(self.bars.pop(outcome.job.key))
        self.console.print(line_of(outcome))


def line_of(outcome: Outcome) -> str:
    """One line: notebook, status, time, peak memory, the headline result, the error, and where the report lies."""
    name, record = outcome.job.notebook.name, outcome.record
    if record is None or outcome.folder is None:
        return say("{notebook}: skipped, {reason}", notebook=name, reason=outcome.skipped)
    parts = [say("kept from an earlier run") if outcome.reused else status_words(record)]
    if record.seconds is not None and not outcome.reused:
        parts.append(in_words(record.seconds))
    if record.peak_memory_mb and not outcome.reused:
        parts.append(say("peak {memory} MiB", memory=f"{record.peak_memory_mb:,.0f}"))
    if outcome.ok:
        parts.append(result_words(record))
    lines = [f"{name}: {', '.join(filter(None, parts))}"]
    if record.error:
        error = record.error
        lines.append("  " + (error.message if error.is_sentence else f"{error.name}: {error.message}"))
    lines += [f"  {warning}" for warning in record.warnings]
    return "\n".join([*lines, f"  {near(report_of(outcome.folder))}"])


def status_words(record: RunRecord) -> str:
    """The status, and in which code cell a run that did not finish was."""
    from avrec_lib.report.status import WORDS

    words = say(WORDS.get(record.status, record.status))
    stopped = [cell for cell in record.cells if record.error and cell.index == record.error.cell]
    if not stopped:
        return words
    number = record.cells.index(stopped[0]) + 1
    return say("{status} in cell {number} ({line})", status=words, number=number, line=stopped[0].first_line[:50])


def result_words(record: RunRecord) -> str:
    """The headline result: `ndcg@10 0.312 [0.300, 0.325] (EASE)`; empty when the notebook recorded none."""
    from avrec_lib.report.results import headline, result_text

    result = headline(record.results)
    if result is None:
        return ""
    text = f"{result.name} {result_text(result)}"
    return f"{text} ({result.model})" if result.model else text


def summary(outcome: Outcome) -> dict[str, Any]:
    """An outcome for a script: the record of the run, its folder and its report."""
    from dataclasses import asdict

    record, folder = outcome.record, outcome.folder
    if record is None or folder is None:
        return {"notebook": outcome.job.notebook.name, "status": "skipped", "reason": outcome.skipped}
    return {**asdict(record), "reused": outcome.reused, "folder": str(folder), "report": str(report_of(folder))}


def report_of(folder: Path) -> Path:
    """The page of a run; its record when the page could not be written."""
    page = folder / "report.html"
    return page if page.is_file() else folder / "run.json"
