"""What was shown, and what came of it: which rows of a log are rounds, and which are the outcomes of which round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from avrec_lib.data.facts import Fact, level_of, share_of
from avrec_lib.errors import DataError
from avrec_lib.schema import Event

REQUEST = ["user_id", "request_id", "item_id"]
KEY = [*REQUEST, "place"]
OF_ROUND = ("timestamp", "platform", "policy", "position")


@dataclass(frozen=True, eq=False)
class Shown:
    """`rounds` in the order of the log: user_id, item_id, request_id, propensity, timestamp, platform, policy,
    position, and the `watch_seconds`, `value` and `event` of the row itself. `place` is the position where the request
    shows the item at several, else null.
    """

    rounds: pl.DataFrame
    has_impressions: bool
    facts: Sequence[Fact]


def rounds_shown(events: pl.DataFrame, anything: bool = False) -> Shown:
    """The rounds of `events`: impressions; without any, events with a propensity, or with `anything` all of them.

    Rows of one request, item and (where the item stands in it twice) position are one round. Raises DataError for a log
    without rounds, and for a round with two propensities.
    """
    impressions = events.filter(pl.col("event") == Event.IMPRESSION.value)
    has_impressions = impressions.height > 0
    shown = impressions if has_impressions else events.filter(pl.col("propensity").is_not_null())
    if not shown.height and anything:
        shown = events
    if not shown.height:
        raise DataError(
            "The log has no rounds: no event is an impression, and none has a propensity.",
            hint="Off-policy values need what was shown with its probability; in notebook 50 propensities=estimate "
            "finds one.",
        )
    asked = pl.col("request_id").is_not_null()
    several = asked & (pl.col("position").n_unique().over(REQUEST) > 1)
    shown = shown.with_columns(place=pl.when(several).then(pl.col("position")))
    first = [pl.col(name).first() for name in ("event", *OF_ROUND)]
    sums = [pl.col("watch_seconds").sum(), pl.col("value").sum()]
    grouped = (
        shown.with_row_index("row").filter(asked).group_by(KEY, maintain_order=True)
        .agg(*first, *sums, pl.col("row").first(), pl.col("propensity").max(), least=pl.col("propensity").min(),
             times=pl.len())
    )  # fmt: skip
    _check_one_propensity(grouped)
    alone = shown.with_row_index("row").filter(~asked)
    columns = ["row", *KEY, "propensity", "event", *OF_ROUND, "watch_seconds", "value"]
    rounds = pl.concat([grouped.select(columns), alone.select(columns)]).sort("row").drop("row")
    again = int(grouped.select((pl.col("times") - 1).sum()).item() or 0)
    return Shown(rounds, has_impressions, _repeats(again, shown.height) if has_impressions else [])


def rewards_of(events: pl.DataFrame, shown: Shown, reward: str, *, amount: bool) -> tuple[pl.Series, list[Fact]]:
    """The `reward` of each round of `shown` (n,): an amount summed over it, or 1 where the event came of it.

    Raises DataError where outcomes cannot be joined, or no event of the log is one.
    """
    is_outcome = pl.col(reward).is_not_null() if amount else pl.col("event") == reward
    outcomes = events.filter(is_outcome)
    if not outcomes.height:
        known = events["event"].value_counts(sort=True)["event"].to_list()
        raise DataError(
            "The log has no {reward} at all.",
            hint="Its events are {known}. A table with one row a round and its reward in a column needs no import: "
            "give the file itself as source of notebook 50.", reward=repr(reward), known=", ".join(known),
        )  # fmt: skip
    rounds = shown.rounds
    own = pl.col(reward).fill_null(0.0) if amount else (pl.col("event") == reward).cast(pl.Float64)
    without = rounds["request_id"].null_count()
    if shown.has_impressions and without and outcomes["event"].ne(Event.IMPRESSION.value).any():
        raise DataError(
            "{count} of {rounds} impressions have no request_id, so nothing can be joined to them.",
            hint="Give what was shown and what came of it the same request_id.", count=without, rounds=rounds.height,
        )  # fmt: skip
    came = pl.col(reward).sum() if amount else pl.lit(1.0).first()
    joined, facts = with_outcomes(outcomes, shown, {"came": came})
    values = joined.select(
        pl.when(pl.col("request_id").is_null()).then(own).otherwise(pl.col("came").fill_null(0.0)).alias("reward")
    ).to_series()  # fmt: skip
    return values, facts


def with_outcomes(
    outcomes: pl.DataFrame, shown: Shown, aggregates: Mapping[str, pl.Expr]
) -> tuple[pl.DataFrame, list[Fact]]:
    """The rounds of `shown` in their order, with `aggregates` of the events of `outcomes` that came of each (null: none
    did), and how many came of no round.
    """
    rounds = shown.rounds
    asked = _placed(outcomes.filter(pl.col("request_id").is_not_null()), rounds)
    came = asked.group_by(KEY).agg(**aggregates)
    joined = rounds.join(came, on=KEY, how="left", nulls_equal=True, maintain_order="left")
    lost = asked.join(rounds, on=KEY, how="anti", nulls_equal=True).height
    lost += outcomes.height - asked.height if shown.has_impressions else 0
    return joined, _unjoined(lost, outcomes.height)


def _placed(outcomes: pl.DataFrame, rounds: pl.DataFrame) -> pl.DataFrame:
    """Outcomes with the place of their round: without a position of their own, the first of several."""
    several = rounds.drop_nulls("place").group_by(REQUEST).agg(first=pl.col("place").min())
    joined = outcomes.join(several, on=REQUEST, how="left", maintain_order="left")
    place = pl.when(pl.col("first").is_not_null()).then(pl.coalesce("position", "first"))
    return joined.with_columns(place=place).drop("first")


def _check_one_propensity(grouped: pl.DataFrame) -> None:
    torn = grouped.filter(pl.col("propensity") > pl.col("least"))
    if torn.height:
        raise DataError(
            "{count} of {rounds} rounds have two propensities, for example item {item} of request {request}.",
            hint="Are the request ids those of one slate each?", count=torn.height, rounds=grouped.height,
            item=repr(torn["item_id"][0]), request=repr(torn["request_id"][0]),
        )  # fmt: skip


def _repeats(again: int, rows: int) -> list[Fact]:
    if not again:
        return []
    share = share_of(again, rows)
    return [
        Fact("repeated_rounds", again, share, level_of(share, 0.001, 0.05),
             "Impressions that stand in the log again, with the same request and item: {value} ({share}). Each counts "
             "once.")
    ]  # fmt: skip


def _unjoined(lost: int, outcomes: int) -> list[Fact]:
    if not lost:
        return []
    share = share_of(lost, outcomes)
    return [
        Fact("outcomes_without_round", lost, share, level_of(share, 0.01, 0.2),
             "Outcomes of items that were not shown in that request: {value} ({share}). They are not counted.")
    ]  # fmt: skip
