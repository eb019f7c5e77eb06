"""The papermill engine that runs the cells: times and memory of each, and the exception itself when one stops."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from avrec_lib.report.run_record import CellRecord
from avrec_lib.runs.kernel import SLOW_MODULE, Kernel, MemoryWatch

if TYPE_CHECKING:
    from nbformat import NotebookNode

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
START_SECONDS = 60
# What a cell printed may reach us after it is done; on a busy machine much later than nbclient's four seconds.
OUTPUT_SECONDS = 120


class Watcher:
    """What a run learns while its cells run: one `CellRecord` a code cell, and the cell that is running now.

    `before_cell(number, first line)` and `after_cell()` are called around each, numbers from 1.
    """

    def __init__(
        self,
        notebook: NotebookNode,
        watch: MemoryWatch,
        before_cell: Callable[[int, str], None],
        after_cell: Callable[[], None],
    ) -> None:
        self.watch, self.before_cell, self.after_cell = watch, before_cell, after_cell
        self.current: int | None = None
        self.first_cell_at: float | None = None
        self.cells = {
            index: CellRecord(index, first_line(cell.source), "not run")
            for index, cell in enumerate(notebook.cells)
            if cell.cell_type == "code" and cell.source.strip()
        }

    @contextmanager
    def around(self, index: int) -> Iterator[None]:
        """Time the block that runs cell `index`, and note whether it came through."""
        self.current = index
        self.before_cell(list(self.cells).index(index) + 1, self.cells[index].first_line)
        self.watch.mark()
        started = time.monotonic()
        self.first_cell_at = self.first_cell_at or started
        status: Literal["ok", "failed"] = "failed"
        try:
            yield
            status = "ok"
        finally:
            self.watch.sample()
            seconds, memory = round(time.monotonic() - started, 3), round(self.watch.new_peak, 1)
            self.cells[index] = replace(self.cells[index], status=status, seconds=seconds, peak_memory_mb=memory)
        self.after_cell()


def first_line(source: str) -> str:
    """The first line of a cell that says something: a comment as a sentence, or code."""
    lines = [line.strip() for line in source.splitlines() if line.strip(" #\t")]
    return lines[0].lstrip("# ")[:80] if lines else ""


def plain(text: str) -> str:
    """`text` without terminal colours."""
    return ANSI.sub("", text)


def run_cells(notebook: NotebookNode, kernel: Kernel, watcher: Watcher, timeout: float | None) -> None:
    """Execute the cells of `notebook` in `kernel`, filling in their outputs; `timeout` is in seconds a cell.

    Raises what stopped it: nbclient's CellExecutionError, CellTimeoutError or DeadKernelError, RuntimeError when the
    kernel does not start, KeyboardInterrupt. The kernel is shut down in any case.
    """
    import_quickly("papermill.engines")
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines

    class Client(PapermillNotebookClient):
        """Tells the watcher about each cell, and lets the exception of a cell through."""

        def papermill_execute_cells(self) -> None:
            for index, cell in enumerate(self.nb.cells):
                if index not in watcher.cells:
                    continue
                try:
                    with watcher.around(index):
                        self.execute_cell(cell, index)
                except BaseException:
                    self.shutdown_kernel = "immediate"
                    _cancel_pending()
                    raise

    class Engine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
            client = Client(
                nb_man,
                km=kernel.manager,
                kernel_name=kernel_name,
                timeout=timeout,
                startup_timeout=START_SECONDS,
                iopub_timeout=OUTPUT_SECONDS,
                log=_silent_logger(),
            )
            client.execute(cleanup_kc=True)

    papermill_engines.register("avrec", Engine)
    notebook.metadata.setdefault("papermill", {})
    try:
        papermill_engines.execute_notebook_with_engine("avrec", notebook, "python3", progress_bar=False)
    except BaseException:
        _cancel_pending()
        raise
    finally:
        _forget_papermill(notebook)


def _cancel_pending() -> None:
    """Cancel what nbclient still waits for, lest it complain when the kernel goes."""
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))


def _forget_papermill(notebook: NotebookNode) -> None:
    """Drop papermill's metadata: after a death it calls every cell completed. `run.json` has the truth."""
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)


def _silent_logger() -> Any:
    import logging

    logger = logging.getLogger("avrec.notebook")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


def import_quickly(name: str) -> None:
    """Import the module `name` without the grammar of `SLOW_MODULE`, which stays importable for others."""
    hidden = SLOW_MODULE not in sys.modules
    if hidden:
        sys.modules[SLOW_MODULE] = None  # type: ignore[assignment]
    try:
        importlib.import_module(name)
    finally:
        if hidden:
            sys.modules.pop(SLOW_MODULE, None)
