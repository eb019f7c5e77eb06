"""What a notebook leaves behind: results that survive a crash, artefacts that other runs read."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.report import (
    artefact_folder,
    read_artefact,
    record,
    record_fingerprints,
    record_table,
    store,
)
from avrec_lib.report.recording import NOTES, read_notes


@pytest.fixture
def run(workbench, tmp_path, monkeypatch):
    """The folder of a run that is going on in this process."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setenv("AVREC_RUN_ID", "20260101-120000-abc123")
    monkeypatch.setenv("AVREC_RUN_FOLDER", str(folder))
    return folder


def test_a_result_is_noted_with_all_it_says(run):
    record(
        "ndcg@10", 0.31, low=0.3, high=0.32, n=943, model="EASE", metric="ndcg", k=10, better="higher", headline=True
    )
    results, _, broken = read_notes(run)
    (result,) = results
    assert (result.name, result.value, result.low, result.high, result.n, result.k) == (
        "ndcg@10",
        0.31,
        0.3,
        0.32,
        943,
        10,
    )
    assert result.headline and result.model == "EASE" and broken == 0


def test_numbers_of_numpy_are_numbers_and_what_is_not_finite_is_null(run):
    record("a", np.float32(0.5), n=np.int64(3))
    record("b", math.nan, low=-math.inf, high=math.inf)
    record("c", None)
    results, _, _ = read_notes(run)
    assert [(result.value, result.low, result.high) for result in results] == [(0.5, None, None), *[(None,) * 3] * 2]
    assert results[0].n == 3


def test_a_result_that_is_no_number_is_refused(run):
    with pytest.raises(UsageError, match="'value' is 'high', but a number is expected"):
        record("a", "high")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Did you mean higher"):
        record("a", 1.0, better="highest")  # type: ignore[arg-type]


def test_a_table_of_results_is_one_note_a_row(run):
    record_table(pl.DataFrame({"name": ["a", "b"], "value": [1.0, None], "n": [3, 4], "model": ["x", None]}))
    results, _, _ = read_notes(run)
    assert [(result.name, result.value, result.n, result.model) for result in results] == [
        ("a", 1.0, 3, "x"), ("b", None, 4, None),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="Did you mean model"):
        record_table(pl.DataFrame({"name": ["a"], "value": [1.0], "modle": ["x"]}))
    with pytest.raises(UsageError, match="needs the column 'value'"):
        record_table(pl.DataFrame({"name": ["a"]}))


def test_fingerprints_are_kept_and_a_later_one_wins(run):
    record_fingerprints(data="1", truth="2")
    record_fingerprints(truth="3", split="4")
    assert read_notes(run)[1] == {"data": "1", "truth": "3", "split": "4"}


def test_what_was_noted_before_a_crash_is_there_and_a_torn_line_is_counted(run):
    code = "import os; from avrec_lib.report import record; record('before', 1.0); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    with (run / NOTES).open("a") as notes:
        notes.write('["result", {"name": "to')
    results, _, broken = read_notes(run)
    assert [result.name for result in results] == ["before"] and broken == 1


def test_a_table_is_stored_for_other_runs(run, workbench):
    path = store("values", pl.DataFrame({"value": [1, 2]}))
    assert path == workbench / "data/artefacts/20260101-120000-abc123/values.parquet"
    assert read_artefact("20260101-120000-abc123", "values")["value"].to_list() == [1, 2]
    store("values", pl.DataFrame({"value": [3]}))
    assert read_artefact("20260101-120000-abc123", "values")["value"].to_list() == [3]
    assert [entry.name for entry in artefact_folder().iterdir()] == ["values.parquet"]


def test_an_unknown_artefact_is_answered_with_the_nearest(run):
    store("values", pl.DataFrame({"value": [1]}))
    with pytest.raises(UsageError, match=r"'valeus'. Did you mean values"):
        read_artefact("20260101-120000-abc123", "valeus")
    with pytest.raises(UsageError, match="Did you mean 20260101-120000-abc123"):
        read_artefact("20260101-120000-abc12", "values")
    with pytest.raises(UsageError, match="outside"):
        read_artefact("../..", "values")


@pytest.mark.parametrize("name", ["", "a/b", "../a", "A b", ".hidden"])
def test_an_artefact_has_a_plain_name(run, name):
    with pytest.raises(UsageError, match="cannot name an artefact"):
        store(name, pl.DataFrame({"a": [1]}))


def test_by_hand_nothing_is_noted_and_tables_go_aside(workbench, monkeypatch):
    monkeypatch.delenv("AVREC_RUN_ID", raising=False)
    monkeypatch.delenv("AVREC_RUN_FOLDER", raising=False)
    assert record("a", 1.0) is None  # type: ignore[func-returns-value]
    assert store("numbers", pl.DataFrame({"a": [1]})) == workbench / "data/artefacts/by-hand/numbers.parquet"
    assert read_artefact("by-hand", "numbers")["a"].to_list() == [1]
    assert [path.name for path in workbench.iterdir()] == ["notebooks", "data"] or not (workbench / "reports").exists()
