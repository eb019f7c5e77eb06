"""Run folders as the runner leaves them, from a few cells."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avrec_lib.paths import HOME_VARIABLE, reports_folder
from avrec_lib.report.run_record import CellRecord, RunRecord
from avrec_lib.strings import LANGUAGE_VARIABLE

MakeRun = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workbench that speaks English."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setenv(LANGUAGE_VARIABLE, "en")
    return tmp_path


@pytest.fixture
def make_run(home: Path) -> MakeRun:
    """Writes a run folder with `executed.ipynb` and `run.json`; further keywords are fields of the record."""

    def make(
        *cells: dict[str, Any], run_id: str = "20260101-000000-aaaaaa", notebook: str = "40_x", **more: Any
    ) -> Path:
        folder = reports_folder() / notebook / run_id
        folder.mkdir(parents=True)
        content = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / "executed.ipynb").write_text(json.dumps(content), "utf-8")
        places = [index for index, cell in enumerate(cells) if cell["cell_type"] == "code"]
        records = [CellRecord(index, cells[index]["source"].splitlines()[0], "ok", 0.5, 100.0) for index in places]
        fields = {"status": "ok", "started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "cells": records} | more
        RunRecord(run_id=run_id, notebook=notebook, **fields).write(folder)
        return folder

    return make
