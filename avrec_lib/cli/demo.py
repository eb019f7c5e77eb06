"""`avrec demo`: the notebook whose recommendations can be touched."""

from __future__ import annotations

import typer

from avrec_lib.cli.run_files import open_lab

NOTEBOOK = "90_demo_recommendations"


def add_to(app: typer.Typer) -> None:
    """Register the verb of this file."""
    app.command("demo", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(demo)


def demo(context: typer.Context) -> int:
    """Open the demo of recommendations in JupyterLab, on this machine only; further options go to JupyterLab.

    Choose Run All Cells in the menu Run. With --no-browser it prints the address to open.
    """
    from avrec_lib.runs.notebook import find_notebook

    path = find_notebook(NOTEBOOK).path
    return open_lab([f"--LabApp.default_url=/lab/tree/{path.name}", *context.args])
