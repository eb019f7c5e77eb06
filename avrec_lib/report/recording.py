"""What a notebook leaves behind: `record` notes a result, `store` keeps a table for other runs.

Each note is one line in the run's folder, on disk before `record` returns, so it survives a crash in a later cell;
the runner moves the notes into `run.json`. By hand in JupyterLab there is no run, and nothing is noted.
"""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.paths import artefacts_folder, inside, replacing
from avrec_lib.report.run_record import Result

if TYPE_CHECKING:
    import polars as pl

RUN_ID_VARIABLE = "AVREC_RUN_ID"
RUN_FOLDER_VARIABLE = "AVREC_RUN_FOLDER"
PROFILE_VARIABLE = "AVREC_PROFILE"
NOTES = "results.jsonl"
BY_HAND = "by-hand"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def record(
    name: str,
    value: float | None,
    *,
    low: float | None = None,
    high: float | None = None,
    n: int | None = None,
    unit: str = "",
    model: str | None = None,
    metric: str | None = None,
    k: int | None = None,
    slice: str | None = None,
    better: Literal["higher", "lower"] | None = None,
    interval_method: str | None = None,
    baseline: str | None = None,
    headline: bool = False,
) -> None:
    """Note one result of this run: a number, its interval and what it is of; `headline` is the one the index shows.

    A value that is not finite becomes null. Raises UsageError for a value that is no number, or an unknown `better`.
    """
    _note("result", [asdict(_result(dict(locals())))])


def record_table(table: pl.DataFrame) -> None:
    """Note one result a row; columns are named like the arguments of `record`, and `name` and `value` are needed."""
    known = [field.name for field in fields(Result)]
    for column in table.columns:
        if column not in known:
            raise unknown_name("column of results", column, known)
    missing = [column for column in ("name", "value") if column not in table.columns]
    if missing:
        raise UsageError("A table of results needs the column {column}.", column=repr(missing[0]))
    rows = ({key: value for key, value in row.items() if value is not None} for row in table.iter_rows(named=True))
    _note("result", [asdict(_result(row)) for row in rows])


def record_fingerprints(data: str | None = None, split: str | None = None, truth: str | None = None) -> None:
    """Note which data, split and truth the results rest on: `avrec compare` refuses runs on different truth."""
    given = {"data": data, "split": split, "truth": truth}
    _note("fingerprints", [{key: value for key, value in given.items() if value is not None}])


def store(name: str, table: pl.DataFrame) -> Path:
    """Keep `table` as `NAME.parquet` among this run's artefacts and return its path; an older one is replaced."""
    if not NAME.fullmatch(name):
        message = "{name} cannot name an artefact: use small letters, digits, - and _."
        raise UsageError(message, name=repr(name))
    path = artefact_folder() / f"{name}.parquet"
    with replacing(path) as beside:
        table.write_parquet(beside)
    return path


def artefact_folder() -> Path:
    """The folder of this run's artefacts (`data/artefacts/RUN_ID/`, by hand `by-hand/`), made when it is missing."""
    folder = inside(artefacts_folder(), os.environ.get(RUN_ID_VARIABLE) or BY_HAND)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_artefact(run_id: str, name: str) -> pl.DataFrame:
    """The table that the run `run_id` stored as `name`.

    Raises UsageError with the nearest run or name when there is none, DataError when the file is damaged.
    """
    import polars as pl

    folder = inside(artefacts_folder(), run_id)
    if not run_id or not folder.is_dir():
        known = [path.name for path in artefacts_folder().glob("*") if path.is_dir()]
        raise unknown_name("run with artefacts", run_id, known)
    path = inside(folder, f"{name}.parquet")
    if not path.is_file():
        raise unknown_name("artefact of this run", name, [path.stem for path in folder.glob("*.parquet")])
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            "{file} cannot be read: {error}.", hint="Run its notebook again.", file=path, error=error
        ) from None


def read_notes(folder: Path) -> tuple[list[Result], dict[str, str], int]:
    """Results and fingerprints that a run has noted in `folder`, and how many lines a crash left unreadable."""
    results: list[Result] = []
    prints: dict[str, str] = {}
    broken = 0
    path = folder / NOTES
    for line in path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            kind, content = json.loads(line)
            if kind == "result":
                results.append(Result(**content))
            else:
                prints |= content
        except (ValueError, TypeError):
            broken += 1
    return results, prints, broken


def _result(given: dict[str, Any]) -> Result:
    for key in ("value", "low", "high"):
        given[key] = _finite(key, given.get(key))
    for key in ("n", "k"):
        given[key] = None if given.get(key) is None else int(given[key])
    if given.get("better") not in ("higher", "lower", None):
        raise unknown_name("direction", str(given["better"]), ("higher", "lower"))
    given["name"], given["headline"] = str(given["name"]), bool(given.get("headline"))
    return Result(**given)


def _finite(name: str, value: Any) -> float | None:
    try:
        number = math.nan if value is None else float(value)
    except (TypeError, ValueError):
        raise UsageError("{name} is {value}, but a number is expected.", name=repr(name), value=repr(value)) from None
    return number if math.isfinite(number) else None


def _note(kind: str, contents: list[dict[str, Any]]) -> None:
    folder = os.environ.get(RUN_FOLDER_VARIABLE)
    if not folder:
        return
    with (Path(folder) / NOTES).open("a", encoding="utf-8") as notes:
        notes.writelines(json.dumps([kind, content], ensure_ascii=False) + "\n" for content in contents)
        notes.flush()
        os.fsync(notes.fileno())
