"""A workbench of its own for every test that asks: fixture notebooks, no data, English, nothing of the real folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from avrec_lib.paths import HOME_VARIABLE
from avrec_lib.strings import LANGUAGE_VARIABLE

FIXTURES = Path(__file__).parent / "notebooks" / "fixtures"


@pytest.fixture
def workbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of an empty workbench with the notebooks of `tests/notebooks/fixtures`."""
    home = tmp_path / "workbench"
    shutil.copytree(FIXTURES, home / "notebooks", ignore=shutil.ignore_patterns(".*"))
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.setenv(LANGUAGE_VARIABLE, "en")
    return home
