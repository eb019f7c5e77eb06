"""A kernel of the Python that runs us: started in a private folder, watched for memory, and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from avrec_lib.strings import say

if TYPE_CHECKING:
    from jupyter_client import AsyncKernelManager

MIB = 2**20
NEAR_LIMIT = 0.85
HALFWAY = 0.5  # the system may kill from here on: others need memory too, and the last stride is missed by the samples
# jsonschema builds a grammar of internationalized addresses when it is imported, which takes two seconds, and
# nbformat (which plotly imports) imports jsonschema. No notebook schema has such an address.
SLOW_MODULE = "rfc3987_syntax"
LAUNCH = (
    # ipykernel takes our standard error for the notebook; a crash in native code is written to a copy of it.
    "import faulthandler, os, runpy, sys; faulthandler.enable(os.fdopen(os.dup(2), 'w'), False); "
    f"sys.modules['{SLOW_MODULE}'] = None; "
    "runpy.run_module('ipykernel_launcher', run_name='__main__')"
)
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS",
)  # fmt: skip


@dataclass
class Kernel:
    """A running kernel: its manager for nbclient, its process, and the private folder with its sockets and log."""

    manager: AsyncKernelManager
    process: subprocess.Popen[bytes]
    folder: Path
    watch: MemoryWatch

    def close(self) -> None:
        """End the kernel and whatever it started, and remove its private folder."""
        self.watch.stop()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # A kernel that died by itself leaves its children behind, in its process group.
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def last_words(self) -> str:
        """The end of what the process itself wrote, outside any cell: a crash in native code says why here."""
        log = self.folder / "log"
        lines = log.read_text("utf-8", errors="replace").splitlines() if log.is_file() else []
        return "\n".join(line for line in lines if not line.startswith("Extension modules:"))[-4000:].strip()

    def cause_of_death(self, exit_code: int | None) -> str:
        """One sentence for a reader: how the kernel ended, its peak memory, and whether memory is the likely cause."""
        peak, limit = self.watch.peak, memory_limit()
        values = {"peak": f"{peak:,.0f}", "limit": f"{limit:,.0f}", "signal": -(exit_code or 0), "code": exit_code}
        if peak > NEAR_LIMIT * limit:
            template = "The kernel ended at a peak of {peak} MiB of {limit} MiB: likely out of memory."
        elif exit_code == -signal.SIGKILL:
            template = (
                "The kernel was killed at a peak of {peak} MiB of {limit} MiB: likely out of memory, "
                "unless someone stopped it."
                if peak > HALFWAY * limit
                else "The kernel was killed from outside (signal {signal}) at a peak of {peak} MiB of {limit} MiB."
            )
        elif exit_code is not None and exit_code < 0:
            template = "The kernel crashed (signal {signal}) at a peak of {peak} MiB."
        else:
            template = "The kernel ended by itself (exit code {code}) at a peak of {peak} MiB."
        return say(template, **values)


class MemoryWatch(threading.Thread):
    """Samples the resident memory of a process and its children, in MiB: `peak` over all, `new_peak` since `mark`."""

    def __init__(self, pid: int, every: float = 0.2) -> None:
        super().__init__(daemon=True, name="memory-watch")
        self.pid, self.every = pid, every
        self.peak = self.new_peak = 0.0
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(self.every):
            self.sample()

    def mark(self) -> None:
        """Start a new peak, at a cell's start."""
        # Linux forgets the process's own high-water mark when 5 is written here.
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        self.new_peak = 0.0

    def sample(self) -> None:
        """Note the memory in use now, or since the last mark where the system keeps a high-water mark."""
        used = max(self._high_water_mark(), self._resident_with_children())
        self.new_peak = max(self.new_peak, used)
        self.peak = max(self.peak, used)

    def stop(self) -> None:
        self._stopped.set()

    def _high_water_mark(self) -> float:
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return 0.0
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)

    def _resident_with_children(self) -> float:
        import psutil

        total = 0
        with contextlib.suppress(psutil.Error):
            for process in (self._process, *self._process.children(recursive=True)):
                total += process.memory_info().rss
        return total / MIB

    @cached_property
    def _process(self):  # type: ignore[no-untyped-def]  # psutil.Process, which is imported when needed
        import psutil

        return psutil.Process(self.pid)


def start_kernel(cwd: Path, environment: dict[str, str]) -> Kernel:
    """Launch a kernel in `cwd` with `environment` added to ours, and return while it boots.

    Its connection is a Unix socket in a folder of its own where there are such sockets: no port to collide on when
    several runs start at once, and nobody else can connect.
    """
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_core.utils import run_sync

    class OwnPython(KernelSpecManager):
        """Any kernel name means this interpreter, whatever a user has installed as `python3`."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(argv=[sys.executable, "-c", LAUNCH, "-f", "{connection_file}"], language="python")

    folder = Path(tempfile.mkdtemp(prefix="avrec-"))
    manager = AsyncKernelManager(
        kernel_spec_manager=OwnPython(),
        connection_file=str(folder / "kernel.json"),
        transport="ipc" if os.name == "posix" else "tcp",
    )
    own = {"IPYTHONDIR": str(folder / "ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    with (folder / "log").open("wb") as log:
        run_sync(manager.start_kernel)(
            cwd=str(cwd),
            env={**os.environ, **own, **environment},
            stdout=log,
            stderr=log,
            extra_arguments=["--HistoryManager.hist_file=:memory:"],
        )
    process = manager.provisioner.process  # type: ignore[union-attr]
    watch = MemoryWatch(process.pid)
    watch.start()
    return Kernel(manager, process, folder, watch)


def thread_limits(parallel: int) -> dict[str, str]:
    """Environment that shares the cores among `parallel` kernels; empty for one, and what the user set stays."""
    if parallel <= 1:
        return {}
    share = str(max(1, cores() // parallel))
    return {name: share for name in THREAD_VARIABLES if name not in os.environ}


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_limit() -> float:
    """The memory that a kernel can have at most, in MiB: the machine's, or its control group's when that is less."""
    import psutil

    limit = psutil.virtual_memory().total
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            limit = min(limit, int(Path(name).read_text()))
    return limit / MIB
