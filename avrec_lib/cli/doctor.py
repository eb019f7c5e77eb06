"""`avrec doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from avrec_lib.reachable import Check

COLOURS = {"ok": "green", "missing": "yellow", "differs": "yellow", "broken": "bold red"}


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this file."""
    app.command("doctor")(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
) -> None:
    """Say what this machine has, what it lacks, and what each lack would cost. Exit code 1: avrec cannot work here."""
    from avrec_lib.doctor import examine

    checks = examine()
    if as_json:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps([asdict(check) for check in checks], indent=1, ensure_ascii=False))
    else:
        show(checks)
    if any(check.state == "broken" for check in checks):
        raise typer.Exit(1)


def show(checks: list[Check]) -> None:
    """Print the checks in three aligned columns; a lack is followed by its cost and its remedy."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from avrec_lib.strings import say

    words = {"ok": say("ok"), "missing": say("missing"), "differs": say("differs"), "broken": say("broken")}
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        lines = [check.found]
        if check.cost:
            lines.append(say("costs: {cost}", cost=check.cost))
        if check.remedy:
            lines.append(say("fix: {remedy}", remedy=check.remedy))
        state = Text(words[check.state], style=COLOURS[check.state])
        table.add_row(state, Text(check.name), Text("\n".join(lines)))
    # In a file or a pipe a line is not cut at eighty characters, so that it can be searched.
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    console.print(table)
    counts = {state: sum(check.state == state for check in checks) for state in words}
    lacking = counts["missing"] + counts["differs"]
    if counts["broken"]:
        typer.echo(say("{n} things must be mended before avrec can work.", n=counts["broken"]))
    else:
        typer.echo(say("avrec works here. {n} of {all} things are missing or differ.", n=lacking, all=len(checks)))
