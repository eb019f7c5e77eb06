"""`avrec demo`: the notebooks that can be touched."""

from __future__ import annotations

from typing import Annotated

import typer

from avrec_lib.cli.run_files import open_lab
from avrec_lib.errors import unknown_name

NOTEBOOKS = {"recommendations": "90_demo_recommendations", "experiment": "91_demo_experiment"}


def add_to(app: typer.Typer) -> None:
    """Register the verb of this file."""
    app.command("demo", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(demo)


def demo(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[recommendations|experiment]", help="Which demo.")] = (
        "recommendations"
    ),
) -> int:
    """Open a demo in JupyterLab, on this machine only: recommendations to try, or an A/B test to plan, watch and stop.

    Choose Run All Cells in the menu Run. Options that follow go to JupyterLab; with --no-browser it prints the address
    to open.
    """
    from avrec_lib.runs.notebook import find_notebook

    handed_on = list(context.args)
    if name.startswith("-"):  # an option of JupyterLab, and no name
        name, handed_on = "recommendations", [name, *handed_on]
    if name not in NOTEBOOKS:
        raise unknown_name("demo", name, NOTEBOOKS)
    path = find_notebook(NOTEBOOKS[name]).path
    return open_lab([f"--LabApp.default_url=/lab/tree/{path.name}", *handed_on])
