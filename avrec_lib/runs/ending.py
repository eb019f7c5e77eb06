"""How a run ended: its status and error, from the exception that was caught, never from notebook metadata."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from avrec_lib import errors
from avrec_lib.errors import AvrecError
from avrec_lib.progress import in_words
from avrec_lib.report.run_record import ErrorRecord, Status
from avrec_lib.runs.engine import import_quickly, plain
from avrec_lib.runs.executed import EXECUTED
from avrec_lib.runs.kernel import Kernel
from avrec_lib.strings import say

if TYPE_CHECKING:
    from nbformat import NotebookNode


def ending(
    error: BaseException, cell: int | None, notebook: NotebookNode, kernel: Kernel | None, timeout: float | None
) -> tuple[Status, ErrorRecord]:
    """The status of a run that `error` ended in `cell`, and what its reader is told.

    An AvrecError says it all in one sentence, so the notebook keeps that instead of its traceback.
    """
    import_quickly("nbclient.exceptions")
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    name = type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", ErrorRecord(cell, name, say("The run was stopped (Ctrl-C)."), is_sentence=True)
    if isinstance(error, CellTimeoutError):
        message = say("The cell ran longer than the {time} it may take.", time=in_words(timeout or 0))
        return "timed_out", ErrorRecord(cell, name, message, is_sentence=True)
    if isinstance(error, CellExecutionError):
        return "failed", _cell_error(error.ename, error.evalue, cell, notebook)
    # jupyter_client has no class of its own for a kernel that dies while it boots.
    died_early = cell is None and isinstance(error, RuntimeError) and "died" in str(error)
    if kernel and (isinstance(error, DeadKernelError) or died_early):
        message = kernel.cause_of_death(_exit_code(kernel))
        return "died", ErrorRecord(cell, name, message, kernel.last_words, is_sentence=True)
    if isinstance(error, OSError):
        message = say("{path}: {reason}.", path=error.filename or EXECUTED, reason=error.strerror or error)
        return "failed", ErrorRecord(cell, name, message, is_sentence=True)
    return "failed", ErrorRecord(cell, name, str(error))


def _cell_error(name: str, value: str, cell: int | None, notebook: NotebookNode) -> ErrorRecord:
    message, traceback, is_sentence = plain(value).strip(), "", name in _family()
    for output in notebook.cells[cell].outputs if cell is not None else ():
        if output.output_type == "error":
            lines = [plain(line) for line in output.traceback]
            traceback = "\n".join(lines)
            output.traceback = [message] if is_sentence else lines
    return ErrorRecord(cell, name, message, traceback, is_sentence)


def _family() -> set[str]:
    """The names of the error classes whose message is a sentence for a person."""
    return {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, AvrecError)}


def _exit_code(kernel: Kernel) -> int | None:
    try:
        return kernel.process.wait(5)
    except subprocess.TimeoutExpired:
        return None
