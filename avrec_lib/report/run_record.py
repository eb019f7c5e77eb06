"""`run.json`: everything a run knows about itself. Written by the runner, read by reports, the index and `compare`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from avrec_lib.errors import RunError
from avrec_lib.paths import replacing, reports_folder

RUN_FILE = "run.json"
FORMAT = 1
Status = Literal["running", "ok", "failed", "timed_out", "died", "interrupted"]
Source = Literal["default", "profile", "suite", "command line"]


@dataclass(frozen=True)
class Parameter:
    """The value a run used, and where it came from."""

    value: Any
    source: Source


@dataclass(frozen=True)
class CellRecord:
    """One code cell: its place among all cells, its first line, seconds, the kernel's peak memory during it (MiB)."""

    index: int
    first_line: str
    status: Literal["ok", "failed", "not run"]
    seconds: float | None = None
    peak_memory_mb: float | None = None


@dataclass(frozen=True)
class ErrorRecord:
    """What stopped a run: the cell (index among all cells, None before the first), the error, a plain traceback."""

    cell: int | None
    name: str
    message: str
    traceback: str = ""
    is_sentence: bool = False  # the message says it all to a reader: an AvrecError, a timeout, a death


@dataclass(frozen=True)
class Result:
    """One number a notebook recorded; `low` and `high` bound it, `n` counts what it is a mean over."""

    name: str  # like "ndcg@10"
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    model: str | None = None
    metric: str | None = None
    k: int | None = None
    slice: str | None = None
    better: Literal["higher", "lower"] | None = None
    interval_method: str | None = None
    baseline: str | None = None
    headline: bool = False  # the one number the index shows


@dataclass
class RunRecord:
    """The content of `run.json`. Times are ISO 8601 in UTC, memory MiB."""

    run_id: str
    notebook: str
    status: Status
    started: str
    title: str = ""
    finished: str | None = None
    seconds: float | None = None
    start_seconds: float | None = None  # from the start of the run to its first cell
    peak_memory_mb: float | None = None
    profile: str = "standard"
    suite: str | None = None
    language: str = "en"
    parameters: dict[str, Parameter] = field(default_factory=dict)
    cells: list[CellRecord] = field(default_factory=list)
    error: ErrorRecord | None = None
    results: list[Result] = field(default_factory=list)
    fingerprints: dict[str, str] = field(default_factory=dict)  # data, split, truth, dataset, notebook, code
    versions: dict[str, str] = field(default_factory=dict)
    git_commit: str | None = None
    artefacts: dict[str, str] = field(default_factory=dict)  # name -> path relative to the home folder
    figures: int = 0  # counted by the exporter
    banners: list[dict[str, str]] = field(default_factory=list)  # by language; read off the notebook by the exporter
    warnings: list[str] = field(default_factory=list)  # what the runner had to leave out or could not read
    process: int | None = None  # of the runner while the status is "running"
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write `run.json` into `folder`, beside then renamed."""
        with replacing(folder / RUN_FILE) as path:
            path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False, default=str) + "\n", "utf-8")

    @classmethod
    def read(cls, folder: Path) -> RunRecord:
        """Read `folder/run.json`; raises RunError when it is missing, damaged or of a newer format."""
        try:
            raw = json.loads((folder / RUN_FILE).read_text("utf-8"))
            if raw.get("format", 0) > FORMAT:
                raise RunError("{file} was written by a newer avrec.", hint="Update avrec.", file=folder / RUN_FILE)
            raw["parameters"] = {name: Parameter(**entry) for name, entry in raw["parameters"].items()}
            raw["cells"] = [CellRecord(**entry) for entry in raw["cells"]]
            raw["results"] = [Result(**entry) for entry in raw["results"]]
            raw["error"] = ErrorRecord(**raw["error"]) if raw["error"] else None
            return cls(**raw)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError("{file} cannot be read: {error}.", file=folder / RUN_FILE, error=error) from error


def run_folders(notebook: str | None = None) -> list[Path]:
    """The folders of all runs (of `notebook`, when given) under `reports/`, oldest first by run id."""
    pattern = f"{notebook or '*'}/*/{RUN_FILE}"
    return sorted((path.parent for path in reports_folder().glob(pattern)), key=lambda folder: folder.name)
