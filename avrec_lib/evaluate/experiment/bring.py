"""An experiment of one's own: a table with one row a user, assignments beside events, or a data set with arms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from avrec_lib.data import open_dataset
from avrec_lib.data.facts import Fact, level_of, share_of
from avrec_lib.errors import DataError, UsageError, nearest
from avrec_lib.evaluate.brought_file import formats_of
from avrec_lib.evaluate.brought_tables import (
    BroughtTable,
    id_column,
    number_column,
    number_or_word,
    read_brought,
    time_column,
)
from avrec_lib.evaluate.experiment.data import ExperimentData, read_experiment, read_user_table
from avrec_lib.evaluate.experiment.days import need_columns
from avrec_lib.evaluate.experiment.design import ExperimentDesign
from avrec_lib.evaluate.experiment.metrics import BEFORE, UserMetric

AMOUNTS = ("watch_seconds", "clicks", "plays", "likes", "shares", "searches", "sessions", "active_days", "impressions")
"""Columns that cannot be below 0."""
UNTIL = "covariate_until"
TIMES = ("assigned_at", UNTIL, "timestamp")


def bring_experiment(
    source: Path | str, assignments: Path | str = "", *, metrics: Sequence[UserMetric] = (),
    slices: Sequence[str] = (), optional: Sequence[str] = (), requests_as_users: bool = False,
    design: ExperimentDesign | None = None,
) -> ExperimentData:  # fmt: skip
    """The experiment in `source`: a file or folder of files (Parquet, CSV, TSV, JSON lines, packed or not), or the name
    or folder of a data set.

    A table without the column timestamp has one row a user: user_id, variant, the columns of `metrics` and `slices`,
    and where there are any `before_…` columns, covariate_until and assigned_at. All else are events (user_id,
    timestamp, …), with the table of `assignments` (user_id, variant, assigned_at) or a column variant of their own.
    Of the metrics named in `optional` those whose columns a table of users lacks are left out, with a fact. With
    `requests_as_users` each request_id stands for itself, in logs that know no persons. Raises UsageError for a
    file or data set that is not there, DataError for what `read_experiment` and `read_user_table` refuse, a missing
    column (with the one that is probably meant), words for numbers, and assignments without times.
    """
    design = design or ExperimentDesign()
    path = Path(source)
    users = None
    if path.suffix and not path.is_dir():
        if not assignments and "timestamp" not in formats_of(path, "user_id, variant")[0].columns:
            return _user_file(path, metrics, slices, optional, design)
        events: pl.LazyFrame = _typed(read_brought(path, [("user_id",), ("timestamp",)], list)).lazy()
    else:
        dataset = open_dataset(source)
        events, users = dataset.events, dataset.users
        _need_arms(events, assignments)
    if requests_as_users:
        need_columns(events, ["request_id"], "events")
        events, users = events.with_columns(user_id="request_id"), None
    who = _assignments(Path(assignments), design) if assignments else None
    data = read_experiment(events, who, users=users, design=design, metrics=metrics)
    return _with_fact(data, _request_fact(data.users.height)) if requests_as_users else data


def _user_file(
    path: Path, metrics: Sequence[UserMetric], slices: Sequence[str], optional: Sequence[str], design: ExperimentDesign
) -> ExperimentData:  # fmt: skip
    present = formats_of(path, "user_id, variant")[0].columns
    lacking = {one.name: [name for name in (one.top, one.bottom) if name and name not in present] for one in metrics}
    left_out = [name for name in optional if lacking.get(name)]
    metrics = [one for one in metrics if one.name not in left_out]
    for one in metrics:
        if lacking[one.name] and {"user_id", "variant"} <= set(present):
            guess = nearest(lacking[one.name][0], [name for name in present if not name.startswith(BEFORE)])
            raise UsageError(
                "{file} has no column {missing} for the metric {metric}.",
                hint="Did you mean {guess}?" if guess else
                "Its columns are {present}: name one with primary=COLUMN, guardrails=COLUMN=0.05 or metrics=COLUMN.",
                file=path, missing=", ".join(lacking[one.name]), metric=one.name, present=", ".join(present),
                guess=guess,
            )  # fmt: skip
    amounts = dict.fromkeys(name for one in metrics for name in (one.top, one.bottom) if name)
    needed = ["user_id", "variant", *amounts, *slices, *design.other_experiments]
    table = read_brought(path, [(name,) for name in dict.fromkeys(needed)], list)
    older = {name: BEFORE + name for name in amounts if BEFORE + name in table.rows.columns}
    until = UNTIL if UNTIL in table.rows.columns and older else None
    if until and "assigned_at" not in table.rows.columns:
        raise DataError("The table {name} has no column {missing}.", name=path, missing="assigned_at")
    rows = _typed(table, [*amounts, *older.values()])
    data = read_user_table(
        rows, metrics, before=older, covariate_until=until, attributes=tuple(slices), design=design
    )  # fmt: skip
    for fact in (_negative_fact(rows, name) for name in AMOUNTS if name in amounts):
        data = _with_fact(data, fact) if fact else data
    if left_out:
        data = _with_fact(data, _guardrails_fact(left_out))
    return _with_fact(data, _broken_fact(table)) if table.broken else data


def _assignments(path: Path, design: ExperimentDesign) -> pl.DataFrame:
    needed = ["user_id", "variant", "assigned_at", *design.other_experiments]
    rows = _typed(read_brought(path, [(name,) for name in needed], list))
    if not rows["assigned_at"].count():
        raise DataError("The column {column} of {file} holds no times.", column="assigned_at", file=path)
    return rows


def _typed(table: BroughtTable, amounts: Sequence[str] = ()) -> pl.DataFrame:
    """Ids and arms as text, times as times, `amounts` as numbers; of other columns numbers where all can be read so."""
    made = []
    for name in table.rows.columns:
        if name in ("user_id", "variant"):
            made.append(id_column(table, name, needed=name == "user_id"))
        elif name in TIMES:
            made.append(time_column(table, name))
        elif name in amounts:
            made.append(number_column(table, name))
        elif not table.rows[name].dtype.is_nested():
            made.append(number_or_word(table.rows[name]))
    return pl.DataFrame(made)


def _need_arms(events: pl.LazyFrame, assignments: Path | str) -> None:
    """Raise UsageError for a data set that is no experiment."""
    if not assignments and not events.select(pl.col("variant").count()).collect(engine="streaming").item():
        raise UsageError(
            "The data set has no experiment: no event names an arm (variant).",
            hint="Give the file with the assignments beside it: user_id, variant, assigned_at.",
        )  # fmt: skip


def _with_fact(data: ExperimentData, fact: Fact) -> ExperimentData:
    from dataclasses import replace

    return replace(data, facts=(*data.facts, fact))


def _request_fact(requests: int) -> Fact:
    return Fact(
        "requests_as_users", requests, None, "amber",
        "Each of {value} requests stands for a user of its own, as the log knows no persons. Who came back is counted "
        "anew and may have met several arms: intervals are too narrow if people differ, and nothing can be said of "
        "return, of habits or of effects that add up.",
    )  # fmt: skip


def _negative_fact(rows: pl.DataFrame, name: str) -> Fact | None:
    count = int((rows[name] < 0).sum())
    if not count:
        return None
    share = share_of(count, rows.height)
    return Fact(
        "negative_amounts", count, share, level_of(share, 0, 0.01),
        "Users with {metric} below 0: {value} ({share}). Nobody does less than nothing: find out what wrote them.",
        {"metric": name},
    )  # fmt: skip


def _guardrails_fact(names: Sequence[str]) -> Fact:
    return Fact(
        "guardrails_left_out", len(names), None, "amber",
        "The table has no columns for the usual guardrails {names}: nothing watches over them. Name your own with "
        "guardrails=COLUMN=0.05.", {"names": ", ".join(names)},
    )  # fmt: skip


def _broken_fact(table: BroughtTable) -> Fact:
    return Fact(
        "unreadable_lines", table.broken, share_of(table.broken, table.rows.height + table.broken), "amber",
        "Lines of the file that are no rows: {value} ({share}). They are left out.",
    )  # fmt: skip
