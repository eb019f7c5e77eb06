"""What an import would do: which files, whose column is which, how times are read. Nothing is written here."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from avrec_lib.data.dataset import CARD
from avrec_lib.data.note import Note
from avrec_lib.errors import DataError, UsageError
from avrec_lib.imports.blocks import flat, whole_lines
from avrec_lib.imports.column_names import Table
from avrec_lib.imports.dialect import FileFormat
from avrec_lib.imports.files import find_files, read_sample, sniff
from avrec_lib.imports.lines import LINE, split_block
from avrec_lib.imports.mapping import Match, between_pairs, doubts, guess_mapping, parse_map, require_ids
from avrec_lib.imports.rows import EventPlan, plan_events
from avrec_lib.imports.values import ids
from avrec_lib.paths import data_folder, inside

WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|", "space": " "}
TAKEN_NAMES = ("artefacts", "cache")
SAMPLED_ROWS = 20_000
MOSTLY = 0.5


@dataclass(frozen=True)
class Request:
    """What a person asked for. `maps` are texts like `user_id=uid,timestamp=ts:ms`."""

    events: Sequence[Path]
    items: Sequence[Path] = ()
    users: Sequence[Path] = ()
    name: str = ""
    maps: Sequence[str] = ()
    map_items: Sequence[str] = ()
    map_users: Sequence[str] = ()
    event: str = ""
    event_words: Sequence[str] = ()
    separator: str | None = None
    encoding: str | None = None
    replace: bool = False
    force: bool = False
    keep_duplicates: bool = False


@dataclass(frozen=True)
class TablePlan:
    """The files of one table, how they are written, whose column is which, and a sample of their rows."""

    files: Sequence[FileFormat]
    matches: Mapping[str, Match]
    sample: pl.DataFrame
    doubts: Sequence[Note] = ()

    def unused(self) -> list[str]:
        """Their columns that none of ours takes."""
        used = {match.theirs for match in self.matches.values()}
        return [name for name in self.sample.columns if name not in used]


@dataclass(frozen=True)
class ImportPlan:
    """An import that has been thought through and not begun."""

    request: Request
    name: str
    folder: Path
    tables: Mapping[Table, TablePlan]
    events: EventPlan


def plan_import(request: Request) -> ImportPlan:
    """Look at the files and decide everything that `run_import` needs.

    Raises UsageError or DataError for a missing, empty or strange file, a column that is not there, ids that cannot
    be told, or a name that is taken.
    """
    for path in (*request.events, *request.items, *request.users):
        if "=" in path.name and not path.expanduser().exists():
            raise between_pairs(str(path))
    name, folder = _free_name(request)
    events = _plan_table("events", request.events, request.maps, request)
    plan = plan_events(events.matches, events.sample, request.event, _event_words(request))
    tables: dict[Table, TablePlan] = {"events": replace(events, matches=plan.matches)}
    for table, paths, maps, option in (
        ("items", request.items, request.map_items, "item_id"),
        ("users", request.users, request.map_users, "user_id"),
    ):
        if paths:
            theirs = plan.matches[option].theirs
            same_ids = ids(events.sample[theirs]).drop_nulls().unique() if theirs in events.sample.columns else None
            tables[table] = _plan_table(table, paths, maps, request, theirs, same_ids)  # type: ignore[index,arg-type]
            if not request.force:
                _refuse_the_log(table, option, tables)  # type: ignore[arg-type]
    return ImportPlan(request, name, folder, tables, plan)


def _event_words(request: Request) -> dict[str, str]:
    """What their words for events mean, as the person said."""
    return dict(_pair(text) for text in ",".join(request.event_words).split(",") if text)


def _pair(text: str) -> tuple[str, str]:
    theirs, equals, ours = text.partition("=")
    if not equals:
        raise UsageError("{text} names no event.", hint="Write --events THEIRS=OURS,…", text=repr(text))
    return theirs.strip(), ours.strip()


def _free_name(request: Request) -> tuple[str, Path]:
    """The name of the new data set and its folder; UsageError when it cannot be used."""
    stem = re.sub(
        r"(\.(csv|tsv|txt|dat|json|jsonl|ndjson|parquet|gz|bz2|xz))+$", "", request.events[0].resolve().name, flags=re.I
    )
    name = request.name or re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._") or "log"
    return name, free_folder(name, request.replace)


def free_folder(name: str, replace: bool, option: str = "--name") -> Path:
    """The folder of a new data set called `name`; UsageError when that is no name, or taken and not to be replaced.

    `option` is where the command line has the name from.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name) or name in TAKEN_NAMES:
        raise UsageError(
            "A data set cannot be called {name}.", hint="Use small letters, digits, - _ and . only.", name=repr(name)
        )
    folder = inside(data_folder(), name)
    if not folder.exists():
        return folder
    if not replace:
        raise name_is_taken(name, option)
    if not (folder / CARD).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("{folder} is no data set and will not be replaced.", hint="Choose another {option}.",
                         folder=folder, option=option)  # fmt: skip
    return folder


def name_is_taken(name: str, option: str = "--name") -> UsageError:
    """What is said to a name that another data set has and that was not to be replaced."""
    return UsageError("There is a data set called {name} already.", hint="Choose another {option}, or --replace it.",
                      name=repr(name), option=option)  # fmt: skip


def _plan_table(
    table: Table, paths: Sequence[Path], maps: Sequence[str], request: Request, same_id: str = "",
    same_ids: pl.Series | None = None,
) -> TablePlan:  # fmt: skip
    files = _formats(find_files([path.expanduser() for path in paths]), request)
    sample = pl.concat([sample_rows(file) for file in {files[0].path: files[0], files[-1].path: files[-1]}.values()])
    if sample.is_empty():
        raise DataError("{file} has a header and no rows.", file=files[0].path)
    option = "--map" if table == "events" else f"--map-{table}"
    given = parse_map(maps, table, sample.columns, files[0].path.name)
    words = _event_words(request)
    matches = guess_mapping(sample, table, given, header=files[0].header, same_id=same_id, same_ids=same_ids,
                            events=words)  # fmt: skip
    require_ids(matches, sample, table, option)
    # Who said what every row is needs no column that says it.
    found = {**matches, "event": Match("event", "", "given")} if request.event else matches
    said = doubts(found, sample, table, words)
    if table != "events":
        key = f"{table.removesuffix('s')}_id"
        said += _repeats(key, sample, matches[key].theirs)
    return TablePlan(files, matches, sample, said)


def _refuse_the_log(table: Table, key: str, tables: Mapping[Table, TablePlan]) -> None:
    """Raise DataError when a file of items or users is one of the log."""
    log = {file.path.resolve() for file in tables["events"].files}
    for file in tables[table].files:
        if file.path.resolve() in log:
            raise DataError(
                "{file} is the log itself, not a table of {table}.",
                hint="Leave --{table} out or name a file with one row for each {key}; --force keeps the first row of "
                "each.",
                file=file.path.name, table=table, key=key,
            )  # fmt: skip


def _repeats(key: str, sample: pl.DataFrame, column: str) -> list[Note]:
    """That the rows are not one for each id, when most of them repeat another's."""
    values = ids(sample[column]).drop_nulls()
    repeats = len(values) - values.n_unique()
    if repeats <= MOSTLY * len(values):
        return []
    return [
        Note("Is this a log? {repeats} of the {rows} rows looked at repeat the {key} of another; only the first row of "
             "each is kept.", {"repeats": f"{repeats:,}", "rows": f"{len(values):,}", "key": key})
    ]  # fmt: skip


def _formats(paths: Sequence[Path], request: Request) -> list[FileFormat]:
    """How each file is written; empty ones are left out, and all must have the same columns."""
    separator = WORDS.get(request.separator or "", request.separator)
    sniffed = [file for file in (sniff(path, separator, request.encoding) for path in paths) if file]
    if not sniffed:
        raise DataError("{file} is empty.", file=paths[0])
    first = sniffed[0]
    files = []
    for file in sniffed:
        if not file.header and first.header and len(file.columns) == len(first.columns):
            files.append(replace(file, columns=first.columns))  # a log cut into parts has its header once
        elif set(file.columns) == set(first.columns) or file.kind == "jsonl" == first.kind:
            files.append(file)
        else:
            raise DataError(
                "{first} and {other} have different columns: {columns}, and {others}.",
                hint="Name the file with the events; items and users have options of their own.",
                first=first.path.name, other=file.path.name, columns=", ".join(first.columns),
                others=", ".join(file.columns),
            )  # fmt: skip
    if first.kind == "jsonl":  # a key may occur in some parts only
        keys = tuple(dict.fromkeys(key for file in files for key in file.columns))
        files = [replace(file, columns=keys) for file in files]
    return files


def sample_rows(file: FileFormat) -> pl.DataFrame:
    """Some thousand rows of `file`, from all over it where that can be had."""
    if file.kind == "parquet":
        return flat(pl.scan_parquet(file.path).head(SAMPLED_ROWS).collect().rename(_names(file)))
    frames = []
    sample = read_sample(file.path)
    for place, block in enumerate(whole_lines(io.BytesIO(sample), file)):
        if place == 0 and file.header and file.kind == "delimited":
            block = block[block.index(b"\n") + 1 :]
        if block:
            frames.append(split_block(block, block.count(b"\n"), file)[0].drop(LINE))
    return pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(file.columns, pl.String))


def _names(file: FileFormat) -> dict[str, str]:
    return dict(zip(pl.scan_parquet(file.path).collect_schema().names(), file.columns, strict=True))
