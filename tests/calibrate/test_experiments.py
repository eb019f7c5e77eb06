"""Experiments by name, as the command runs them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from avrec_lib.calibrate.experiments import EXPERIMENTS, run_experiment
from avrec_lib.cli.main import main
from avrec_lib.errors import UsageError


def test_every_experiment_runs_small_and_says_something() -> None:
    quick = [name for name in EXPERIMENTS if name in ("off-policy-coverage", "ab-assignment", "ab-cuped")]
    assert len(quick) == 3
    for name in quick:
        tables = run_experiment(name, 4)
        assert all(table.height > 0 for table in tables.values())


def test_an_unknown_experiment_is_named_with_its_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean off-policy-coverage"):
        run_experiment("off-policy-covrage")
    with pytest.raises(UsageError, match="size is a number from 1 upwards"):
        run_experiment("ab-cuped", 0)


def test_the_command_prints_its_tables_and_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVREC_HOME", str(tmp_path))
    assert main(["calibrate"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in EXPERIMENTS)
    assert main(["calibrate", "ab-assignment", "--size", "200", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    kept = pl.read_parquet(tmp_path / "data" / "artefacts" / "calibrations" / "ab-assignment_broken_assignment.parquet")
    assert kept.height == len(next(iter(printed.values())))
