"""`avrec calibrate`: are intervals, refusals and verdicts as good as they say, in worlds whose truth is known?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from avrec_lib.strings import say

if TYPE_CHECKING:
    import polars as pl

FOLDER = "calibrations"  # among the artefacts


def add_to(app: typer.Typer) -> None:
    """Register the verb of this file."""
    app.command("calibrate")(calibrate)


def calibrate(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The experiment; without one, what there is.")] = "",
    size: Annotated[int | None, typer.Option(min=1, help="Worlds, logs or tests. Default: as many as it takes to "
                                                         "check what is promised.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the numbers are the same for any.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts: one JSON object on standard output.")] = False,
) -> None:  # fmt: skip
    """Hold a yardstick against worlds whose truth is known; the tables are kept in data/artefacts/calibrations."""
    from avrec_lib.calibrate.experiments import EXPERIMENTS, run_experiment
    from avrec_lib.paths import artefacts_folder, replacing
    from avrec_lib.stopping import stopping_on_terminate

    if not name:
        if as_json:
            typer.echo(json.dumps({key: one.size for key, one in EXPERIMENTS.items()}))
            return
        for key, one in EXPERIMENTS.items():
            typer.echo(f"{typer.style(key, bold=True)} ({one.size:,})\n  {say(one.question)}")
        return
    with stopping_on_terminate():
        tables = run_experiment(name, size, seed=seed, workers=workers)
    folder = artefacts_folder() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for part, table in tables.items():
        with replacing(folder / f"{name}_{part}.parquet") as beside:
            table.write_parquet(beside)
    if as_json:
        typer.echo(json.dumps({part: table.to_dicts() for part, table in tables.items()}, ensure_ascii=False))
        return
    for part, table in tables.items():
        typer.echo(typer.style(part, bold=True))
        _print(table)
    typer.echo(str(folder))


def _print(table: pl.DataFrame) -> None:
    from avrec_lib.cli.data_facts import print_columns

    rows = [table.columns, *([_cell(value) for value in row] for row in table.iter_rows())]
    print_columns(rows)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
