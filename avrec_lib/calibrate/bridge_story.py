"""One world told from offline to online: ranking, off-policy, the predicted test, the test, and the truth."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from avrec_lib.calibrate.bridge_answers import A_USER, OFF_POLICY, PREDICTED
from avrec_lib.calibrate.bridge_crossing import Crossing, crossing, crossing_rows
from avrec_lib.calibrate.bridge_worlds import Sizes, named_world
from avrec_lib.data.facts import Fact

SHOWN = "predicted A/B, as it will show"
COLUMNS = ("metric", "method", "estimand", "says", "value", "low", "high", "level", "lift", "lift_low", "lift_high")


@dataclass(frozen=True)
class Story:
    """`table` as of `story`, `facts` the lights of the off-policy answer by metric, and all that lies behind."""

    table: pl.DataFrame
    facts: dict[str, tuple[Fact, ...]]
    crossing: Crossing

    def logged(self) -> pl.DataFrame:
        """The events before the test, as a `schema.Events` table."""
        return self.crossing.tested.events().filter(pl.col("variant").is_null())


def story(
    kind: str = "video", change: str = "more taste", *, users: int = 3000, log_users: int = 1000, log_days: int = 14,
    test_days: int = 14, seed: int = 0,
) -> Story:  # fmt: skip
    """A world of that kind (`bridge_worlds.named_world`), from the log to the truth.

    The table has one row a metric (clicks, watch_seconds) and method, in order: offline ranking, the reward model
    alone, off-policy, off-policy with the true rewards, the predicted effect, what a test will show of it, the A/B test
    of `users`, and the truth of as many others. Columns metric, method, estimand, says, value (new − old), low, high
    (95 %), level (of the old policy), and lift, lift_low, lift_high: the same over the level.
    """
    sizes = Sizes(min(log_users, users), log_days, users, test_days, users)
    crossed = crossing(named_world(kind, change, seed), sizes, seed)
    rows = pl.DataFrame(crossing_rows(crossed, seed), infer_schema_length=None)
    parts = []
    for metric in rows.partition_by("metric", maintain_order=True):
        predicted = metric.filter(method=PREDICTED)
        wider = predicted.with_columns(
            method=pl.lit(SHOWN), estimand=pl.lit(A_USER), lift_low="shown_low", lift_high="shown_high",
            low=pl.col("shown_low") * pl.col("level"), high=pl.col("shown_high") * pl.col("level"),
            says=pl.lit("–"),
        )  # fmt: skip
        place = metric["method"].to_list().index(PREDICTED) + 1
        parts += [metric[:place], wider, metric[place:]]
    facts = {
        name: next(one.facts for one in answers if one.method == OFF_POLICY)
        for name, answers in crossed.answers.items()
    }
    return Story(pl.concat(parts).select(COLUMNS), facts, crossed)
