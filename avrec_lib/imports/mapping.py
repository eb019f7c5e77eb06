"""Whose column is which of ours: guessed from names and content, corrected by `--map`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from avrec_lib.data.dataset import SCHEMAS
from avrec_lib.data.note import Note
from avrec_lib.errors import DataError, UsageError, nearest
from avrec_lib.imports.column_names import AROUND_IDS, NAMES, NUMERIC, Table, forms_of, words_of
from avrec_lib.imports.event_words import event_column, event_doubts
from avrec_lib.imports.times import detect_times, looks_like_times
from avrec_lib.imports.values import ids, numbers
from avrec_lib.schema import TIME

How = Literal["given", "name", "content", "place"]

MAY_BE_PARTS = ("day", "date", "created", "日期")  # a day may be a number of the month


@dataclass(frozen=True)
class Match:
    """Our column, theirs, how it was decided, and the unit or format a person gave after a colon."""

    ours: str
    theirs: str
    how: How
    unit: str = ""


def parse_map(texts: Sequence[str], table: Table, columns: Sequence[str], file: str) -> dict[str, Match]:
    """`--map` values such as `user_id=uid,timestamp=ts:ms` as matches; UsageError for a name on neither side."""
    pieces: list[str] = []
    for piece in ",".join(texts).split(",") if texts else []:
        if "=" in piece or not pieces:
            pieces.append(piece)
        else:  # a comma inside a time format or a column's name
            pieces[-1] += "," + piece
    known = SCHEMAS[table].column_names()
    found: dict[str, Match] = {}
    for piece in pieces:
        ours, equals, theirs = (part.strip() for part in piece.partition("="))
        if not equals:
            example = f"{nearest(ours, known) or known[0]}={ours if ours in columns else 'COLUMN'}"
            raise UsageError(
                "{piece} has no =: it must say which of our columns is which of yours.",
                hint="For example {example}.", piece=repr(piece), example=example,
            )  # fmt: skip
        if ours not in known:
            raise _wrong_side(piece, ours, theirs, known, table)
        if theirs not in columns and re.search(rf"\s({'|'.join(known)})\s*=", theirs):
            raise between_pairs(piece)
        name, unit = (theirs, "") if theirs in columns else _with_unit(theirs, columns)
        if name not in columns:
            guess = nearest(name, columns)
            raise UsageError(
                "{file} has no column named {name}.",
                hint="Did you mean {guess}?" if guess else "It has {columns}.",
                file=file, name=repr(name), guess=guess, columns=", ".join(columns),
            )  # fmt: skip
        found[ours] = Match(ours, name, "given", unit)
    if {"user_id", "item_id"} <= set(found) and found["user_id"].theirs == found["item_id"].theirs:
        raise UsageError(
            "The column {column} cannot be both user_id and item_id.",
            hint="The others are {columns}.",
            column=repr(found["user_id"].theirs),
            columns=", ".join(name for name in columns if name != found["user_id"].theirs) or "–",
        )  # fmt: skip
    return found


def between_pairs(text: str) -> UsageError:
    """What to say to pairs with a space between them, in one word or in two."""
    return UsageError(
        "{text} stands after a space.", hint="Put commas and no spaces between pairs: user_id=uid,timestamp=ts.",
        text=repr(text.split()[-1]),
    )  # fmt: skip


def _wrong_side(piece: str, ours: str, theirs: str, known: Sequence[str], table: Table) -> UsageError:
    if theirs in known:
        return UsageError(
            "{piece} is the wrong way round.", hint="Write our column first: --map {ours}={theirs}.",
            piece=repr(piece), ours=theirs, theirs=ours,
        )  # fmt: skip
    guess = nearest(ours, known)
    return UsageError(
        "{name} is no column of {table} that can be filled.",
        hint="Did you mean {guess}?" if guess else "Write --map OURS=THEIRS with ours among {known}.",
        name=repr(ours), table=table, guess=guess, known=", ".join(known),
    )  # fmt: skip


def _with_unit(theirs: str, columns: Sequence[str]) -> tuple[str, str]:
    """A column's name, or its number from 1, and what stands after a colon."""
    for name in sorted(columns, key=len, reverse=True):
        if theirs.startswith(f"{name}:"):
            return name, theirs[len(name) + 1 :]
    name, _, unit = theirs.partition(":")
    if name.isdigit() and 1 <= int(name) <= len(columns):
        name = columns[int(name) - 1]
    return name, unit


def guess_mapping(
    sample: pl.DataFrame, table: Table, given: Mapping[str, Match], *, header: bool = True, same_id: str = "",
    same_ids: pl.Series | None = None, events: Mapping[str, str] | None = None,
) -> dict[str, Match]:  # fmt: skip
    """Matches for `table` from the names and the sampled values; `given` ones stay.

    `same_id` is how the events name the id that this table is about, and `same_ids` some of these ids; `events` is what
    their words for events mean.
    Without a `header` the first two columns that may be ids are the user and the item, as in nearly every such file.
    """
    found = dict(given)
    taken = {match.theirs for match in found.values()}
    key = {"items": "item_id", "users": "user_id"}.get(table, "")
    if key and key not in found and same_id in sample.columns:
        found[key] = Match(key, same_id, "name")
        taken.add(same_id)
    if key and key not in found and same_ids is not None:
        by_name = _by_name(key, NAMES[table][key].split(), sample.columns, sample)
        theirs = _by_overlap(by_name, sample, same_ids)
        if theirs != by_name:
            found[key] = Match(key, theirs, "content")
            taken.add(theirs)
    for ours, names in NAMES[table].items():
        if ours in found:
            continue
        theirs = _by_name(ours, names.split(), [name for name in sample.columns if name not in taken], sample)
        if theirs:
            found[ours] = Match(ours, theirs, "name")
            taken.add(theirs)
    if table == "events":
        left = sample.select(name for name in sample.columns if name not in taken)
        if "event" not in found and (theirs := event_column(left, events or {})):
            found["event"] = Match("event", theirs, "content")
        _by_content(found, sample, header)
    return {ours: found[ours] for ours in SCHEMAS[table].column_names() if ours in found}


def _by_name(ours: str, names: Sequence[str], columns: Sequence[str], sample: pl.DataFrame) -> str:
    """The column whose name comes first among `names` and whose content is fit for `ours`."""
    place = {name: order for order, name in reversed(list(enumerate(names)))}
    ranked = []
    for column in columns:
        order = min((place[form] for form in forms_of(column, ours) if form in place), default=None)
        if order is not None:
            ranked.append((order, column))
    return next((column for _, column in sorted(ranked) if _is_fit(ours, column, sample[column])), "")


def _by_overlap(by_name: str, sample: pl.DataFrame, known: pl.Series) -> str:
    """The column with most of the `known` ids, where the one that the name suggests (or none) has not a single one."""

    def overlap(column: str) -> int:
        return int(ids(sample[column]).is_in(known.implode()).sum())

    if by_name and overlap(by_name):
        return by_name
    shares = {column: overlap(column) for column in sample.columns if _may_be_ids(sample[column].drop_nulls())}
    best = max(shares, key=shares.__getitem__, default="")
    return best if best and shares[best] else by_name


def doubts(
    found: Mapping[str, Match], sample: pl.DataFrame, table: Table, events: Mapping[str, str] | None = None
) -> list[Note]:
    """Columns whose name and values do not say the same: they are left out, and a person should know."""
    taken = {match.theirs for match in found.values()}
    left = sample.select(name for name in sample.columns if name not in taken)
    seen = event_doubts(left, events or {}) if table == "events" and "event" not in found else []
    return seen + [
        Note(
            "The column {column} is left out: by its name it is {ours}, but its values cannot be read so, for example "
            "{values}. Say how: --map {ours}={plain}:UNIT-OR-FORMAT.",
            {"column": repr(column), "ours": ours, "values": examples(sample[column]), "plain": column},
        )
        for ours in ("timestamp", "watch_seconds", "value")
        if table == "events" and ours not in found
        for column in sample.columns
        if column not in taken and forms_of(column, ours) & set(NAMES[table][ours].split())
    ]


def examples(values: pl.Series, count: int = 3) -> str:
    """The first few different values, shortened."""
    some = values.drop_nulls().unique(maintain_order=True).head(count).cast(pl.String, strict=False).to_list()
    return ", ".join(value if len(value) <= 30 else value[:29] + "…" for value in some)


def _is_fit(ours: str, column: str, values: pl.Series) -> bool:
    values = values.drop_nulls()
    if values.is_empty():
        return False
    if ours == "timestamp" and words_of(column)[-1] in MAY_BE_PARTS:
        return looks_like_times(values)
    if TYPES.get(ours) == TIME:
        return detect_times(values) is not None
    if ours in NUMERIC:
        return values.dtype.is_numeric() or _share_of_numbers(values) > 0.5
    if ours == "event":
        return values.n_unique() <= 100
    return ours != "query" or values.dtype == pl.String


TYPES = {name: dtype for schema in SCHEMAS.values() for name, dtype in schema.create_empty().schema.items()}


def _share_of_numbers(values: pl.Series) -> float:
    read = numbers(values.cast(pl.String, strict=False))
    return float(read.is_not_null().mean() or 0)  # type: ignore[arg-type]


def _by_content(found: dict[str, Match], sample: pl.DataFrame, header: bool) -> None:
    """Fill in the ids, and without a header also time and value, by what the columns hold."""

    def left(suits: Callable[[pl.Series], bool]) -> list[str]:
        taken = {match.theirs for match in found.values()}
        return [name for name in sample.columns if name not in taken and suits(sample[name].drop_nulls())]

    if "timestamp" not in found and (times := left(looks_like_times)) and (not header or len(times) == 1):
        found["timestamp"] = Match("timestamp", times[0], "content")
    fit = left(_may_be_ids)
    missing = [ours for ours in ("user_id", "item_id") if ours not in found]
    for ours in missing:
        about = [name for name in fit if _speaks_of(name, ours)]
        if len(about) == 1:
            found[ours] = Match(ours, about[0], "name")
    fit = left(_may_be_ids)
    missing = [ours for ours in missing if ours not in found]
    # One id known and one column left that can be the other; or no names at all: the place decides.
    if len(missing) == 1 and len(fit) == 1:
        found[missing[0]] = Match(missing[0], fit[0], "content")
    elif not header and len(fit) >= len(missing):
        found.update({ours: Match(ours, theirs, "place") for ours, theirs in zip(missing, fit, strict=False)})
    counts = left(lambda values: len(values) > 0 and _share_of_numbers(values) == 1.0)
    if not header and "value" not in found and len(counts) == 1:
        found["value"] = Match("value", counts[0], "content")


def _speaks_of(column: str, ours: str) -> bool:
    """Whether among other words the name has one for what `ours` is, and one for an id: spotify_track_uri."""
    words = set(words_of(column))
    return bool(words & set(NAMES["events"][ours].split())) and bool(words & AROUND_IDS)


def _may_be_ids(values: pl.Series) -> bool:
    """Short text or whole numbers, some of them different, and no times."""
    if values.is_empty() or (len(values) >= 50 and values.n_unique() < 2) or looks_like_times(values):
        return False
    if values.dtype.is_integer():
        return True
    if values.dtype != pl.String:
        return False
    return bool((values.str.len_chars() <= 64).all()) and not bool(values.str.contains(r"^-?\d+\.\d*[1-9]$").any())


def require_ids(found: Mapping[str, Match], sample: pl.DataFrame, table: Table, option: str) -> None:
    """Raise DataError with the columns and the line to type unless every id of `table` is matched."""
    wanted = {"events": ["user_id", "item_id"], "items": ["item_id"], "users": ["user_id"]}[table]
    missing = [name for name in wanted if name not in found]
    if missing:
        example = ",".join(f"{name}={found[name].theirs if name in found else 'COLUMN'}" for name in wanted)
        raise DataError(
            "Which column of the {table} holds {missing} cannot be told from {columns}.",
            hint="Say it: {option} {example}.",
            table=table, missing=", ".join(missing), columns=", ".join(sample.columns), option=option,
            example=example,
        )  # fmt: skip
