"""A workbench for a test: the notebooks of this checkout, and data and reports in a folder that goes away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from avrec_lib import paths

SHARED = Path(os.environ.get("AVREC_SHARED", Path(__file__).parents[3] / "shared")) / "data"


def avrec(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command as a person types it, in the workbench `home`."""
    environment = os.environ | {"AVREC_HOME": str(home), "AVREC_LANGUAGE": "en"}
    return subprocess.run(
        [sys.executable, "-m", "avrec_lib", *words], env=environment, capture_output=True, text=True, timeout=600
    )


def new_home(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "notebooks").symlink_to(paths.notebooks_folder())
    return folder


def runs(home: Path, notebook: str) -> list[dict[str, Any]]:
    """The records of all runs of `notebook`, oldest first."""
    files = sorted((home / "reports" / notebook).glob("*/run.json"))
    return [json.loads(file.read_text("utf-8")) for file in files]


def page(home: Path, notebook: str) -> str:
    """The newest report of `notebook`."""
    return max((home / "reports" / notebook).glob("*/report.html")).read_text("utf-8")


def smoke(home: Path, notebook: str, *words: str) -> tuple[int, str, list[dict[str, Any]]]:
    """Exit code, report and results of `notebook` in the smoke profile on these parameters, name=value each."""
    given = [part for word in words for part in ("-p", word)]
    done = avrec(home, "run", notebook, "--profile", "smoke", *given)
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.returncode, page(home, notebook), runs(home, notebook)[-1]["results"]
