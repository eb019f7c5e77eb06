"""`avrec list`, `params`, `run` and `report`: what can run, with which values, and running it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from avrec_lib.cli import run_files
from avrec_lib.strings import say

Values = Annotated[
    list[str] | None,
    typer.Option("-p", metavar="NAME=VALUE", help="A parameter for every notebook that has it; may be repeated."),
]
Profile = Annotated[str, typer.Option(metavar="smoke|standard|full", help="How large the runs are.")]
Jobs = Annotated[int, typer.Option("-j", "--jobs", min=1, help="How many notebooks run at once.")]
Resume = Annotated[
    bool, typer.Option(help="Keep runs that succeeded with the same notebook, parameters, data and code.")
]
Timeout = Annotated[float | None, typer.Option(min=0.1, metavar="SECONDS", help="The most that one cell may take.")]
Inline = Annotated[bool, typer.Option("--inline", help="Write report-inline.html too: one file, to be mailed.")]
Json = Annotated[bool, typer.Option("--json", help="For scripts: JSON on standard output.")]

QUICK_START = "quick-start"


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this file and of `run_files`."""
    app.command("list")(list_notebooks)
    app.command("params")(show_parameters)
    app.command("run")(run)
    app.command("report")(report)
    run_files.add_to(app)


def list_notebooks(as_json: Json = False) -> None:
    """Notebooks with the question each answers, the suites it is in, and how its newest run ended."""
    from avrec_lib.errors import AvrecError
    from avrec_lib.report.run_record import RunRecord, run_folders
    from avrec_lib.report.status import status_of
    from avrec_lib.runs.notebook import notebook_paths, read_notebook
    from avrec_lib.runs.suites import read_suites

    suites = read_suites()
    rows = []
    for name, path in notebook_paths().items():
        own = [suite.name for suite in suites.values() if any(entry.notebook == name for entry in suite.entries)]
        row: dict[str, Any] = {
            "notebook": name,
            "title": "",
            "question": "",
            "suites": own,
            "newest_run": None,
            "error": None,
        }
        try:
            notebook = read_notebook(path)
            row |= {"title": notebook.title, "question": notebook.question}
            newest = [RunRecord.read(folder) for folder in run_folders(name)[-1:]]
            row["newest_run"] = {"run_id": newest[0].run_id, "status": status_of(newest[0])} if newest else None
        except AvrecError as error:
            row["error"] = error.text()
        rows.append(row)
    if as_json:
        suite_rows = [{"suite": one.name, "title": one.title, "runs": len(one.entries)} for one in suites.values()]
        typer.echo(json.dumps({"notebooks": rows, "suites": suite_rows}, ensure_ascii=False, indent=1))
        return
    run_files.print_table(
        {say("Notebook"): [row["notebook"] for row in rows],
         say("Question"): [row["error"] or row["question"] or row["title"] for row in rows],
         say("Suites"): [", ".join(row["suites"]) for row in rows],
         say("Newest run"): [_status_word(row["newest_run"]) for row in rows]}
    )  # fmt: skip


def show_parameters(
    notebook: Annotated[str, typer.Argument(help="Name, number or path of a notebook.")], as_json: Json = False
) -> None:
    """The parameters of a notebook: type, default, what each is for, and the sizes of its profiles."""
    from avrec_lib.runs.notebook import PROFILES, find_notebook

    found = find_notebook(notebook)
    sizes = {profile: found.sizes(profile) for profile in PROFILES}
    rows = [
        {"name": spec.name, "type": str(spec.type), "default": spec.default, "comment": spec.comment,
         "profiles": {profile: values[spec.name] for profile, values in sizes.items() if spec.name in values}}
        for spec in found.parameters.values()
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    if not rows:
        typer.echo(say("{notebook} has no parameters.", notebook=found.name))
        return
    run_files.print_table(
        {say("Parameter"): [row["name"] for row in rows],
         say("Type"): [row["type"] for row in rows],
         say("Default"): [repr(row["default"]) for row in rows],
         say("Profiles"): [", ".join(f"{name}: {value!r}" for name, value in row["profiles"].items()) for row in rows],
         say("What it is for"): [row["comment"] for row in rows]}
    )  # fmt: skip


def run(
    names: Annotated[list[str], typer.Argument(metavar="NOTEBOOK-OR-SUITE…", help="As `avrec list` shows them.")],
    values: Values = None,
    profile: Profile = "standard",
    jobs: Jobs = 1,
    resume: Resume = False,
    timeout: Timeout = None,
    inline: Inline = False,
    as_json: Json = False,
) -> int:
    """Run notebooks and suites, each to a report of its own, and rebuild the index."""
    return _run(names, values, profile, jobs, resume, timeout, inline, as_json)


def report(
    values: Values = None,
    profile: Profile = "standard",
    jobs: Jobs = 1,
    resume: Resume = False,
    timeout: Timeout = None,
    inline: Inline = False,
    as_json: Json = False,
) -> int:
    """Run the quick-start suite and print where the index of the reports lies."""
    return _run([QUICK_START], values, profile, jobs, resume, timeout, inline, as_json)


def _run(
    names: list[str],
    values: list[str] | None,
    profile: str,
    jobs: int,
    resume: bool,
    timeout: float | None,
    inline: bool,
    as_json: bool,
) -> int:
    from avrec_lib.cli.run_console import RunConsole, summary
    from avrec_lib.report.export import export_report
    from avrec_lib.runs.plan import make_plan
    from avrec_lib.runs.queue import run_plan
    from avrec_lib.stopping import stopping_on_terminate

    plan = make_plan(names, values or (), profile)
    with stopping_on_terminate(), RunConsole(to_stderr=as_json) as console:
        outcomes = run_plan(plan, console.tell, console.done, parallel=jobs, resume=resume, timeout=timeout)
    index = run_files.rebuild_index()
    for outcome in outcomes:
        if inline and outcome.folder is not None:
            typer.echo(run_files.near(export_report(outcome.folder, inline=True)), err=as_json)
    if as_json:
        typer.echo(json.dumps([summary(outcome) for outcome in outcomes], ensure_ascii=False, indent=1))
    else:
        typer.echo(say("All reports: {path}", path=run_files.near(index)))
    return max((outcome.exit_code for outcome in outcomes), default=0)


def _status_word(newest: dict[str, str] | None) -> str:
    from avrec_lib.report.status import WORDS

    return say(WORDS.get(newest["status"], newest["status"])) if newest else "–"
