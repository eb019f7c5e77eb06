"""`avrec compare`, `clean` and `lab`: what runs have left, and notebooks by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from avrec_lib.strings import say


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this file."""
    app.command("compare")(compare)
    app.command("clean")(clean)
    app.command("lab", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(lab)


def compare(
    first: Annotated[str, typer.Argument(metavar="RUN", help="Run id, or a notebook's name for its newest run.")],
    second: Annotated[str, typer.Argument(metavar="RUN")],
) -> None:
    """Two runs side by side: parameters that differ, results, and paired differences where values were stored."""
    from avrec_lib.report.compare import compare_runs

    compare_runs(find_run(first), find_run(second))


def find_run(word: str) -> Path:
    """The folder of the run that `word` means: a run id, the path of its folder, or a notebook (its newest run)."""
    from avrec_lib.errors import unknown_name
    from avrec_lib.report.run_record import RUN_FILE, run_folders

    path = Path(word).resolve()
    if (path / RUN_FILE).is_file():
        return path
    folders = run_folders()
    meant = [folder for folder in folders if word in (folder.name, folder.parent.name)]
    if not meant:
        raise unknown_name("run", word, [folder.name for folder in folders])
    return meant[-1]


def clean(
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without this nothing is removed.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every run and artefact, the newest too.")] = False,
) -> None:
    """List (with --yes: remove) failed and older runs, artefacts that no run refers to, and unfinished files."""
    from avrec_lib.report.cleaning import find_leftovers, remove

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
    from avrec_lib.paths import HOME_VARIABLE, home, notebooks_folder

    # The kernel of this environment comes first, whatever kernels the user has installed elsewhere.
    environment = {**os.environ, "JUPYTER_PREFER_ENV_PATH": "1", HOME_VARIABLE: str(home())}
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={notebooks_folder()}", *context.args]
    try:
        return subprocess.run([*command, "--ServerApp.ip=127.0.0.1"], env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 0


def rebuild_index() -> Path | None:
    """Rebuild `reports/index.html` and return its path."""
    try:
        from avrec_lib.report.site import build_index
    except ModuleNotFoundError:
        return None
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
