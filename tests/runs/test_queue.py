"""Several runs: what needs what, some at once, kept from earlier, and what is left behind."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from avrec_lib.report.run_record import RunRecord, run_folders
from avrec_lib.runs import provenance
from avrec_lib.runs.cleaning import find_leftovers, remove
from avrec_lib.runs.plan import make_plan
from avrec_lib.runs.queue import Outcome, run_plan

CHAIN = """
chain:
  runs:
    - id: total
      notebook: 08_needs
      parameters:
        values_run: ${numbers.run_id}
    - id: numbers
      notebook: 01_ok
      parameters: {size: 4}
    - notebook: 02_fails
    - {id: never, notebook: 06_typed, needs: [02_fails]}
    - {id: never either, notebook: 06_typed, needs: [never]}
"""


def run(*words: str, assignments: tuple[str, ...] = (), **options: bool | int) -> dict[str, Outcome]:
    outcomes = run_plan(make_plan(words, assignments), lambda event: None, lambda one: None, **options)  # type: ignore[arg-type]
    return {outcome.job.key: outcome for outcome in outcomes}


@pytest.mark.parametrize("parallel", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_gets_the_artefacts_it_needs_and_a_failure_stops_only_those_that_need_it(workbench, parallel):
    (workbench / "notebooks" / "suites.yaml").write_text(CHAIN)
    outcomes = run("chain", parallel=parallel)
    total, numbers = outcomes["chain/total"], outcomes["chain/numbers"]
    assert total.ok and total.record.results[0].value == 0 + 1 + 2 + 3
    assert total.record.parameters["values_run"].value == numbers.record.run_id
    assert outcomes["chain/02_fails"].record.status == "failed"
    assert outcomes["chain/never"].skipped == "it needs 02_fails, which did not succeed"
    assert outcomes["chain/never either"].skipped == "it needs 06_typed, which did not succeed"
    assert max(outcome.exit_code for outcome in outcomes.values()) == 1


def test_resume_keeps_a_run_only_while_notebook_parameters_data_and_code_are_the_same(workbench, monkeypatch):
    card = workbench / "data" / "tiny" / "dataset.json"
    card.parent.mkdir(parents=True)
    card.write_text('{"fingerprint": "one"}')

    def ran(*assignments: str, profile: str = "standard") -> bool:
        plan = make_plan(["01_ok"], assignments, profile)
        (outcome,) = run_plan(plan, lambda event: None, lambda one: None, resume=True)
        assert outcome.ok
        return not outcome.reused

    assert ran() and not ran()
    assert ran("size=4") and not ran("size=4") and not ran()
    assert ran(profile="smoke")
    card.write_text('{"fingerprint": "two"}')
    assert ran() and not ran()
    monkeypatch.setattr(provenance, "code_fingerprint", lambda: "other")
    assert not [run for run in [provenance.earlier_run(make_plan(["01_ok"])[0], "en")] if run]
    monkeypatch.undo()


def test_without_its_data_set_a_run_is_never_kept(workbench):
    outcome = run("01_ok")["0"]
    assert outcome.ok and provenance.earlier_run(outcome.job, "en") is None


def test_a_failed_run_is_run_again(workbench):
    run("02_fails")
    assert not run("02_fails", resume=True)["0"].reused
    assert len(run_folders("02_fails")) == 2


@pytest.mark.slow
def test_two_of_the_same_notebook_at_once_do_not_meet(workbench):
    outcomes = run("01_ok", "01", "01_ok.ipynb", parallel=3)
    assert [outcome.record.status for outcome in outcomes.values()] == ["ok"] * 3
    assert len({outcome.folder for outcome in outcomes.values()}) == 3


def record_of(home: Path, notebook: str, run_id: str, status: str, **more: object) -> Path:
    folder = home / "reports" / notebook / run_id
    folder.mkdir(parents=True)
    RunRecord(run_id, notebook, status, "2026-01-01", **more).write(folder)  # type: ignore[arg-type]
    (home / "data" / "artefacts" / run_id).mkdir(parents=True)
    return folder


def test_clean_keeps_the_newest_success_what_goes_on_and_the_artefacts_in_use(workbench):
    older = record_of(workbench, "a", "1", "ok")
    failed = record_of(workbench, "a", "2", "failed")
    newest = record_of(workbench, "a", "3", "ok", parameters={})
    killed = record_of(workbench, "a", "4", "running", process=2**22 + 1)
    going_on = record_of(workbench, "a", "5", "running", process=os.getpid())
    damaged = workbench / "reports" / "b" / "6"
    damaged.mkdir(parents=True)
    (damaged / "run.json").write_text("{")
    part = workbench / "data" / ".x.part"
    part.write_text("half")
    fresh = workbench / "data" / ".y.part"
    fresh.write_text("half")
    os.utime(part, (time.time() - 7200,) * 2)

    artefacts = workbench / "data" / "artefacts"
    expected = {older, failed, killed, damaged, part, artefacts / "1", artefacts / "2", artefacts / "4"}
    found = find_leftovers()
    assert {leftover.path for leftover in found} == expected
    remove(found)
    assert find_leftovers() == [] and newest.is_dir() and going_on.is_dir() and fresh.is_file()
    assert not damaged.parent.exists()
    assert {leftover.path for leftover in find_leftovers(everything=True)} == {newest, artefacts / "3"}


def test_clean_keeps_the_artefacts_that_a_kept_run_was_given(workbench):
    given = {"values_run": {"value": "1", "source": "suite"}}
    folder = record_of(workbench, "a", "2", "ok")
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(content | {"parameters": given}))
    (workbench / "data" / "artefacts" / "1").mkdir()
    assert find_leftovers() == []
