"""Items and users of a stranger's system as tables of ours, in memory: there are far fewer than events."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from avrec_lib.data.dataset import SCHEMAS
from avrec_lib.data.note import Note
from avrec_lib.imports.blocks import read_batches
from avrec_lib.imports.column_names import Table
from avrec_lib.imports.dialect import FileFormat
from avrec_lib.imports.mapping import TYPES, Match
from avrec_lib.imports.rows import REASON, UNREADABLE_LINE
from avrec_lib.imports.times import detect_times, read_times
from avrec_lib.imports.values import NO_NUMBER, SCALES, as_text, ids, in_seconds, numbers, unit_of, unread
from avrec_lib.schema import TIME

NO_TAGS = ("(no genres listed)", "[none]", "none", "unknown", "")
TAG_SEPARATORS = ("|", ";", ",")


@dataclass(frozen=True)
class ReadTable:
    """A table in our columns, the rows that could not be used with their reasons, and what was decided."""

    rows: pl.DataFrame
    rejected: pl.DataFrame
    notes: Mapping[str, Note]  # our column -> how it is read
    unread: Mapping[str, int]  # our column -> values left empty because they could not be read


def read_table(files: Sequence[FileFormat], matches: Mapping[str, Match], table: Table) -> ReadTable:
    """The rows of `files` as items or users; of rows with the same id the first is kept."""
    batches = [(file.path.name, batch) for file in files for batch in read_batches(file, lambda batch: batch)]
    source = pl.concat(
        [as_text(batch.rows).with_columns(pl.lit(name).alias("source_file")) for name, batch in batches], how="diagonal"
    )
    broken = pl.concat(
        [batch.broken.with_columns(pl.lit(name).alias("source_file")) for name, batch in batches], how="diagonal"
    )
    made: dict[str, pl.Series] = {}
    notes: dict[str, Note] = {}
    lost: dict[str, int] = {}
    for ours, match in matches.items():
        made[ours], note, count = _convert(ours, match, source)
        notes |= {ours: note} if note else {}
        lost |= {ours: count} if count else {}
    key = SCHEMAS[table].column_names()[0]
    empty, again = made[key].is_null(), ~made[key].is_first_distinct()
    rows = pl.DataFrame({name: values.alias(name) for name, values in made.items()})
    reason = pl.Series(REASON, [f"missing {key.removesuffix('_id')}"]).new_from_index(0, source.height)
    reason = reason.set(again & ~empty, "repeated id")
    rejected = [
        broken.with_columns(pl.lit(UNREADABLE_LINE).alias(REASON)),
        source.with_columns(reason).filter(empty | again),
    ]
    return ReadTable(rows.filter(~empty & ~again), pl.concat(rejected, how="diagonal"), notes, lost)


def _convert(ours: str, match: Match, source: pl.DataFrame) -> tuple[pl.Series, Note | None, int]:
    """One column in our type, how it was read, and how many values could not be."""
    values = source[match.theirs]
    if ours.endswith("_id"):
        return ids(values), None, 0
    if ours == "tags":
        return _tags(values)
    if TYPES[ours] == TIME:
        return _times(values, match)
    if TYPES[ours].is_numeric():
        scale = unit_of(match, source) if ours == "duration_seconds" else 1.0
        read = in_seconds(numbers(values), scale)
        read = read.set((read < 0).fill_null(value=False), None)
        note = SCALES[scale] if ours == "duration_seconds" else None
        return read.cast(TYPES[ours], strict=False), note, int(unread(values, read).sum())
    return values.set(values.is_in(NO_NUMBER).fill_null(value=False), None), None, 0


def _times(values: pl.Series, match: Match) -> tuple[pl.Series, Note | None, int]:
    text = ids(values)
    if not match.unit and bool(text.drop_nulls().str.contains(r"^(18|19|20)\d\d$").all()):
        note: Note | None = Note("years")
        values = text + "-01-01"
        reading = detect_times(values, "%Y-%m-%d")
    else:
        reading = detect_times(values, match.unit)
        note = reading.note if reading else None
    if reading is None:
        return pl.Series([None], dtype=TIME).new_from_index(0, len(values)), note, len(text.drop_nulls())
    read = read_times(values, reading)
    return read, note, int(unread(text, read).sum())


def _tags(values: pl.Series) -> tuple[pl.Series, Note | None, int]:
    """Lists of tags from JSON, or from text cut at the separator that most values have."""
    text = values.set(values.str.strip_chars().str.to_lowercase().is_in(NO_TAGS).fill_null(value=False), None)
    filled = text.drop_nulls()
    if len(filled) and float(filled.str.contains(r"^\s*\[").mean() or 0) > 0.5:  # type: ignore[arg-type]
        lists = pl.Series([_json_tags(value) for value in text.to_list()], dtype=pl.List(pl.String))
        return lists, Note("JSON lists"), int((lists.is_null() & text.is_not_null()).sum())
    having = {mark: int(filled.str.contains(mark, literal=True).sum()) for mark in TAG_SEPARATORS}
    mark = max(having, key=lambda name: having[name])
    if not having[mark]:
        return text.to_frame("tags").select(pl.concat_list("tags")).to_series().set(text.is_null(), None), None, 0
    lists = text.str.split(mark).list.eval(pl.element().str.strip_chars(' "\t'))
    return lists.list.eval(pl.element().filter(pl.element() != "")), Note("cut at {mark}", {"mark": repr(mark)}), 0


def _json_tags(value: str | None) -> list[str] | None:
    """`["a", "b"]` or `[{"name": "a"}, …]` as a list of text; null when it is neither."""
    try:
        read = json.loads(value or "null")
    except ValueError:
        return None
    if not isinstance(read, list):
        return None
    names = [tag.get("name") if isinstance(tag, dict) else tag for tag in read]
    return [str(name) for name in names if name is not None]
