"""The index lists the newest run of each notebook, whatever state it is in."""

from __future__ import annotations

import os

from cells import code

from avrec_lib.report.export import export_report
from avrec_lib.report.run_record import Parameter, Result
from avrec_lib.report.site import build_index, newest_runs


def test_an_empty_workbench_says_what_to_type(home):
    page = build_index().read_text("utf-8")
    assert "There are no reports yet." in page
    assert "<pre>make report</pre>" in page


def test_the_newest_run_of_a_notebook_is_shown_and_older_ones_are_its_history(make_run):
    for day in ("20260101", "20260103", "20260102"):
        make_run(code("a"), run_id=f"{day}-000000-aaaaaa")
    (row,) = newest_runs()
    assert row.run_id.startswith("20260103")
    assert [old.run_id[:8] for old in row.history] == ["20260102", "20260101"]


def test_a_row_has_the_headline_with_its_interval_and_the_data(make_run):
    results = [Result("recall@10", 0.2), Result("ndcg@10", 0.0731, 0.0551, 0.0909, 943, model="EASE", headline=True)]
    export_report(make_run(code("a"), results=results, parameters={"dataset": Parameter("lastfm-2k", "command line")}))
    page = build_index().read_text("utf-8")
    assert "0.073 [0.055, 0.091]" in page
    assert "ndcg@10 · EASE" in page
    assert "<td>lastfm-2k</td>" in page
    assert 'href="40_x/20260101-000000-aaaaaa/report.html"' in page


def test_a_damaged_record_is_listed_as_damaged(make_run):
    folder = make_run(code("a"))
    (folder / "run.json").write_text('{"run_id":')
    assert "damaged" in build_index().read_text("utf-8")


def test_a_run_whose_process_is_gone_is_not_called_running(make_run):
    make_run(code("a"), notebook="10_gone", status="running", process=2**22 + 1)
    make_run(code("a"), notebook="20_here", status="running", process=os.getpid())
    assert [row.status for row in newest_runs()] == ["stale", "running"]


def test_status_is_a_word_and_an_icon(make_run):
    make_run(code("a"), status="timed_out")
    page = build_index().read_text("utf-8")
    assert '<span class="icon" aria-hidden="true">⏱</span><span lang="en">out of time</span>' in page


def test_a_folder_that_is_being_written_is_left_out(make_run):
    make_run(code("a"), run_id=".20260101-000000-aaaaaa.part")
    assert newest_runs() == []


def test_a_title_is_text(make_run):
    make_run(code("a"), title="<img src=x onerror=alert(1)>")
    assert "<img" not in build_index().read_text("utf-8")
