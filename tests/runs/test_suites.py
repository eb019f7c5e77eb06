"""Suites, and the plan that words of a command line make: order, values and where each came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from avrec_lib.errors import UsageError
from avrec_lib.runs.notebook import find_notebook, read_notebook
from avrec_lib.runs.plan import make_plan
from avrec_lib.runs.suites import read_suites

CHAIN = """
chain:
  title: One needs the other
  runs:
    - id: total
      notebook: 08_needs
      parameters:
        values_run: ${numbers.run_id}
    - id: numbers
      notebook: 01_ok
      parameters: {size: 4, label: from the suite}
    - notebook: 06_typed
      needs: [total]
"""


def write(home: Path, text: str) -> None:
    (home / "notebooks" / "suites.yaml").write_text(text)


def test_a_run_comes_after_those_it_needs(workbench):
    write(workbench, CHAIN)
    assert [entry.id for entry in read_suites()["chain"].entries] == ["numbers", "total", "06_typed"]
    jobs = make_plan(["chain"])
    assert [job.notebook.name for job in jobs] == ["01_ok", "08_needs", "06_typed"]
    assert jobs[1].needs == ("chain/numbers",)
    filled = jobs[1].with_runs({"chain/numbers": "20260101-000000-abcdef"})
    assert filled.parameters["values_run"].value == "20260101-000000-abcdef"


def test_the_command_line_beats_the_profile_beats_the_suite_beats_the_default(workbench):
    write(workbench, CHAIN)

    def of_size(*assignments: str, profile: str = "standard", words: tuple[str, ...] = ("chain",)):
        return make_plan(words, assignments, profile)[0].parameters["size"]

    assert (of_size(words=("01_ok",)).value, of_size(words=("01_ok",)).source) == (3, "default")
    assert (of_size().value, of_size().source) == (4, "suite")
    assert (of_size(profile="smoke").value, of_size(profile="smoke").source) == (2, "profile")
    assert (of_size("size=9", profile="smoke").value, of_size("size=9").source) == (9, "command line")


def test_an_assignment_reaches_the_notebooks_that_have_it_and_must_be_known_to_one(workbench):
    jobs = make_plan(["01_ok", "06_typed"], ["size=9"])
    assert jobs[0].parameters["size"].value == 9 and "size" not in jobs[1].parameters
    with pytest.raises(UsageError, match=r"'siez'. Did you mean size"):
        make_plan(["01_ok", "06_typed"], ["siez=9"])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("01_okay", "no notebook or suite named '01_okay'. Did you mean 01_ok"),
        ("chian", "Did you mean chain"),
        ("zzz", "Known: 01_ok"),
        ("../secret", "no notebook"),
        ("notebooks", "no notebook or suite"),
    ],
)
def test_an_unknown_word_is_answered_with_the_nearest(workbench, word, message):
    write(workbench, CHAIN)
    with pytest.raises(UsageError) as refusal:
        make_plan([word])
    assert message in str(refusal.value) and refusal.value.exit_code == 2


def test_a_notebook_is_found_by_name_number_and_path(workbench, monkeypatch):
    monkeypatch.chdir(workbench)
    for word in (
        "06_typed",
        "06_typed.ipynb",
        "06",
        "notebooks/06_typed.ipynb",
        str(workbench / "notebooks/06_typed.ipynb"),
    ):
        assert find_notebook(word).name == "06_typed"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "must map the names of suites"),
        ("a: 3", "The suite 'a' needs a list named runs"),
        ("a: {runs: []}", "needs a list named runs"),
        ("a: {runs: [b]}", "names no notebook: 'b'"),
        ("a: {runs: [{notebook: b, neds: [c]}]}", "Did you mean needs"),
        ("a: {runs: [{notebook: b}, {notebook: b}]}", "two runs with the id 'b'"),
        ("a: {runs: [{notebook: b, needs: [bb]}]}", "no run in the suite named 'bb'. Did you mean b"),
        ("a: {runs: [{notebook: b, needs: b}]}", "must be a list of ids"),
        ("a: {runs: [{notebook: b, parameters: [1]}]}", "must map names to values"),
        ("a: {runs: [{notebook: b, needs: [c]}, {notebook: c, needs: [b]}]}", "need each other: b → c → b"),
        ("a: {runs: [", "cannot be read"),
    ],
)
def test_a_bad_suite_file_is_answered_with_one_sentence(workbench, text, message):
    write(workbench, text)
    with pytest.raises(UsageError) as refusal:
        read_suites()
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{notebook: 01_oj}", "Did you mean 01_ok"),
        ("{notebook: 01_ok, parameters: {siez: 3}}", "Did you mean size"),
        ("{notebook: 01_ok, parameters: {size: many}}", "a whole number is expected"),
        ("{notebook: 07_secret}", "looks like a secret"),
    ],
)
def test_a_suite_is_checked_against_its_notebooks_before_anything_runs(workbench, entry, message):
    write(workbench, f"a: {{runs: [{entry}]}}")
    with pytest.raises(UsageError) as refusal:
        make_plan(["a"])
    assert message in str(refusal.value)


def test_a_run_id_needs_a_text_parameter(workbench):
    write(workbench, "a:\n  runs:\n    - notebook: 02_fails\n    - notebook: 01_ok\n      parameters:\n"
          "        size: ${02_fails.run_id}\n")  # fmt: skip
    with pytest.raises(UsageError, match="must be of type str"):
        make_plan(["a"])


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "it is empty"), (b"\x00\xff\xfe", "is not a notebook"), (b"[]", "notebook format 4"),
     (b'{"cells": [], "nbformat": 3}', "notebook format 4"), (b'{"cells": [3], "nbformat": 4}', "notebook format 4")],
)  # fmt: skip
def test_a_file_that_is_no_notebook_is_refused(workbench, content, message):
    path = workbench / "notebooks" / "11_bad.ipynb"
    path.write_bytes(content)
    with pytest.raises(UsageError) as refusal:
        make_plan(["11_bad"])
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


def test_title_and_question_are_the_first_heading_and_paragraph(workbench):
    notebook = find_notebook("01_ok")
    assert notebook.title == "A run that succeeds"
    assert notebook.question == "Does everything that should be there arrive?"


def test_profiles_may_only_set_known_parameters(workbench):
    path = workbench / "notebooks" / "01_ok.ipynb"
    content = json.loads(path.read_text())
    content["metadata"]["avrec"]["profiles"] = {"smoke": {"siez": 2}}
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="Did you mean size"):
        make_plan(["01_ok"], profile="smoke")
    with pytest.raises(UsageError, match=r"no profile named 'smok'. Did you mean smoke"):
        make_plan(["01_ok"], profile="smok")


def test_the_fingerprint_of_a_notebook_ignores_outputs_and_sees_sources(workbench):
    path = workbench / "notebooks" / "01_ok.ipynb"
    before = read_notebook(path).fingerprint
    content = json.loads(path.read_text())
    content["cells"][2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    content["cells"][2]["execution_count"] = 7
    path.write_text(json.dumps(content))
    assert read_notebook(path).fingerprint == before
    content["cells"][2]["source"] = "1"
    path.write_text(json.dumps(content))
    assert read_notebook(path).fingerprint != before
