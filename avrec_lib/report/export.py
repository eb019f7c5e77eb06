"""`executed.ipynb` and `run.json` of a run folder become `report.html`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from avrec_lib.errors import RunError
from avrec_lib.report.page import write_page
from avrec_lib.report.results import results_table
from avrec_lib.report.run_record import RunRecord
from avrec_lib.report.status import banner
from avrec_lib.report.story import Story, tell

NOTEBOOK_FILE = "executed.ipynb"
REPORT_FILE, INLINE_FILE = "report.html", "report-inline.html"


def export_report(run_folder: Path, inline: bool = False) -> Path:
    """Write the report of a run beside its notebook, and its figures' number and its banners into `run.json`.

    With `inline` the page is one file to send by mail (`report-inline.html`); otherwise it shares the style and the
    plotly bundle of `reports/_assets/`. Raises RunError when `run.json` or `executed.ipynb` cannot be read.
    """
    record = RunRecord.read(run_folder)
    story = tell(_read_notebook(run_folder / NOTEBOOK_FILE), record.cells)
    if (record.figures, record.banners) != (story.figures.count, story.banners):
        record.figures, record.banners = story.figures.count, story.banners
        record.write(run_folder)
    return write_page(
        "report.html",
        run_folder / (INLINE_FILE if inline else REPORT_FILE),
        plotly=story.figures.count > 0,
        compiled=story.figures.compiled,
        inline=inline,
        language="zh" if record.language == "zh" else "en",
        run=record,
        story=story,
        titles=_titles(record, story),
        banner=banner(record),
        results=results_table(record.results),
        slowest=max((cell.seconds or 0 for cell in record.cells), default=0),
    )


def _titles(record: RunRecord, story: Story) -> dict[str, str]:
    english = story.titles.get("en") or record.title or record.notebook
    return {"en": english, "zh": story.titles.get("zh", english)}


def _read_notebook(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {"cells": []}  # the run ended before there was a notebook: the report says how
    try:
        notebook = json.loads(path.read_text("utf-8"))
        if not isinstance(notebook["cells"], list):
            raise TypeError("cells")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError("{file} cannot be read: {error}.", file=path, error=error) from error
    return notebook
