"""Every way a run can end, with real kernels: the status is true, the files are there, no kernel is left behind."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path

import psutil
import pytest

from avrec_lib.errors import RunError
from avrec_lib.report.run_record import RunRecord
from avrec_lib.runs import executed
from avrec_lib.runs.kernel import Kernel, MemoryWatch, memory_limit, thread_limits
from avrec_lib.runs.plan import make_plan
from avrec_lib.runs.runner import Event, new_run_id, run_job


def run(*words: str, profile: str = "standard", **options: float) -> tuple[Path, RunRecord]:
    """Run one notebook with `name=value` words, and check what holds for every end of a run."""
    events: list[Event] = []
    (job,) = make_plan(words[:1], words[1:], profile)
    folder, record = run_job(job, events.append, **options)  # type: ignore[arg-type]
    assert RunRecord.read(folder) == record
    assert {path.name for path in folder.iterdir()} == {"executed.ipynb", "run.json", "report.html"}
    assert events[0].kind == "started" and record.process is None
    assert kernels_of(record.run_id) == []
    return folder, record


def kernels_of(run_id: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != psutil.Process().pid and process.environ().get("AVREC_RUN_ID") == run_id:
                found.append(process)
        except psutil.Error:
            continue
    return found


def outputs(folder: Path) -> str:
    return json.dumps([cell.get("outputs") for cell in json.loads((folder / "executed.ipynb").read_text())["cells"]])


def statuses(record: RunRecord) -> list[str]:
    return [cell.status for cell in record.cells]


def test_a_run_that_succeeds_tells_all_about_itself(workbench):
    folder, record = run("01_ok", 'label=中文 "x"', profile="smoke")
    assert record.status == "ok" and record.error is None and record.warnings == []
    assert statuses(record) == ["ok"] * 4  # the cell with the chosen parameters counts
    assert [(result.name, result.value, result.headline) for result in record.results] == [("mean", 0.5, True)]
    assert record.fingerprints["truth"] == "f00d" and len(record.fingerprints["notebook"]) == 16
    assert record.artefacts == {"numbers": f"data/artefacts/{record.run_id}/numbers.parquet"}
    assert {name: (entry.value, entry.source) for name, entry in record.parameters.items()} == {
        "size": (2, "profile"), "label": ("中文 \"x\"", "command line"), "dataset": ("tiny", "default"),
    }  # fmt: skip
    assert all(cell.seconds is not None and cell.peak_memory_mb > 10 for cell in record.cells)
    assert max(cell.peak_memory_mb for cell in record.cells) <= record.peak_memory_mb
    assert 0 < record.start_seconds < record.seconds
    assert json.dumps(f'中文 "x" smoke en {sys.executable}\n')[1:-1] in outputs(folder)
    source = json.loads((folder / "executed.ipynb").read_text())
    assert "papermill" not in json.dumps(source["metadata"]) + json.dumps(
        [cell["metadata"] for cell in source["cells"]]
    )


def test_a_cell_that_fails_names_itself_and_keeps_what_was_done(workbench):
    folder, record = run("02_fails")
    assert record.status == "failed" and statuses(record) == ["ok", "failed", "not run"]
    assert (record.error.cell, record.error.name, record.error.message) == (2, "ZeroDivisionError", "division by zero")
    assert "1 / 0" in record.error.traceback and "\x1b" not in record.error.traceback
    assert [result.name for result in record.results] == ["before"]
    assert "about to divide" in outputs(folder)
    assert "division by zero" in (folder / "report.html").read_text()


def test_an_error_of_ours_is_its_sentence_in_the_notebook_and_its_traceback_in_the_record(workbench):
    folder, record = run("03_refuses")
    assert record.error.message == "The log tiny has no times. Take another." and record.error.is_sentence
    assert "raise DataError" in record.error.traceback
    assert '"traceback": ["The log tiny has no times. Take another."]' in outputs(folder)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("exit", "ended by itself (exit code 7)"),
        ("killed", "killed from outside (signal 9)"),
        ("crash", "crashed (signal 11)"),
    ],
)
def test_a_kernel_that_dies_leaves_its_results_and_the_cause(workbench, how, message):
    folder, record = run("04_dies", f"how={how}")
    assert record.status == "died" and message in record.error.message and "MiB" in record.error.message
    assert statuses(record)[-2:] == ["failed", "not run"]
    assert [result.name for result in record.results] == ["before"] and "still here" in outputs(folder)
    assert record.peak_memory_mb > 10
    if how == "crash":
        assert "Segmentation fault" in record.error.traceback


def test_a_cell_that_takes_too_long_is_stopped(workbench):
    folder, record = run("05_slow", timeout=1)
    assert record.status == "timed_out" and "longer than the 1.0 s" in record.error.message
    assert record.error.cell == 3 and statuses(record) == ["ok", "ok", "failed"]
    assert record.seconds < 20 and "asleep" in outputs(folder)


def test_outputs_beyond_the_limit_are_left_out_with_words(workbench, monkeypatch):
    folder, record = run("09_loud")
    assert (folder / "executed.ipynb").stat().st_size < executed.MAXIMUM_BYTES
    assert record.status == "ok" and "An output of 3.0 MB was left out" in record.warnings[0]
    assert "left out" in outputs(folder) and "the last line" in outputs(folder)


def test_a_report_that_cannot_be_written_does_not_lose_the_run(workbench, monkeypatch):
    from avrec_lib.report import export

    def stumble(folder: Path) -> Path:
        raise ValueError("no template")

    monkeypatch.setattr(export, "export_report", stumble)
    (job,) = make_plan(["06_typed"])
    folder, record = run_job(job, lambda event: None)
    assert record.status == "ok" and "report.html could not be written: ValueError: no template" in record.warnings[0]
    assert RunRecord.read(folder) == record


def test_reports_that_cannot_be_written_are_said_before_a_kernel_starts(workbench):
    (workbench / "reports").write_text("a file where a folder should be")
    (job,) = make_plan(["01_ok"])
    with pytest.raises(RunError, match="cannot be written") as refusal:
        run_job(job, lambda event: pytest.fail("a step was told"))
    assert refusal.value.exit_code == 1


def test_a_disk_that_fills_up_ends_the_run_with_its_reason(workbench, monkeypatch):
    def full(notebook: object, folder: Path) -> list[str]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(executed, "save", full)
    (job,) = make_plan(["01_ok"])
    folder, record = run_job(job, lambda event: None)
    assert record.status == "failed" and record.error.message == "executed.ipynb: No space left on device."
    assert "executed.ipynb could not be written" in record.warnings[0] and kernels_of(record.run_id) == []
    assert RunRecord.read(folder) == record


def test_every_type_of_parameter_arrives_as_it_was_given(workbench):
    folder, _ = run("06_typed", "count=7", "rate=2", "name=007", "fast=no", "models=a,b", "sizes=[1]", "limit=3")
    assert "[7, 2.0, '007', False, ['a', 'b'], [1], 'time', 3]" in outputs(folder)


def test_run_ids_sort_by_time_and_differ():
    ids = [new_run_id() for _ in range(200)]
    assert len(set(ids)) == 200 and ids[0][:8] <= ids[-1][:8] and len(ids[0]) == 22


@pytest.mark.parametrize(
    ("exit_code", "share", "words"),
    [(-9, 0.01, "killed from outside (signal 9)"), (-9, 0.7, "likely out of memory, unless"),
     (1, 0.95, "likely out of memory."), (1, 0.1, "exit code 1"),
     (-6, 0.1, "signal 6")],
)  # fmt: skip
def test_the_cause_of_death_is_memory_only_when_it_was_short(exit_code, share, words, tmp_path, workbench):
    watch = MemoryWatch(pid=1)
    watch.peak = share * memory_limit()
    assert words in Kernel(None, None, tmp_path, watch).cause_of_death(exit_code)  # type: ignore[arg-type]


def test_kernels_that_run_at_once_share_the_cores(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setattr("avrec_lib.runs.kernel.cores", lambda: 8)
    assert thread_limits(1) == {}
    limits = thread_limits(4)
    assert limits["POLARS_MAX_THREADS"] == "2" and "OMP_NUM_THREADS" not in limits
