"""What a fresh clone promises: the same packages by every way of installing, and verbs that are there."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from avrec_lib.packages import normal, pinned, requirements

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PINS = pinned(LOCK)
ASKED = [Requirement(line) for line in requirements(PROJECT, list(PROJECT["project"]["optional-dependencies"]))]
MANDATED = {"jupyterlab", "papermill", "polars", "torch", "transformers", "plotly", "ipywidgets", "lightgbm"}
VERBS = ("help", "setup", "report", "test", "test-all", "lint", "lab", "bench", "clean")


def run(*command: str | Path, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment)


@pytest.mark.parametrize("entry", ASKED, ids=lambda entry: entry.name)
def test_what_the_project_asks_for_is_pinned_within_its_range(entry: Requirement):
    assert entry.specifier.contains(PINS[normal(entry.name)], prereleases=True)


def test_the_lock_pins_exact_versions_from_no_particular_place():
    lines = [line for line in LOCK.splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+", line)] == []
    assert lines == sorted(lines)


def test_the_lock_holds_all_that_its_packages_need():
    missing = []
    for name in PINS:
        for line in metadata.requires(name) or []:
            entry = Requirement(line)
            wanted = entry.marker is None or entry.marker.evaluate({"extra": ""})
            version = PINS.get(normal(entry.name))
            if wanted and (version is None or not entry.specifier.contains(version, prereleases=True)):
                missing.append(f"{name} needs {line}, the lock has {version}")
    assert missing == []


def test_what_is_installed_is_what_the_lock_says():
    installed = {name: metadata.version(name).split("+")[0] for name in PINS}
    assert installed == PINS


def test_the_mandated_packages_are_needed_to_run():
    base = {normal(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    assert base >= MANDATED


def test_the_lock_has_no_package_without_a_cpu_build():
    assert not {"torchvision", "torchaudio", "timm"} & PINS.keys()
    assert not [name for name in PINS if name.startswith(("nvidia-", "cuda-", "triton"))]


def test_conda_installs_the_same_lock_with_a_python_that_the_project_takes():
    text = (ROOT / "environment.yml").read_text("utf-8")
    python = re.search(r"- python=([\d.]+)", text)
    assert python
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(python[1])
    assert "- -r requirements.lock" in text
    assert "- -e ." in text


def test_the_top_level_is_complete():
    promised = (
        "notebooks avrec_lib reports data tests environment.yml README.md README.zh-CN.md pyproject.toml "
        "requirements.lock Makefile LICENSE .ci/run data/README.md reports/README.md"
    )
    assert [name for name in promised.split() if not (ROOT / name).exists()] == []


def test_a_built_package_carries_every_file_that_is_not_python():
    library = ROOT / "avrec_lib"
    packed = {
        path for glob in PROJECT["tool"]["setuptools"]["package-data"]["avrec_lib"] for path in library.glob(glob)
    }
    files = {path for path in library.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert files - packed == set()


def test_the_licence_is_the_one_declared():
    assert PROJECT["project"]["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_make_alone_says_what_there_is_to_make():
    said = run("make", "--no-print-directory").stdout
    assert [verb for verb in VERBS if not re.search(rf"make {verb}\s+[A-Z]", said)] == []


def test_every_target_of_the_makefile_is_in_its_help():
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony
    assert [name for name in phony[1].split() if not re.search(rf"^{name}:.*## ", text, re.MULTILINE)] == []


@pytest.mark.parametrize("verb", ["report", "test", "test-all", "lint", "lab"])
def test_a_verb_builds_the_environment_first_when_it_is_missing(tmp_path: Path, verb: str):
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    assert "-m avrec_lib.install --into .venv" in run("make", "-n", verb, cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("old-python", "needs Python 3.11 or newer; ./old-python is Python 3.9.2"),
        ("no-python", "there is no ./no-python"),
    ],
)
def test_make_refuses_a_python_that_is_too_old_or_not_there(tmp_path: Path, python: str, said: str):
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" || exit 1\n')
    old.chmod(0o755)
    answer = run("make", "setup", f"PYTHON=./{python}", cwd=tmp_path)
    assert answer.returncode == 2
    assert said in answer.stdout


def test_the_ci_script_runs_every_check():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert run("bash", "-n", script).returncode == 0
    text = script.read_text("utf-8")
    assert "set -euo pipefail" in text
    assert [verb for verb in ("make lint", "make test", "make test-all") if f"\n{verb}\n" not in text] == []


def test_git_keeps_no_data_and_no_report():
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    paths = (
        "data/movielens-100k/events.parquet",
        "reports/index.html",
        ".venv/bin/python",
        ".venv-base/x",
        "data/README.md",
    )
    assert run("git", "check-ignore", "--no-index", *paths).stdout.split() == list(paths[:-1])
