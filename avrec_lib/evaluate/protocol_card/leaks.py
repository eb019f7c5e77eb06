"""Does training know what it should not: the future, the test's own rows, or acts that nobody did?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

from avrec_lib.data.facts import Fact, in_percent, level_of, share_of
from avrec_lib.data.split import Split

BY_TIME = ("global_time", "rolling_time")
FOUND_NONE = {
    "exact_duplicates": "No event repeats another in every column.",
    "near_duplicates": "No act of a user on an item is repeated within seconds.",
    "repeats": "No user comes back to an item already met.",
    "times_in_the_future": "No event lies in the future.",
    "too_busy_users": "No user is too busy for one person.",
    "clockwork_users": "No user acts at equal intervals, as programs do.",
}
"""Facts about the rows that mislead whatever the split, and what is said when there are none; the other facts of
`data.checks` matter to some splits only."""


def future_leak(splits: Sequence[Split]) -> Fact:
    """Share of the training events that are later than a test event, mean over the test, worst of the windows.

    Amber from 1 %, red from a third; amber where it cannot be known.
    """
    protocol = splits[0].protocol
    shares = [split.protocol.get("future_share") for split in splits]
    known = [share for share in shares if share is not None]
    if not known and protocol.get("method") in BY_TIME:
        known = [0.0]
    words = {"method": protocol.get("method", "–")}
    if not known and "future_share" not in protocol:
        return Fact(
            "training_later_than_test", 0, None, "amber",
            "Whether training knows the future cannot be told: the split does not say how much of it is later than "
            "the test.",
            {"reading": "–"},
        )  # fmt: skip
    if not known:
        return Fact(
            "training_later_than_test", 0, None, "amber",
            "Whether training knows the future cannot be told: this split goes by no times. With split={method} some "
            "of what a model learned probably happened after what it is asked, so read the numbers as optimistic.",
            {"reading": "–", **words},
        )  # fmt: skip
    share = max(known)
    level = level_of(share, 0.01, 1 / 3)
    if share == 0:
        template = "No training event is later than a test event it is asked about: as on the day of a launch."
    elif level == "info":
        template = "{share} of the training events are later than the average test event: too few to matter."
    else:
        template = (
            "{share} of the training events are later than the average test event: with split={method} models learn "
            "from the future, and those that learn popularity and trends gain most. Use split=global_time."
        )
    late = round(share * max(split.train.height for split in splits))
    return Fact("training_later_than_test", late, share, level, template, words)


def facts_of_the_log(checks: Iterable[Fact], splits: Sequence[Split]) -> list[Fact]:
    """Those facts of `data.checks` that mislead under any split, at their own levels; green where nothing was found.

    Events in the future are red as well where a cut of the splits lies there: their test is what a wrong clock says.
    """
    by_name = {fact.name: fact for fact in checks}
    facts = [
        fact if fact.value else replace(fact, level="info", template=nothing, values={})
        for name, nothing in FOUND_NONE.items()
        if (fact := by_name.get(name)) is not None
    ]
    late = late_cut(splits)
    if late is None:
        return facts
    return [
        replace(fact, level="red", template=LATE_CUT, values={"cut": late})
        if fact.name == "times_in_the_future" and fact.value else fact
        for fact in facts
    ]  # fmt: skip


def late_cut(splits: Sequence[Split]) -> str | None:
    """The latest cut of the splits where it lies in the future, as text; a day is allowed for, as in `data.faults`."""
    cuts = [datetime.fromisoformat(cut) for split in splits if (cut := split.protocol.get("cut"))]
    moments = [cut if cut.tzinfo else cut.replace(tzinfo=UTC) for cut in cuts]
    latest = max(moments, default=None)
    return None if latest is None or latest <= datetime.now(UTC) + timedelta(days=1) else latest.isoformat()


LATE_CUT = (
    "Events in the future: {value}, and the split cuts there, at {cut}. The test is what a wrong clock or unit says. "
    "Mend the times, or remove these rows first: cleaning=standard."
)


def duplicates_across(splits: Sequence[Split], events: pl.LazyFrame | None) -> Fact:
    """Rows that repeat another in every column and stand on the other side of the split, summed over windows.

    Counted are the copies, outside training, of a training row of the user who is asked. Amber from the first, red
    from 1 % of the test events; amber at most in a log without times, where a copy may be an act that was repeated.
    """
    name = "duplicates_across_the_split"
    if events is None:
        return Fact(
            name, 0, None, "info",
            "Whether copies of one row stand on both sides of the split cannot be told without the whole log.",
            {"reading": "–"},
        )  # fmt: skip
    columns = [column for column in events.collect_schema().names() if column in splits[0].train.columns]
    repeated = _numbered(events, columns).filter(pl.col("row").is_duplicated()).collect(engine="streaming")
    copies = sum(_copies_left_out(split, repeated, columns) for split in splits) if repeated.height else 0
    tested = sum(split.protocol.get("test_events", split.truth.height) for split in splits)
    share = share_of(copies, tested)
    timed = splits[0].train["timestamp"].count() > 0
    if not copies:
        template = "No row stands on one side of the split with its exact copy on the other."
    elif not timed:
        template = (
            "Rows whose equal stands in training and that are not trained on themselves: {value}, against {tested} "
            "test events. Without times nobody can tell whether they were written twice or done again: if written "
            "twice, a model is asked what it was told."
        )
    else:
        template = (
            "Rows whose exact copy stands in training and that are not trained on themselves: {value}, against "
            "{tested} test events. A model is asked what it was told. Remove duplicates first: cleaning=standard."
        )
    return Fact(
        name, copies, share, level_of(share, 1e-12, 0.01 if timed else math.inf), template, {"tested": f"{tested:,}"}
    )


def _numbered(rows: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """Columns user_id and row: a number that is the same for rows equal in all of `columns`."""
    whole = rows.select(columns).filter(pl.col("item_id").is_not_null())
    if "event" in columns:
        whole = whole.with_columns(pl.col("event").cast(pl.String))
    return whole.select("user_id", row=pl.struct(columns).hash())


def _copies_left_out(split: Split, repeated: pl.DataFrame, columns: Sequence[str]) -> int:
    own = repeated.join(split.queries, on="user_id", how="semi").group_by("row").len("rows")
    trained = _numbered(split.train.lazy(), columns).join(own.lazy(), on="row", how="semi").group_by("row").len("kept")
    both = own.join(trained.collect(engine="streaming"), on="row")
    return int(both.select((pl.col("rows").cast(pl.Int64) - pl.col("kept")).clip(0).sum()).item())


def dropped_as_seen(splits: Sequence[Split], repeats: Fact | None) -> Fact:
    """Share of the test's user-item pairs left out of the truth because the user had met them, over all windows.

    Amber from 20 %, red from 50 %.
    """
    dropped, pairs = (
        sum(split.protocol.get(key) or 0 for split in splits) for key in ("repeats_dropped_from_truth", "test_pairs")
    )
    share = share_of(dropped, pairs)
    words = {"repeats": in_percent(None if repeats is None else repeats.share)}
    if not splits[0].exclude_seen:
        template = "What a user had already met may be recommended and counts as an answer: nothing was dropped."
    elif level_of(share, 0.2) == "info":
        template = "{share} of the answers were left out because the user had already met the item: {value} pairs."
    else:
        template = (
            "{share} of the answers were left out because the user had already met the item ({repeats} of all events "
            "are such returns): the numbers speak for first meetings only, and people who return, as with music, are "
            "judged on the rest. Use exclude_seen=false."
        )
    return Fact("answers_dropped_as_seen", dropped, share, level_of(share, 0.2, 0.5), template, words)
