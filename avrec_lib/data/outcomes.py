"""What came of each impression, task by task: the labels of networks that learn several things at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.durations import with_durations
from avrec_lib.data.facts import Fact, share_of
from avrec_lib.data.shown import rounds_shown, with_outcomes
from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.schema import Event, Events, require_columns, with_all_columns

LONG_VIEW = "long_view"
NO_TASK = (Event.IMPRESSION, Event.SEARCH, Event.SURVEY)
TASKS = (LONG_VIEW, *(str(event) for event in Event if event not in NO_TASK))
USUAL_TASKS = ("click", LONG_VIEW, "like")
ABOUT = ("user_id", "item_id", "timestamp", "request_id", "position", "platform")
NEEDED = (*ABOUT, "event", "value", "watch_seconds", "policy")
NO_EVENT = "The log has no event of the kind {task}: that label is null throughout."
NO_SECONDS = (
    "The log has no watch_seconds (or no click and no play), so nobody knows what was watched for long: that label is "
    "null throughout."
)
NO_LENGTH = (
    "Impressions whose item has no known length, so that nobody knows whether they were watched for long: {value} "
    "({share})."
)


@dataclass(frozen=True)
class LongView:
    """When a clip was watched for long: `seconds` of it, or all of a shorter one; or a `share` of its length instead.

    The default is the rule of KuaiRand (Gao et al. 2022, field `long_view` of its log). Among songs, where most are
    heard for minutes, only a share tells anything. Raises UsageError for less than nothing, or a share above 1.
    """

    seconds: float = 18.0
    share: float | None = None

    def __post_init__(self) -> None:
        if not self.seconds > 0 or (self.share is not None and not 0 < self.share <= 1):
            raise UsageError(
                "A long view takes seconds above 0, or a share of the length above 0 and up to 1, not {seconds} and "
                "{share}.", seconds=self.seconds, share=self.share,
            )  # fmt: skip

    def reached(self) -> pl.Expr:
        """Whether watch_seconds are long; null where that hangs on a duration_seconds that is not known."""
        watched, length = pl.col("watch_seconds"), pl.col("duration_seconds")
        if self.share is not None:
            return watched >= self.share * length
        return (watched >= self.seconds) | (watched >= length)  # true or unknown is true, false or unknown is unknown


class TaskOutcomes(NamedTuple):
    """`rows`: one row an impression, in the order of the log: user_id, item_id, timestamp, request_id, position,
    platform, watch_seconds, and the label of each task (Int8: 1 it came, 0 it did not, null unknown).

    `facts`: what was left out, and which labels the log cannot give.
    """

    rows: pl.DataFrame
    facts: Sequence[Fact]


def task_outcomes(
    log: Dataset | pl.LazyFrame | pl.DataFrame, tasks: Sequence[str] = USUAL_TASKS, *,
    long_view: LongView = LongView(), items: pl.DataFrame | None = None,
) -> TaskOutcomes:  # fmt: skip
    """What came of every impression of a data set, or of a table of events (`schema.Events`; `items` beside it).

    A task is an event (click, like, share, …: 1 where one followed in the same request on the same item) or
    "long_view". All labels are over all impressions, as a chain needs them (Ma et al. 2018, "Entire space multi-task
    model"): a long view is a click that was watched for long, and 0 where nobody clicked. Take the rows with click = 1
    for how clicks go on. Where no event is a click, a play stands for it. `watch_seconds` is the sum over the
    impression, null where nothing was watched. A label is null throughout where the log never has its event (or never
    watch_seconds), and a long view is null where it hangs on the length of an item that is not known.

    Impressions without request_id are left out and counted; a request that shows an item twice has a row for each
    place. Raises UsageError for an unknown task, DataError for a log without impressions or without their request_id.
    """
    for task in tasks:
        if task not in TASKS:
            raise unknown_name("task", task, TASKS)
    events, lengths = _tables(log, items, {*tasks, "click", "play"} - {LONG_VIEW})
    impression = pl.col("event") == Event.IMPRESSION.value
    named = pl.col("request_id").is_not_null()
    total, asked = events.select(impression.sum(), asked=(impression & named).sum()).row(0)
    if not asked:
        raise DataError(
            "What came of an impression cannot be told: the log has {total} events of the kind impression, and none "
            "with a request_id.",
            hint="Give what was shown as events of the kind impression, with the request_id of the slate; and what "
            "came of it the same request_id.", total=f"{total:,}",
        )  # fmt: skip
    facts = _without_request(total - asked, total)
    outcomes = events.filter(~impression)
    present = set(outcomes["event"].unique())
    shown = rounds_shown(events.filter(impression & named))
    clicks = "click" if "click" in present else "play"
    kinds = {"came click": clicks} | {f"came {task}": task for task in tasks if task not in ("click", LONG_VIEW)}
    aggregates = {name: (pl.col("event") == kind).any() for name, kind in kinds.items()}
    joined, unjoined = with_outcomes(outcomes, shown, aggregates | {"watched": pl.col("watch_seconds").sum()})
    own = pl.col("watch_seconds").fill_null(0.0)  # of the row of the impression itself
    watched = own + pl.col("watched").fill_null(0.0)
    rows = with_durations(joined.with_columns(watch_seconds=watched), lengths)
    watches = bool((rows["watch_seconds"] > 0).any())
    knows = {LONG_VIEW: watches and clicks in present, "click": clicks in present}
    knows |= {task: task in present for task in tasks if task not in knows}
    labels = [_label(task, long_view).cast(pl.Int8).alias(task) if knows[task]
              else pl.lit(None, dtype=pl.Int8).alias(task) for task in tasks]  # fmt: skip
    table = rows.select(*ABOUT, pl.when(pl.col("watch_seconds") > 0).then("watch_seconds").alias("watch_seconds"),
                        *labels)  # fmt: skip
    if clicks == "play" and "play" in present:
        facts.append(Fact("plays_for_clicks", table.height, None, "amber",
                          "No event is a click, so a play counts as one."))  # fmt: skip
    return TaskOutcomes(table, [*facts, *shown.facts, *unjoined, *_unknown(table, tasks, knows)])


def label_shares(rows: pl.DataFrame, tasks: Sequence[str] = USUAL_TASKS) -> pl.DataFrame:
    """Columns task, impressions (with a label), positives, share (of these), of_clicks (the share among clicks, null
    where `rows` have no column click)."""
    clicked = pl.col("click") == 1 if "click" in rows.columns else pl.lit(False)
    found = [
        rows.select(
            task=pl.lit(task), impressions=pl.col(task).count(), positives=pl.col(task).sum().cast(pl.Int64),
            share=pl.col(task).mean(), of_clicks=pl.col(task).filter(clicked).mean(),
        )
        for task in tasks
    ]  # fmt: skip
    return pl.concat(found).with_columns(pl.col("impressions").cast(pl.Int64))


def with_both_answers(rows: pl.DataFrame, tasks: Sequence[str]) -> list[str]:
    """Those of `tasks` whose labels in `rows` are not all alike: what can be learned."""
    return [task for task in tasks if rows[task].drop_nulls().n_unique() > 1]


def _label(task: str, long_view: LongView) -> pl.Expr:
    came = pl.col("came click" if task == LONG_VIEW else f"came {task}").fill_null(False)
    return came if task != LONG_VIEW else came & long_view.reached()


def _tables(
    log: Dataset | pl.LazyFrame | pl.DataFrame, items: pl.DataFrame | None, kinds: set[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The impressions and outcomes of `kinds` or with seconds, and the items."""
    if isinstance(log, Dataset):
        events = log.events
        items = log.items.select("item_id", "duration_seconds").collect() if items is None else items
    else:
        events = log.lazy()
        require_columns(("user_id", "item_id", "event"), events.collect_schema().names(), Events, "events")
    if items is None or "duration_seconds" not in items.columns:
        items = pl.DataFrame(schema={"item_id": pl.String, "duration_seconds": pl.Float64})
    rows = with_all_columns(events, Events).select(*NEEDED, propensity=pl.lit(None, dtype=pl.Float64))
    wanted = pl.col("event").cast(pl.String).is_in([Event.IMPRESSION.value, *sorted(kinds)])
    wanted |= pl.col("watch_seconds").is_not_null()
    kept = rows.with_columns(pl.col("event").cast(pl.String)).filter(wanted & pl.col("item_id").is_not_null())
    return kept.collect(engine="streaming"), items


def _without_request(count: int, total: int) -> list[Fact]:
    if not count:
        return []
    return [Fact("impressions_without_request", count, share_of(count, total), "amber",
                 "Impressions without a request_id, of which nothing can be told: {value} ({share}). They are left "
                 "out.")]  # fmt: skip


def _unknown(table: pl.DataFrame, tasks: Sequence[str], knows: Mapping[str, bool]) -> list[Fact]:
    facts = []
    for task in tasks:
        unknown = table[task].null_count()
        if not knows[task]:
            template = NO_SECONDS if task == LONG_VIEW else NO_EVENT
            facts.append(Fact("no_label", unknown, 1.0, "red", template, {"task": task}))
        elif unknown:
            facts.append(Fact("unknown_length", unknown, share_of(unknown, table.height), "amber", NO_LENGTH))
    return facts
