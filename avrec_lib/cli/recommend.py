"""`avrec recommend`: lists of a saved model for many users, into one file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avrec_lib.strings import say

if TYPE_CHECKING:
    from avrec_lib.models.matrix_recommender import MatrixRecommender

EVERYBODY = "all"
MODELS = "models"  # the folder among the artefacts of a run


def add_to(app: typer.Typer) -> None:
    """Register the verb of this file."""
    app.command("recommend")(recommend)


def recommend(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, its beginning, a notebook (its newest run), or the "
                                                           "folder of a saved model.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Parquet, CSV or JSON lines by its ending.")],
    users: Annotated[str, typer.Option(metavar="ID,… or FILE", help="User ids; or a file: a table with the column "
                                                                    "user_id, or an id a line.")] = EVERYBODY,
    model: Annotated[str, typer.Option(metavar="NAME", help="Which of the run's models.")] = "",
    k: Annotated[int, typer.Option("--k", min=1, help="Items a user.")] = 10,
    exclude_seen: Annotated[bool | None, typer.Option(
        help="Leave out what the user already has. Default: as the run judged its lists."
    )] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts: one JSON object on standard output.")] = False,
) -> None:  # fmt: skip
    """Write the best items of each user by a model that a run has saved: lists to show, of models that saw all rows."""
    from avrec_lib.models.batch import write_recommendations
    from avrec_lib.stopping import stopping_on_terminate

    out = out.expanduser()
    asked = None if users == EVERYBODY else _users(users)
    chosen, as_judged = _open(run, model)
    hides = as_judged if exclude_seen is None else exclude_seen
    with stopping_on_terminate():
        written = write_recommendations(chosen, asked, k, out, exclude_seen=hides)
    if as_json:
        facts = {"model": chosen.name, "file": str(out), "exclude_seen": hides, **vars(written)}
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    if not hides:
        typer.echo(say("Lists hold what a user already has, too (--exclude-seen leaves it out)."))
    typer.echo(say("{model}: {rows:,} rows, lists of {lists:,} users → {file}", model=chosen.name, rows=written.rows,
                   lists=written.lists, file=out))  # fmt: skip
    if written.known < written.users:
        typer.echo(say("{count:,} of the {total:,} users are not known to this model.",
                       count=written.users - written.known, total=written.users))  # fmt: skip
    if written.lists < written.users:
        typer.echo(say("{count:,} users got no list: it has nothing to say of them.",
                       count=written.users - written.lists))  # fmt: skip


def _open(run: str, model: str) -> tuple[MatrixRecommender, bool]:
    """The model, and whether its run hid what users already had."""
    from avrec_lib.errors import UsageError, unknown_name
    from avrec_lib.models.saving import CARD, open_model, saved_models
    from avrec_lib.paths import artefacts_folder
    from avrec_lib.report.compare import find_run
    from avrec_lib.report.run_record import RunRecord

    if (Path(run) / CARD).is_file():
        return open_model(Path(run)), True
    folder = find_run(run)
    if folder.parent.name.startswith(run):  # a notebook: its newest run that has models
        others = sorted(folder.parent.glob("*/run.json"), reverse=True)
        saved = [one.parent for one in others if saved_models(artefacts_folder() / one.parent.name / MODELS)]
        folder = saved[0] if saved else folder
    run_id = folder.name
    found = saved_models(artefacts_folder() / run_id / MODELS)
    if not found:
        raise UsageError("The run {run} has saved no model.", hint="Notebook 30 saves its models.", run=run_id)
    if model and model not in found:
        raise unknown_name("model", model, found)
    if not model and len(found) > 1:
        raise UsageError("The run {run} has saved {count} models.", hint="Choose one with --model: {names}.",
                         run=run_id, count=len(found), names=", ".join(found))  # fmt: skip
    asked = RunRecord.read(folder).parameters.get("exclude_seen")
    hides = bool(asked.value) if asked is not None else True
    return open_model(found[model] if model else next(iter(found.values()))), hides


def _users(text: str) -> Sequence[str]:
    """Ids as typed, or those of the file that `text` names."""
    import polars as pl

    from avrec_lib.errors import DataError, UsageError

    path = Path(text).expanduser()
    if not path.is_file() and path.suffix in (".parquet", ".csv", ".jsonl", ".txt"):
        raise UsageError("There is no file {file}.", hint="Expected user ids, or a file with them.", file=path)
    if not path.is_file():
        return [user.strip() for user in text.split(",") if user.strip()]
    try:
        match path.suffix:
            case ".parquet":
                table = pl.read_parquet(path)
            case ".csv":
                table = pl.read_csv(path, infer_schema=False)
            case ".jsonl":
                table = pl.read_ndjson(path)
            case _:
                return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise DataError("{file} cannot be read: {error}.", file=path, error=str(error).splitlines()[0]) from error
    if "user_id" not in table.columns:
        raise DataError("{file} has no column user_id.", hint="It has {present}.", file=path,
                        present=", ".join(table.columns))  # fmt: skip
    return table.get_column("user_id").drop_nulls().cast(pl.String).to_list()
