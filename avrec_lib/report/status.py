"""How a run ended, in words: never by colour alone, and always with what was done before."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from avrec_lib.progress import in_words
from avrec_lib.report.outputs import ANSI
from avrec_lib.report.run_record import CellRecord, RunRecord
from avrec_lib.report.words import both

ICONS = {"ok": "✓", "failed": "✗", "timed_out": "⏱", "died": "☠", "interrupted": "■", "running": "…", "stale": "?"}
WORDS = {
    "ok": "finished",
    "failed": "failed",
    "timed_out": "out of time",
    "died": "kernel died",
    "interrupted": "interrupted",
    "running": "running",
    "stale": "stopped without a word",
    "damaged": "damaged",
}
HEADLINES = {
    "failed": "The run failed in code cell {number} of {total}.",
    "timed_out": "Code cell {number} of {total} ran out of time.",
    "died": "The kernel died in code cell {number} of {total}.",
    "interrupted": "The run was interrupted in code cell {number} of {total}.",
}
HEADLINES_WITHOUT_CELL = {
    "ok": "The run finished: {total} code cells in {duration}.",
    "failed": "The run failed before its first cell.",
    "timed_out": "The run ran out of time before its first cell.",
    "died": "The kernel died before the first cell.",
    "interrupted": "The run was interrupted before its first cell.",
    "running": "The run is not finished: this page shows what it had done so far.",
}


@dataclass(frozen=True)
class Banner:
    """The head of a report: kind (a status), icon, sentences, and the place and traceback of an error."""

    kind: str
    icon: str
    headline: Markup
    error: str = ""
    is_sentence: bool = False
    before: Markup | None = None
    cell: int | None = None  # among the code cells, from 1
    first_line: str = ""
    traceback: str = ""


def banner(record: RunRecord) -> Banner:
    """What the head of the report of `record` says."""
    icon, total, duration = ICONS[record.status], len(record.cells), in_words(record.seconds or 0)
    if record.status in ("ok", "running"):
        sentence = HEADLINES_WITHOUT_CELL[record.status]
        return Banner(record.status, icon, both(sentence, total=total, duration=duration))
    error = record.error
    stopped = next((cell for cell in record.cells if error is not None and cell.index == error.cell), None)
    what = _error_sentence(record)
    trace, is_sentence = (ANSI.sub("", error.traceback).strip(), error.is_sentence) if error else ("", False)
    if stopped is None:
        sentence = both(HEADLINES_WITHOUT_CELL[record.status])
        return Banner(record.status, icon, sentence, what, is_sentence, _done_before(record.cells), traceback=trace)
    number = record.cells.index(stopped) + 1
    sentence = both(HEADLINES[record.status], number=number, total=total)
    return Banner(
        record.status, icon, sentence, what, is_sentence, _done_before(record.cells), number, stopped.first_line, trace
    )


def status_of(record: RunRecord) -> str:
    """The status of `record`; `stale` for a running one whose process is gone."""
    import psutil

    going_on = record.process is not None and psutil.pid_exists(record.process)
    return "stale" if record.status == "running" and not going_on else record.status


def _error_sentence(record: RunRecord) -> str:
    if record.error is None:
        return ""
    message = ANSI.sub("", record.error.message).strip()
    first = message.splitlines()[0] if message else ""
    name = "" if record.error.is_sentence else record.error.name
    return f"{name}: {first}" if name and first else name or first


def _done_before(cells: list[CellRecord]) -> Markup:
    done = [cell for cell in cells if cell.status == "ok"]
    if not done:
        return both("No cell was finished before that.")
    duration = in_words(sum(cell.seconds or 0 for cell in done))
    return both(
        "Code cells finished before that: {done}, in {duration}; what they showed is below.",
        done=len(done), duration=duration,
    )  # fmt: skip
