"""Where a run's numbers come from: versions, commit, and fingerprints of code and data, which `--resume` compares."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from avrec_lib import __version__
from avrec_lib.errors import AvrecError
from avrec_lib.paths import data_folder, notebooks_folder
from avrec_lib.report.run_record import Parameter, RunRecord, run_folders
from avrec_lib.runs.plan import Job

PACKAGE = Path(__file__).resolve().parent.parent
PACKAGES = (
    "polars", "numpy", "scipy", "torch", "transformers", "lightgbm", "plotly", "ipywidgets",
    "papermill", "nbclient", "ipykernel", "jupyterlab",
)  # fmt: skip


def versions() -> dict[str, str]:
    """The versions of Python, avrec and the packages that results depend on, of those that are installed."""
    found = {"python": platform.python_version(), "avrec": __version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def git_commit() -> str | None:
    """The commit of the checkout that avrec runs from, `+` when files differ from it; None outside a checkout."""
    command = ["git", "-C", str(PACKAGE.parent), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
    try:
        if not (PACKAGE.parent / ".git").exists():
            return None
        quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True, env=quiet)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


@cache
def code_fingerprint() -> str:
    """16 hexadecimal digits of every Python file of the package."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def dataset_fingerprint(parameters: dict[str, Parameter]) -> str | None:
    """The fingerprint of the data set that the parameter `dataset` names, or whose folder it is (as notebooks see it).

    None when there is no such parameter, or no such data set yet.
    """
    name = str(parameters["dataset"].value) if "dataset" in parameters else ""
    for folder in (data_folder() / name, notebooks_folder() / name) if name else ():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            card: Any = json.loads((folder / "dataset.json").read_text("utf-8"))
            return str(card["fingerprint"])
    return None


def earlier_run(job: Job, language: str) -> tuple[Path, RunRecord] | None:
    """The newest run that succeeded with the notebook, parameters, profile, language, data and code of `job`."""
    values = _plain({name: entry.value for name, entry in job.parameters.items()})
    same = {"notebook": job.notebook.fingerprint, "code": code_fingerprint()}
    dataset = dataset_fingerprint(job.parameters)
    for folder in reversed(run_folders(job.notebook.name)):
        try:
            record = RunRecord.read(folder)
        except AvrecError:
            continue
        if (
            record.status == "ok"
            and (record.profile, record.language) == (job.profile, language)
            and _plain({name: entry.value for name, entry in record.parameters.items()}) == values
            and all(record.fingerprints.get(name) == value for name, value in same.items())
            and record.fingerprints.get("dataset") == dataset
            and ("dataset" not in job.parameters or dataset is not None)
        ):
            return folder, record
    return None


def _plain(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, default=str)
