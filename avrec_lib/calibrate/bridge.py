"""From a log to a launch: what each method said of a new policy before the test, what the test said, and the truth.

A world's log is the days before its test, of some of its users; then the users are split at random, and half of them
get the new policy. The truth is that of other people of the same world, all under the old or all under the new policy
in parallel worlds (`simulate.true_difference`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from avrec_lib.calibrate.bridge_answers import A_USER, NORMAL, ORACLE, Answer, offline_answers, true_gains
from avrec_lib.calibrate.bridge_log import METRICS, bridge_log, true_rewards
from avrec_lib.calibrate.bridge_worlds import (
    LOG_DAYS,
    LOG_USERS,
    TEST_DAYS,
    TEST_USERS,
    TRUTH_USERS,
    BridgeWorld,
    bridge_world,
)
from avrec_lib.calibrate.many import Row, over_seeds
from avrec_lib.evaluate.experiment import ExperimentDesign, effects, read_user_table
from avrec_lib.simulate import Run, assign, run, true_difference

TEST, TRUTH = "A/B test", "truth"
ZONE = 0.02
"""A lift within ± 2 % counts as no difference: the policies are equivalent, and there is no winner to pick."""
OTHER_PEOPLE = 500_000_000  # the people of the truth are those of a seed as far away as this


@dataclass(frozen=True)
class Sizes:
    """How many users the log keeps and for how many days, and how many and how long the test and the truth take."""

    log_users: int = LOG_USERS
    log_days: int = LOG_DAYS
    test_users: int = TEST_USERS
    test_days: int = TEST_DAYS
    truth_users: int = TRUTH_USERS


def bridge(
    worlds: int = 1000, seed: int = 0, workers: int = 1, *, kind: str | None = None, sizes: Sizes | None = None
) -> pl.DataFrame:  # fmt: skip
    """One row a world, metric and method, for the worlds of the seeds from `seed` on (`bridge_worlds.bridge_world`).

    Columns world, kind, change, metric, method, estimand, says (better, worse, cannot be decided, these logs cannot
    tell), value, low, high, level (of the old policy), lift, lift_low, lift_high (the same over the level), error (of
    the lift), shown_low, shown_high (where the test's lift is to be expected), red (which lights refuse), requests; and
    of the world truth and truth_error (lift of a user in the test), truth_requests (of requests), truth_a_request (of
    the logged requests), oracle_error (of the lift by `bridge_answers.ORACLE`), winner (by the truth:
    new, old, or neither within ZONE). Metrics: clicks, watch_seconds.
    """
    task = partial(_crossed, kind=kind, sizes=sizes or Sizes())
    rows = over_seeds(task, range(seed, seed + worlds), workers, "From offline to online")
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.selectors.float().fill_nan(None))


def cross(found: BridgeWorld, sizes: Sizes, seed: int) -> list[Row]:
    """The rows of `bridge` of one world, with that of the truth."""
    policies = [found.old, found.new]
    arm = assign(sizes.test_users, len(policies), seed)
    tested = run(
        found.world, policies, sizes.test_users, sizes.test_days, seed, arm=arm, variants=["old", "new"],
        days_before=sizes.log_days, keep_candidates=True,
    )  # fmt: skip
    log = bridge_log(tested, found.old, found.new, min(sizes.log_users, sizes.test_users), sizes.log_days)
    known = true_rewards(log, seed)
    answers = offline_answers(log, known, sizes.test_users, sizes.test_days, seed)
    truth = true_difference(
        found.world, found.old, found.new, sizes.truth_users, sizes.test_days, seed + OTHER_PEOPLE,
        days_before=sizes.log_days,
    )  # fmt: skip
    lifts = {row["metric"]: _lift(row) for row in truth.to_dicts()}
    gains = true_gains(log, known, seed)
    rows = []
    for metric in METRICS:
        lift, error = lifts[metric]
        all_of_it = [*answers[metric], _tested(tested, metric), _of_truth(truth, metric)]
        oracle = next(one for one in all_of_it if one.method == ORACLE)
        of_world = {
            "world": seed, "kind": found.world.options.kind, "change": found.change, "metric": metric, "truth": lift,
            "truth_error": error, "truth_requests": lifts["requests"][0], "truth_a_request": gains[metric],
            "oracle_error": oracle.error / oracle.level,
            "winner": winner(lift), "requests": len(log),
        }  # fmt: skip
        rows += [of_world | _row(one) for one in all_of_it]
    return rows


def winner(lift: float) -> str:
    """new, old, or neither where the lift lies within ZONE."""
    return "neither" if abs(lift) <= ZONE else "new" if lift > 0 else "old"


def _crossed(seed: int, kind: str | None, sizes: Sizes) -> list[Row]:
    return [row for row in cross(bridge_world(seed, kind), sizes, seed) if row["method"] != TRUTH]


def _row(answer: Answer) -> dict[str, Any]:
    level = answer.level or math.nan
    return {
        "method": answer.method, "estimand": answer.estimand, "says": answer.says, "value": answer.value,
        "low": answer.low, "high": answer.high, "level": answer.level, "lift": answer.value / level,
        "lift_low": answer.low / level, "lift_high": answer.high / level, "error": answer.error / level,
        "shown_low": answer.shown_low / level, "shown_high": answer.shown_high / level,
        "red": ", ".join(fact.name for fact in answer.facts if fact.level == "red"),
    }  # fmt: skip


def _tested(tested: Run, metric: str) -> Answer:
    """What the test shows of a user, by the analysis of experiments, with CUPED."""
    table = tested.values().select("user_id", "variant", metric, f"before_{metric}")
    data = read_user_table(
        table, [metric], before={metric: f"before_{metric}"}, design=ExperimentDesign(control="old")
    )  # fmt: skip
    row = effects(data, cuped=True).row(0, named=True)
    return Answer(
        TEST, A_USER, row["difference"], row["low"], row["high"], row["control"], row["standard_error"]
    )  # fmt: skip


def _of_truth(truth: pl.DataFrame, metric: str) -> Answer:
    row = truth.row(by_predicate=pl.col("metric") == metric, named=True)
    value, reach = row["difference"], NORMAL * row["standard_error"]
    return Answer(TRUTH, A_USER, value, value - reach, value + reach, row["baseline"], row["standard_error"])


def _lift(row: dict[str, Any]) -> tuple[float, float]:
    return row["difference"] / row["baseline"], row["standard_error"] / row["baseline"]
