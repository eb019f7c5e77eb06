"""The doctor: every lack comes with its cost, and only what avrec cannot do without is an error."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from avrec_lib import doctor
from avrec_lib.data.catalogue import entries
from avrec_lib.reachable import _data_host, answers, index_address


def avrec(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from avrec_lib.cli import main; sys.exit(main())", *arguments]
    environment = {**os.environ, "AVREC_LANGUAGE": "en", **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_doctor_finds_a_working_machine_and_says_so_as_json(tmp_path: Path):
    answer = avrec("doctor", "--json", AVREC_HOME=str(tmp_path))
    checks = json.loads(answer.stdout)
    assert answer.returncode == 0, answer.stdout
    names = [check["name"] for check in checks]
    assert [name for name in ("Python", "Packages", "Memory", "GPU", "Chromium", "reports/") if name not in names] == []
    assert [check for check in checks if check["state"] != "ok" and not check["cost"]] == []
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_speaks_chinese_in_aligned_columns(tmp_path: Path):
    lines = avrec("--lang", "zh", "doctor", AVREC_HOME=str(tmp_path)).stdout.splitlines()
    assert lines[0].startswith("正常  Python")
    assert "软件包" in lines[1]
    assert "avrec 可以在本机运行" in lines[-1]


def test_a_home_that_cannot_be_written_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    answer = avrec("doctor", AVREC_HOME=str(tmp_path / "file"))
    assert answer.returncode == 1
    assert "broken" in answer.stdout
    assert "no data set can be fetched and no report written." in answer.stdout
    assert "2 things must be mended" in answer.stdout


def test_tools_that_are_missing_cost_something_and_can_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    for check in (doctor.chromium(), doctor.ffmpeg(), doctor.fonts(), doctor.gpu()):
        assert check.state == "missing"
        assert check.cost
    assert doctor.chromium().cost == "browser tests are skipped; reports are unaffected."
    assert "apt-get install chromium" in doctor.chromium().remedy


def test_packages_out_of_range_or_missing_are_named():
    wanted = [Requirement("polars>=99"), Requirement("no-such-package"), Requirement("typer")]
    first, second = doctor.unmet(wanted)
    assert first == f"polars is {doctor.installed('polars')}, but >=99 is needed"
    assert second == "no-such-package is not installed"


def test_what_is_installed_here_agrees():
    assert doctor.packages().state == "ok"
    assert doctor.together().state == "ok"


@pytest.mark.parametrize(("memory", "state"), [(512.0, "missing"), (64_000.0, "ok")])
def test_little_memory_is_told(monkeypatch: pytest.MonkeyPatch, memory: float, state: str):
    monkeypatch.setattr("avrec_lib.runs.kernel.memory_limit", lambda: memory)
    assert doctor.memory().state == state


def test_a_server_that_only_refuses_has_answered_and_a_closed_port_has_not():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert not answers(f"http://127.0.0.1:{port}/", seconds=1)
    assert not answers("not an address", seconds=1)


def test_the_index_is_the_one_pip_is_set_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    settings = tmp_path / "pip.conf"
    settings.write_text(
        "[global]\nextra-index-url = https://other.example/simple\nindex-url = https://mine.example/simple\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    assert index_address() == "https://mine.example/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://variable.example/simple")
    assert index_address() == "https://variable.example/simple"


def test_a_host_that_does_not_answer_costs_only_the_sets_without_another_source():
    hosts = {"files.grouplens.org": False}
    lost = _data_host("files.grouplens.org", [entries()["movielens-100k"], entries()["movielens-25m"]], hosts)
    assert lost.cost == "movielens-100k: taken from another source. movielens-25m: cannot be fetched from here."
    assert "--from FILE" in lost.remedy
    assert _data_host("files.grouplens.org", [entries()["movielens-100k"]], hosts).remedy == ""
