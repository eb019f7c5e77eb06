from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from avrec_lib.cli import main


def test_demo_opens_jupyterlab_on_its_notebook_and_hands_on_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        started.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.delenv("AVREC_HOME", raising=False)
    monkeypatch.setattr(subprocess, "run", run)
    assert main(["demo", "--no-browser", "--port=9999"]) == 0
    (command,) = started
    assert command[1:3] == ["-m", "jupyterlab"]
    assert "--LabApp.default_url=/lab/tree/90_demo_recommendations.ipynb" in command
    assert command[-3:] == ["--no-browser", "--port=9999", "--ServerApp.ip=127.0.0.1"], (
        "this machine only, come what may"
    )


def test_another_demo_is_opened_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        started.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.delenv("AVREC_HOME", raising=False)
    monkeypatch.setattr(subprocess, "run", run)
    assert main(["demo", "experiment", "--no-browser"]) == 0
    assert "--LabApp.default_url=/lab/tree/91_demo_experiment.ipynb" in started[0]
    assert "--no-browser" in started[0]
    assert main(["demo", "experimnt"]) == 2
    assert "Did you mean experiment?" in capsys.readouterr().err
    assert len(started) == 1


def test_a_workbench_without_the_notebook_is_told_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 2
    assert "90_demo_recommendations" in capsys.readouterr().err
