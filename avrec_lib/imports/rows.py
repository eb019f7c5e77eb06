"""Rows of a stranger's log as events of ours, and why the others cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from avrec_lib.data.dataset import row_hash
from avrec_lib.data.note import Note
from avrec_lib.errors import DataError, UsageError, nearest
from avrec_lib.imports.column_names import is_rating
from avrec_lib.imports.event_words import EVENT_TYPE, VOCABULARY, event_of, events_of, known_words, words_in
from avrec_lib.imports.lines import LINE
from avrec_lib.imports.mapping import Match, examples
from avrec_lib.imports.times import TimeReading, detect_times, read_times
from avrec_lib.imports.values import SCALES, as_text, blank_words, ids, in_seconds, numbers, unit_of, unread
from avrec_lib.schema import TIME, Event, Events
from avrec_lib.strings import say

REASON, HASH, REST = "rejected_reason", "row_hash", "rest_hash"
UNREADABLE_LINE, DUPLICATE = "unreadable line", "exact duplicate"
REASONS = (
    "unreadable line", "repeated header line", "missing user", "missing item", "missing time", "unreadable time",
    "time in the future", "unknown event", "unreadable value", "unreadable watch_seconds", "unreadable position",
    "unreadable propensity", "negative watch time", "propensity outside 0 to 1", "exact duplicate", "repeated id",
)  # fmt: skip
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class EventPlan:
    """How the rows of a log become events; `notes` say to a person what was decided."""

    matches: Mapping[str, Match]
    time: TimeReading | None = None
    scales: Mapping[str, float] = field(default_factory=dict)  # watch_seconds: seconds in one of their units
    event: str = ""  # of every row, when the log has no column for it
    events: Mapping[str, str] = field(default_factory=dict)  # their word -> ours, beyond the vocabulary
    words: tuple[str, ...] = ()  # of theirs that the sample has
    notes: Mapping[str, Note] = field(default_factory=dict)  # our column -> how it is read
    latest: datetime = FOREVER  # a later time cannot have happened


def plan_events(
    matches: Mapping[str, Match], sample: pl.DataFrame, event: str = "", events: Mapping[str, str] | None = None
) -> EventPlan:
    """Decide units, formats and the kind of event from the sampled values."""
    matches, events = dict(matches), dict(events or {})
    notes: dict[str, Note] = {}
    for name in ([event] if event else []) + list(events.values()):
        if name not in list(Event):
            guess = VOCABULARY.get(nearest(name.lower(), VOCABULARY), "")
            raise UsageError(
                "There is no event named {name}.",
                hint="Did you mean {guess}? Known: {known}." if guess else "Known: {known}.",
                name=repr(name), guess=guess, known=", ".join(Event),
            )  # fmt: skip
    time = None
    words: tuple[str, ...] = ()
    if "timestamp" in matches:
        match = matches["timestamp"]
        time = detect_times(sample[match.theirs], match.unit)
        if time is None:
            raise DataError(
                "The column {column} holds no times that can be read, for example {values}.",
                hint="Name its format: --map timestamp={plain}:%d.%m.%Y.",
                column=repr(match.theirs), values=examples(sample[match.theirs]), plain=match.theirs,
            )  # fmt: skip
        notes["timestamp"] = time.note
    if event:
        matches.pop("event", None)
    elif "event" in matches:
        words = known_words(matches["event"].theirs, sample, events)
        if matches["event"].how == "content":
            seen = words_in(sample[matches["event"].theirs])
            known = sum(event_of(word, events) is not None for word in seen)
            notes["event"] = Note("{count} of its {total} words name events", {"count": known, "total": len(seen)})
    elif events:
        raise UsageError("Which column holds the words of --events cannot be told.",
                         hint="Say it: --map event=COLUMN.")  # fmt: skip
    else:
        event = Event.RATING if _is_rating(matches.get("value"), sample) else Event.PLAY
    scales = {}
    if "watch_seconds" in matches:
        scale = unit_of(matches["watch_seconds"], sample)
        scales["watch_seconds"] = scale
        notes["watch_seconds"] = SCALES[scale]
    latest = datetime.now(UTC) + timedelta(days=1)
    return EventPlan(matches, time, scales, event, events, words, notes, latest)


def _is_rating(match: Match | None, sample: pl.DataFrame) -> bool:
    """By the name of their column; without a header, at most eleven steps between 0 and 10 (anything else counts)."""
    if match is None or match.how != "content":
        return match is not None and is_rating(match.theirs)
    values = numbers(sample[match.theirs]).drop_nulls()
    return values.n_unique() <= 11 and bool(values.is_between(0, 10).all())


def reason_in_words(reason: str) -> str:
    """Why a row was rejected, in the current language."""
    return say(REASONS[REASONS.index(reason)])


def to_events(rows: pl.DataFrame, plan: EventPlan) -> tuple[pl.DataFrame, pl.DataFrame, Mapping[str, int]]:
    """Events (our columns, `source_line`, `row_hash`) and rejected rows (reason, `source_line`, their columns as text).

    Every row is in one of the two. Where the log has columns that are not mapped, `rest_hash` is over those. The third
    counts, by our columns, words such as n/a that stand for no number.
    """
    made: dict[str, pl.Series] = {}
    blanks: dict[str, int] = {}
    wrong: list[tuple[str, pl.Series]] = []
    for ours in Events.column_names():
        match = plan.matches.get(ours)
        if match is not None:
            made[ours] = _converted(ours, rows[match.theirs], plan, wrong, blanks)
        elif ours == "event":
            made[ours] = pl.Series([plan.event], dtype=EVENT_TYPE).new_from_index(0, rows.height)
    _note_missing_ids(made, rows, plan, wrong)
    events = pl.DataFrame({name: values.alias(name) for name, values in made.items()})
    used = {match.theirs for match in plan.matches.values()}
    rest = [name for name in rows.columns if name != LINE and name not in used]
    # The first is what a fingerprint sums; only repeats are told by all of a row.
    hashes = events.select(row_hash(events.columns).alias(HASH))
    if rest:
        hashes = hashes.hstack(rows.select(row_hash(rest).alias(REST)))
    events = events.with_columns(rows[LINE], *hashes.get_columns())
    bad = _any([mask for _, mask in wrong])
    if bad is None:
        return events, pl.DataFrame(), blanks
    return events.filter(~bad), _rejected(rows, bad, wrong), blanks


def _any(masks: list[pl.Series]) -> pl.Series | None:
    found = None
    for mask in masks:
        if mask.any():
            found = mask if found is None else found | mask
    return None if found is None else found.fill_null(value=False)


def _rejected(rows: pl.DataFrame, bad: pl.Series, wrong: list[tuple[str, pl.Series]]) -> pl.DataFrame:
    """The bad rows with the first reason that holds for each."""
    reason = pl.Series(REASON, [None], dtype=pl.String).new_from_index(0, int(bad.sum()))
    for name, mask in reversed(wrong):
        reason = reason.set(mask.filter(bad).fill_null(value=False), name)
    return as_text(rows.filter(bad)).insert_column(0, reason)


def _converted(
    ours: str, values: pl.Series, plan: EventPlan, wrong: list[tuple[str, pl.Series]], blanks: dict[str, int]
) -> pl.Series:
    """One column in our type; what cannot be read is added to `wrong`, words for nothing are counted in `blanks`."""
    if ours in ("user_id", "item_id"):
        return ids(values)
    if ours == "timestamp" and plan.time:
        times = read_times(values, plan.time)
        if times.null_count():
            empty = values.is_null() | ids(values).is_null()
            wrong += [("missing time", empty), ("unreadable time", times.is_null())]
        wrong.append(("time in the future", times > plan.latest))
        return times.cast(TIME)
    if ours == "event":
        read = events_of(values.cast(pl.String), plan.words, plan.events)
        if read.null_count():
            wrong.append(("unknown event", read.is_null()))
        return read
    if ours not in ("value", "watch_seconds", "position", "propensity"):
        text = values.cast(pl.String)
        return text.set(text == "", None)
    read = in_seconds(numbers(values), plan.scales.get(ours, 1.0))
    if read.null_count() > values.null_count():
        wrong.append((f"unreadable {ours}", unread(values, read)))
        blanks[ours] = blank_words(values)
    wrong.append((f"unreadable {ours}", read.is_infinite()))
    if ours == "watch_seconds":
        wrong.append(("negative watch time", read < 0))
    if ours == "propensity":
        wrong.append(("propensity outside 0 to 1", ~read.is_between(0, 1)))
    if ours == "position":
        whole = read.cast(pl.Int32, strict=False)
        wrong.append((f"unreadable {ours}", (whole != read) | (whole < 0) | (whole.is_null() & read.is_not_null())))
        return whole
    return read


def _note_missing_ids(
    made: dict[str, pl.Series], rows: pl.DataFrame, plan: EventPlan, wrong: list[tuple[str, pl.Series]]
) -> None:
    """Reasons that weigh more than an unreadable value stand first."""
    user, item = made["user_id"], made["item_id"]
    first = []
    header = (user == plan.matches["user_id"].theirs) & (item == plan.matches["item_id"].theirs)
    if header.any():
        first.append(("repeated header line", header))
    if user.null_count():
        first.append(("missing user", user.is_null()))
    if item.null_count():
        needs_item = ~made["event"].is_in([Event.SEARCH, Event.SURVEY]).fill_null(value=False)
        first.append(("missing item", item.is_null() & needs_item))
    wrong[:0] = first
