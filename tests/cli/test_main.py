from __future__ import annotations

import os
import subprocess
import sys

import pytest

from avrec_lib.cli import main
from avrec_lib.cli.main import _global_options_first


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("data list --lang zh --debug", "--lang zh --debug data list"),
        ("run 40 --lang=zh -p k=5", "--lang=zh run 40 -p k=5"),
        ("lab -- --debug", "lab -- --debug"),
        ("doctor --lang", "doctor --lang"),
    ],
)
def test_debug_and_lang_may_stand_anywhere(typed: str, read: str) -> None:
    assert _global_options_first(typed.split()) == read.split()


def test_an_unknown_verb_is_wrong_usage_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frobnicate"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("avrec: ")
    assert "frobnicate" in said
    assert "Traceback" not in said


def test_an_unknown_language_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--lang", "fr"]) == 2
    assert "Known: en, zh" in capsys.readouterr().err


def test_errors_speak_chinese(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AVREC_LANGUAGE", "en")  # so that what --lang sets is taken back after the test
    assert main(["run", "no_such_notebook", "--lang", "zh"]) == 2
    assert "没有" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, avrec_lib.cli; print(*sorted({'polars', 'torch', 'plotly', 'papermill'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)
    assert done.stdout.strip() == ""
