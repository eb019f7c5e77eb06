"""A workbench of its own for every test that asks: fixture notebooks, no data, English, nothing of the real folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from avrec_lib.paths import HOME_VARIABLE
from avrec_lib.strings import LANGUAGE_VARIABLE

# A busy machine is no fault of the code, and a failure seen once should be seen again.
settings.register_profile("avrec", deadline=None, derandomize=True)
settings.load_profile("avrec")

FIXTURES = Path(__file__).parent / "notebooks" / "fixtures"


@pytest.fixture
def workbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of an empty workbench with the notebooks of `tests/notebooks/fixtures`."""
    home = tmp_path / "workbench"
    shutil.copytree(FIXTURES, home / "notebooks", ignore=shutil.ignore_patterns(".*"))
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.setenv(LANGUAGE_VARIABLE, "en")
    return home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workbench folder, so that no test touches the real one."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setenv(LANGUAGE_VARIABLE, "en")
    return tmp_path / "home"
