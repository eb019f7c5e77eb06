"""Cleaning a log: rows that no person meant are removed, values that cannot be are set right, and all is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from avrec_lib.data.cleaning_options import RULES, Cleaning
from avrec_lib.data.cleaning_rules import FINDERS, SAID, Action
from avrec_lib.data.dataset import Dataset
from avrec_lib.data.facts import Fact, level_of, share_of
from avrec_lib.data.faults import ROW
from avrec_lib.errors import DataError
from avrec_lib.schema import Events, require_columns, with_all_columns
from avrec_lib.strings import Language, say

__all__ = ["RULES", "Cleaned", "CleanedDataset", "Cleaning", "CleaningReport", "CleaningStep", "clean_dataset",
           "clean_events"]  # fmt: skip


@dataclass(frozen=True)
class CleaningStep:
    """What one rule did: `fact` has the rows it touched, their share of the log as it came, and the sentence."""

    rule: str
    action: Action
    users: int
    fact: Fact


@dataclass(frozen=True)
class CleaningReport:
    """Events and users before and after, and a step for every rule that was on, in their order."""

    events: int
    users: int
    events_left: int
    users_left: int
    steps: Sequence[CleaningStep]

    @property
    def removed(self) -> int:
        return self.events - self.events_left

    @property
    def changed(self) -> int:
        """Rows with a changed value, counted once a rule."""
        return sum(step.fact.value for step in self.steps if step.action == "changed")

    def table(self) -> pl.DataFrame:
        """Columns rule, action, events, share (of all events), users, level, explanation (current language)."""
        rows = [
            (step.rule, step.action, step.fact.value, step.fact.share, step.users, step.fact.level,
             step.fact.explanation())
            for step in self.steps
        ]  # fmt: skip
        types = {"rule": pl.String, "action": pl.String, "events": pl.Int64, "share": pl.Float64, "users": pl.Int64,
                 "level": pl.String, "explanation": pl.String}  # fmt: skip
        return pl.DataFrame(rows, schema=types, orient="row")

    def note(self, language: Language | None = None) -> str:
        """One sentence with all numbers, for the card of the cleaned data."""
        found = [step for step in self.steps if step.fact.value]
        if not found:
            return say("Cleaned: nothing to remove or change was found.", language)
        listed = ", ".join(f"{step.rule} {step.fact.value:,}" for step in found)
        return say("Cleaned: {removed} of {events} events and {users} of {all_users} users removed, {changed} values "
                   "changed ({rules}).", language, removed=f"{self.removed:,}", events=f"{self.events:,}",
                   users=f"{self.users - self.users_left:,}", all_users=f"{self.users:,}",
                   changed=f"{self.changed:,}", rules=listed)  # fmt: skip


@dataclass(frozen=True)
class Cleaned:
    """The events that stay (lazy, columns of `schema.Events`, order kept) and the report."""

    events: pl.LazyFrame
    report: CleaningReport


@dataclass(frozen=True)
class CleanedDataset:
    """The data set with cleaned events, its items and users as they were, and the report."""

    dataset: Dataset
    report: CleaningReport


def clean_events(events: pl.LazyFrame, options: Cleaning, items: pl.LazyFrame | None = None) -> Cleaned:
    """Apply the rules of `options` to `events`, one after the other, until they find nothing more.

    So cleaning what is clean changes nothing. `items` (item_id, duration_seconds) tell how long an item lasts. Only
    rows are looked at, no model; `Cleaning` says which rules look at the whole log. The log is streamed once a rule,
    in a few columns: what is held in memory are the numbers of the rows found and what a rule must compare (hashes of
    rows, presses in order, events by user and day). `events` must come in the same order each time it is read, as
    Parquet files and tables do. Raises DataError when it lacks user_id, item_id or event.
    """
    require_columns(["user_id", "item_id", "event"], events.collect_schema().names(), Events, "events")
    current = with_all_columns(events, Events).with_row_index(ROW)
    total, users = _size(current)
    rules = {name: rule for name, rule in FINDERS.items() if options.is_on(name)}
    rows = {name: pl.Series(dtype=pl.get_index_type()) for name in rules}
    who = {name: pl.Series(dtype=pl.String) for name in rules}
    todo = list(rules)
    while todo:
        changed = False
        for name in todo:
            found = rules[name].find(current, options, items).collect(engine="streaming")
            if found.is_empty():
                continue
            concerned = current.join(found.lazy(), on=ROW, how="semi").select(pl.col("user_id").unique())
            who[name] = pl.concat([who[name], concerned.collect(engine="streaming")["user_id"]]).unique()
            rows[name] = pl.concat([rows[name], found[ROW]]).unique()
            current = _without(current, found) if found.width == 1 else _with_new_values(current, found)
            changed |= found.width > 1
        todo = [name for name in rules if name in AFTER_A_CHANGE] if changed else []
    left, users_left = _size(current) if any(found.len() for found in rows.values()) else (total, users)
    steps = [_step(name, options, rows[name].len(), total, who[name].len()) for name in rules]
    return Cleaned(current.drop(ROW), CleaningReport(total, users, left, users_left, steps))


AFTER_A_CHANGE = ("exact_duplicates", "constant_raters", "long_watches")
"""What may find more once values have changed: rows have become equal, and without them shares and quantiles move."""


def clean_dataset(dataset: Dataset, options: Cleaning) -> CleanedDataset:
    """`dataset` with its events cleaned (see `clean_events`) and a card that says so.

    Its fingerprint differs as soon as one row does. Raises DataError when no event is left.
    """
    items = dataset.items if dataset.has("duration_seconds", "items") else None
    cleaned = clean_events(dataset.events, options, items)
    report = cleaned.report
    if report.events and not report.events_left:
        most = max(report.steps, key=lambda step: step.fact.value)
        raise DataError("Cleaning leaves no event of {name}: {rule} alone removed {count}.",
                        hint="Leave that rule out, or change its threshold.",
                        name=dataset.name, rule=most.rule, count=f"{most.fact.value:,}")  # fmt: skip
    if not report.steps:
        return CleanedDataset(dataset, report)
    return CleanedDataset(dataset.with_events(cleaned.events, report.note("en")), report)


def _size(events: pl.LazyFrame) -> tuple[int, int]:
    """Rows and distinct users."""
    return events.select(pl.len(), pl.col("user_id").n_unique()).collect(engine="streaming").row(0)


def _without(events: pl.LazyFrame, found: pl.DataFrame) -> pl.LazyFrame:
    return events.join(found.lazy(), on=ROW, how="anti", maintain_order="left")


def _with_new_values(events: pl.LazyFrame, found: pl.DataFrame) -> pl.LazyFrame:
    """`events` with the second column of `found` put in its rows."""
    column = found.columns[1]
    new = found.lazy().select(ROW, pl.col(column).alias("new"), is_new=pl.lit(True))
    joined = events.join(new, on=ROW, how="left", maintain_order="left")
    value = pl.when("is_new").then("new").otherwise(column)
    return joined.with_columns(value.alias(column)).drop("new", "is_new")


def _step(name: str, options: Cleaning, count: int, total: int, users: int) -> CleaningStep:
    rule, action = FINDERS[name], FINDERS[name].action(options)
    values = {"users": f"{users:,}"}
    values |= {option: _in_words(getattr(options, option)) for option in RULES[name] if option in SAID}
    share = share_of(count, total)
    sentence = rule.removed if action == "removed" else rule.changed
    return CleaningStep(name, action, users, Fact(name, count, share, level_of(share, 0.01, 0.2), sentence, values))


def _in_words(threshold: float) -> str:
    return f"{threshold:,}" if isinstance(threshold, int) else f"{threshold:g}"
