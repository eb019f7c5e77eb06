"""Your own log as a data set: read once in blocks, cast, sorted out, freed of repeats, renamed into place."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.datatypes import DataType, DataTypeClass

from avrec_lib.data.dataset import Dataset, table_facts, write_card
from avrec_lib.data.note import Note
from avrec_lib.data.write import describe_folder, sink_table, system_errors
from avrec_lib.errors import DataError
from avrec_lib.imports.blocks import read_batches
from avrec_lib.imports.column_names import Table
from avrec_lib.imports.lines import LINE
from avrec_lib.imports.mapping import TYPES
from avrec_lib.imports.plan import ImportPlan, Request, name_is_taken, plan_import
from avrec_lib.imports.rows import (
    DUPLICATE,
    HASH,
    REASON,
    REASONS,
    REST,
    UNREADABLE_LINE,
    reason_in_words,
    to_events,
)
from avrec_lib.imports.spool import Spool, drop_repeats
from avrec_lib.imports.tables import read_table
from avrec_lib.paths import replacing
from avrec_lib.progress import meter
from avrec_lib.schema import Events
from avrec_lib.strings import say

FILE, TEXT, READ = "source_file", "source_text", "read_as"
TOO_MANY = 0.5
LICENCE = "not stated: your own log"


@dataclass(frozen=True)
class ImportSummary:
    """What an import left: the data set, how many rows came in and why some stayed out, and what to know about them."""

    dataset: Dataset
    rows: int
    rejected: Mapping[str, int]  # reason -> events
    rejected_rows: Mapping[Table, Mapping[str, int]]  # the same of items and users
    notes: Sequence[Note]
    seconds: float


def import_log(events: Path | Sequence[Path], name: str = "", **options: object) -> ImportSummary:
    """Import `events` (a file, a folder of parts, or several) as the data set `name`; options as in `Request`."""
    paths = [events] if isinstance(events, Path) else list(events)
    return run_import(plan_import(Request(paths, name=name, **options)))  # type: ignore[arg-type]


def run_import(plan: ImportPlan) -> ImportSummary:
    """Read, sort out and write what `plan` says; on any error nothing is left of it.

    Raises DataError when more than half of the rows cannot be used, unless the request says `force`.
    """
    started = time.monotonic()
    notes, stored = _notes(plan), _stored(plan)
    with _new_folder(plan) as beside:
        beside.mkdir(parents=True)
        scratch = beside / "scratch"
        scratch.mkdir()
        with system_errors(beside):
            events, rejected, counts, blanks = _sort_out(plan, scratch)
            rows = events.rows + rejected.rows
            _refuse_if_useless(plan, rejected, rows, counts)
            if not events.rows:
                raise DataError("{file} has no rows that can be used.", file=plan.tables["events"].files[0].path)
            if not plan.request.keep_duplicates:
                hashes = [name for name in (HASH, REST) if name in events.columns]
                for repeats in _as_rejected(drop_repeats(events, hashes, stored), plan):
                    rejected.add(repeats)
                    counts[DUPLICATE] += repeats.height
            facts = table_facts(events.all().select(*stored, HASH), "events", hashes=HASH)
            events.all().select(stored).sink_parquet(beside / "events.parquet", compression="zstd")
            if rejected.rows:
                rejected.all().sink_parquet(beside / "rejected.parquet", compression="zstd")
            others = {table: _write_table(plan, table, beside) for table in plan.tables if table != "events"}
        shutil.rmtree(scratch)
        notes += [
            Note("{count} values of {column} are words such as NULL, n/a or - and are left empty.",
                 {"count": f"{count:,}", "column": column})
            for column, count in blanks.items() if count
        ]  # fmt: skip
        notes += [note for _, found in others.values() for note in found]
        card = describe_folder(
            beside, name=plan.name, source=", ".join(path.name for path in plan.request.events), licence=LICENCE,
            rejected=counts.total(), notes=[*_said_of_columns(plan), *(note.text("en") for note in notes)],
            mapping={ours: match.theirs for ours, match in plan.events.matches.items()}, known={"events": facts},
        )  # fmt: skip
        write_card(beside, card)
    return ImportSummary(
        Dataset(plan.folder, card), rows, _in_order(counts),
        {table: lost for table, (lost, _) in others.items()}, notes, time.monotonic() - started,
    )  # fmt: skip


@contextmanager
def _new_folder(plan: ImportPlan) -> Iterator[Path]:
    """The folder to write to; UsageError at the end if another import took the name meanwhile."""
    try:
        with replacing(plan.folder, over=plan.request.replace) as beside:
            yield beside
    except FileExistsError:
        raise name_is_taken(plan.name) from None


def _sort_out(plan: ImportPlan, scratch: Path) -> tuple[Spool, Spool, Counter[str], Counter[str]]:
    """All rows of the log as events or as rejected rows, both in file order; reasons; words for no number."""
    events, rejected, counts = Spool(scratch / "events"), Spool(scratch / "rejected"), Counter[str]()
    blanks = Counter[str]()
    files = plan.tables["events"].files
    with meter(say("Reading"), sum(file.path.stat().st_size for file in files), say("bytes")) as shown:
        for number, file in enumerate(files):
            for good, bad, blank, batch in read_batches(
                file, lambda batch: (*to_events(batch.rows, plan.events), batch)
            ):
                events.add(good.with_columns(pl.lit(number, pl.UInt16).alias(FILE)))
                blanks.update(blank)
                broken = batch.broken.with_columns(pl.lit(UNREADABLE_LINE).alias(REASON))
                for frame in (broken, bad):
                    if frame.height:
                        rejected.add(_in_shape(frame, plan, file.path.name))
                        counts.update(dict(frame.group_by(REASON).len().iter_rows()))
                if not events.rows:
                    _refuse_if_useless(plan, rejected, rejected.rows, counts)
                shown.advance(batch.size)
    return events, rejected, counts, blanks


def _in_shape(frame: pl.DataFrame, plan: ImportPlan, file: str) -> pl.DataFrame:
    """Rejected rows with the columns that all have: reason, file, line, text of a broken line, theirs, ours."""
    shape: dict[str, DataType | DataTypeClass] = {REASON: pl.String, FILE: pl.String, LINE: pl.Int64, TEXT: pl.String}
    shape |= dict.fromkeys(plan.tables["events"].files[0].columns, pl.String)
    shape[READ] = pl.Struct({name: TYPES[name] for name in _stored(plan)})
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in shape.items() if name not in frame.columns]
    return frame.with_columns(*absent).with_columns(pl.lit(file).alias(FILE)).select(list(shape))


def _as_rejected(repeats: pl.DataFrame, plan: ImportPlan) -> list[pl.DataFrame]:
    """Repeated events as rejected rows. What stood in the file is gone by now, so only `read_as` is filled."""
    if repeats.is_empty():
        return []
    ours = [pl.col(name).cast(TYPES[name]) for name in _stored(plan)]
    rows = repeats.select(pl.lit(DUPLICATE).alias(REASON), FILE, LINE, pl.struct(ours).alias(READ))
    files = plan.tables["events"].files
    return [
        _in_shape(some.drop(FILE), plan, files[int(str(number))].path.name)
        for (number,), some in rows.group_by(FILE, maintain_order=True)
    ]


def _in_order(counts: Counter[str]) -> dict[str, int]:
    """Reasons, the most frequent first."""
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], REASONS.index(pair[0]))))


def _refuse_if_useless(plan: ImportPlan, rejected: Spool, rows: int, counts: Counter[str]) -> None:
    """Raise DataError with samples when most rows were rejected."""
    if plan.request.force or rejected.rows <= TOO_MANY * rows:
        return
    reason = next(iter(_in_order(counts)))
    some = rejected.all().filter(pl.col(REASON) == reason).head(3).collect().drop(READ)
    samples = [
        f"{row[LINE]}: {row[TEXT] or ', '.join(row[name] or '' for name in some.columns[4:])}"[:100]
        for row in some.iter_rows(named=True)
    ]
    raise DataError(
        "{count} of {rows} rows cannot be used, most for this reason: {reason}. Line {samples}.",
        hint="Mend the mapping with --map, or import the rest with --force.",
        count=f"{rejected.rows:,}", rows=f"{rows:,}", reason=reason_in_words(reason), samples="; ".join(samples),
    )  # fmt: skip


def _stored(plan: ImportPlan) -> list[str]:
    """Columns of events.parquet: what the log has, in our order."""
    return [name for name in Events.column_names() if name in plan.events.matches or name == "event"]


def _write_table(plan: ImportPlan, table: Table, beside: Path) -> tuple[dict[str, int], list[Note]]:
    """Write items or users; returns how many rows were left out why, and what to know of the rest."""
    read = read_table(plan.tables[table].files, plan.tables[table].matches, table)
    sink_table(read.rows, table, beside / f"{table}.parquet")
    if read.rejected.height:
        read.rejected.write_parquet(beside / f"rejected_{table}.parquet", compression="zstd")
    key = f"{table.removesuffix('s')}_id"
    named = pl.scan_parquet(beside / "events.parquet").select(pl.col(key).drop_nulls().unique())
    count, known = named.select(pl.len(), pl.col(key).is_in(read.rows[key].implode()).sum()).collect().row(0)
    notes = [
        Note("{known} of the {count} {ids} in the log have a row in {table}.parquet.",
             {"known": f"{known:,}", "count": f"{count:,}", "ids": f"{key}s", "table": table})
    ]  # fmt: skip
    notes += [
        Note("{count} values of {column} could not be read and are left empty.", {"count": count, "column": column})
        for column, count in read.unread.items()
    ]
    return _in_order(Counter(dict(read.rejected.group_by(REASON).len().iter_rows()))), notes


def _notes(plan: ImportPlan) -> list[Note]:
    notes = []
    if plan.events.event and not plan.request.event:
        notes.append(Note("No column says what happened: every row is taken as {event}.", {"event": plan.events.event}))
    return notes


def _said_of_columns(plan: ImportPlan) -> list[str]:
    return [f"{ours}: {note.text('en')}" for ours, note in plan.events.notes.items()]
