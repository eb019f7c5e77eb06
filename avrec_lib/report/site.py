"""`reports/index.html`: the newest run of each notebook, its history behind a fold, and the comparisons."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from avrec_lib.errors import RunError
from avrec_lib.paths import reports_folder
from avrec_lib.report.export import REPORT_FILE
from avrec_lib.report.page import write_page
from avrec_lib.report.results import headline
from avrec_lib.report.run_record import Result, RunRecord, run_folders
from avrec_lib.report.status import ICONS, WORDS, status_of
from avrec_lib.strings import LANGUAGES, say

INDEX_FILE = "index.html"
COMPARISONS = "compare"
DATASET_PARAMETERS = ("dataset", "data")


@dataclass(frozen=True)
class RunRow:
    """One run as the index shows it; a damaged one has no record and says why in `problem`."""

    notebook: str
    run_id: str
    status: str
    record: RunRecord | None
    link: str | None
    size_kb: float
    problem: str = ""
    history: list[RunRow] = field(default_factory=list)

    @property
    def icon(self) -> str:
        return ICONS.get(self.status, "!")

    @property
    def word(self) -> str:
        return WORDS[self.status]

    @property
    def headline(self) -> Result | None:
        return headline(self.record.results) if self.record else None

    @property
    def dataset(self) -> str:
        parameters = self.record.parameters if self.record else {}
        named = (str(parameters[name].value) for name in DATASET_PARAMETERS if name in parameters)
        return next(named, "")

    @property
    def changed(self) -> str:
        """The parameters, but for the data set, that this run was given other than their defaults."""
        given = self.record.parameters.items() if self.record else ()
        named = [(name, entry) for name, entry in given if name not in DATASET_PARAMETERS]
        return ", ".join(f"{name}={entry.value}" for name, entry in named if entry.source == "command line")


def build_index() -> Path:
    """Write the index of all runs under `reports/`, beside then renamed, and return its path."""
    folder = reports_folder()
    comparisons = sorted(folder.glob(f"{COMPARISONS}/*.html"), key=lambda path: path.stat().st_mtime, reverse=True)
    return write_page(
        "index.html",
        folder / INDEX_FILE,
        plotly=False,
        titles={language: say("Reports", language) for language in LANGUAGES},
        rows=newest_runs(),
        comparisons=[(path.stem.replace("-vs-", " → "), f"{COMPARISONS}/{quote(path.name)}") for path in comparisons],
    )


def newest_runs() -> list[RunRow]:
    """The newest run of each notebook, by the notebook's name, with its older runs as `history`, newest first."""
    by_notebook: dict[str, list[RunRow]] = {}
    for folder in reversed(run_folders()):
        if not folder.name.startswith(".") and not folder.parent.name.startswith((".", "_")):
            by_notebook.setdefault(folder.parent.name, []).append(_row(folder))
    for rows in by_notebook.values():
        rows[0].history.extend(rows[1:])
    return [by_notebook[notebook][0] for notebook in sorted(by_notebook)]


def _row(folder: Path) -> RunRow:
    notebook, run_id = folder.parent.name, folder.name
    report = folder / REPORT_FILE
    link = f"{quote(notebook)}/{quote(run_id)}/{REPORT_FILE}" if report.is_file() else None
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1024
    try:
        record = RunRecord.read(folder)
    except RunError as error:
        return RunRow(notebook, run_id, "damaged", None, link, size, str(error.values.get("error", "")))
    return RunRow(notebook, run_id, status_of(record), record, link, size)
