"""`avrec compare`, `clean` and `lab`: what runs have left, and notebooks by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from avrec_lib.strings import say


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this file."""
    app.command("compare")(compare)
    app.command("clean")(clean)
    app.command("lab", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(lab)


def compare(
    first: Annotated[str, typer.Argument(metavar="RUN", help="Run id, its beginning, or a notebook (its newest run).")],
    second: Annotated[str, typer.Argument(metavar="RUN")],
    model: Annotated[str, typer.Option(metavar="NAME or A:B", help="One model, or one of each run.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts: JSON on standard output.")] = False,
) -> None:
    """Two runs side by side: parameters that differ, results, and paired differences where values were stored."""
    from avrec_lib.report.compare import compare_runs

    one, _, other = model.partition(":")
    found = compare_runs(first, second, model=(one, other) if other else one or None)
    if as_json:
        tables = {part: getattr(found, part).to_dicts() for part in ("parameters", "results", "differences")}
        typer.echo(json.dumps({**tables, "page": str(found.path)}, ensure_ascii=False, indent=1))
        return
    typer.echo(f"A  {found.a.notebook}  {found.a.run_id}\nB  {found.b.notebook}  {found.b.run_id}")
    for table in (found.parameters, found.results, found.differences):
        if table is found.differences and table.height:
            typer.echo(
                say("B minus A on the same queries: mean difference with its 95 % interval (bootstrap over users).")
            )
        if table.height:
            print_table({say(column): [_cell(value) for value in table[column]] for column in table.columns})
    if found.why_no_differences:
        typer.echo(found.why_no_differences)
    rebuild_index()
    typer.echo(near(found.path))


def clean(
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without this nothing is removed.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every run and artefact, the newest too.")] = False,
) -> None:
    """List (with --yes: remove) failed and older runs, artefacts that no run refers to, and unfinished files."""
    from avrec_lib.runs.cleaning import find_leftovers, remove

    found = find_leftovers(everything)
    for leftover in found:
        typer.echo(f"{leftover.size / 1e6:8.1f} MB  {near(leftover.path)}  {say(leftover.reason)}")
    megabytes = f"{sum(leftover.size for leftover in found) / 1e6:,.1f}"
    if not found:
        typer.echo(say("There is nothing to remove."))
    elif not yes:
        typer.echo(say("{n} to remove, {size} MB. Do it with: avrec clean --yes", n=len(found), size=megabytes))
    else:
        remove(found)
        typer.echo(say("{n} removed, {size} MB.", n=len(found), size=megabytes))
        rebuild_index()


def lab(context: typer.Context) -> int:
    """Open the notebooks in JupyterLab, on this machine only; further options go to JupyterLab."""
    return open_lab(context.args)


def open_lab(arguments: Sequence[str]) -> int:
    """Run JupyterLab on the notebooks until it is stopped; returns its exit code."""
    from avrec_lib.paths import HOME_VARIABLE, home, notebooks_folder

    # The kernel of this environment comes first, whatever kernels the user has installed elsewhere.
    environment = {**os.environ, "JUPYTER_PREFER_ENV_PATH": "1", HOME_VARIABLE: str(home())}
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={notebooks_folder()}", *arguments]
    try:
        return subprocess.run([*command, "--ServerApp.ip=127.0.0.1"], env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 0


def rebuild_index() -> Path:
    """Rebuild `reports/index.html` and return its path."""
    from avrec_lib.report.site import build_index

    return build_index()


def print_table(columns: Mapping[str, Sequence[str]]) -> None:
    """Print columns of text, as wide as the terminal is; a pipe gets every line whole."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(Text(cell) for cell in row))
    if not console.is_terminal:
        console.width = 400
    console.print(table)


def near(path: Path) -> str:
    """`path` as seen from the current folder, when it lies inside it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _cell(value: Any) -> str:
    return "–" if value is None else f"{value:+.4f}" if isinstance(value, float) else str(value)
