"""One world crossed: the log and what is said before the test, the test itself, and the truth in parallel worlds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from avrec_lib.calibrate.bridge_answers import A_USER, NORMAL, ORACLE, Answer, offline_answers, true_gains
from avrec_lib.calibrate.bridge_log import bridge_log, true_rewards
from avrec_lib.calibrate.bridge_worlds import BridgeWorld, Sizes
from avrec_lib.calibrate.many import Row
from avrec_lib.evaluate.experiment import ExperimentDesign, effects, read_user_table
from avrec_lib.simulate import Run, assign, run, true_difference

TEST, TRUTH = "A/B test", "truth"
ZONE = 0.02
"""A lift within ± 2 % counts as no difference: the policies are equivalent, and there is no winner to pick."""
OTHER_PEOPLE = 500_000_000  # the people of the truth are those of a seed as far away as this


@dataclass(frozen=True)
class Crossing:
    """What came of a world. `answers` by metric: before the test, of the test, the truth; `truth` is the table of
    `simulate.true_difference`, `gains` the lift of a request as logged, by metric; `requests` are those of the log.
    """

    world: BridgeWorld
    tested: Run
    requests: int
    answers: Mapping[str, list[Answer]]
    truth: pl.DataFrame
    gains: Mapping[str, float]

    def true_lift(self, metric: str) -> tuple[float, float]:
        """Lift of a user in the test, and its standard error."""
        row = self.truth.row(by_predicate=pl.col("metric") == metric, named=True)
        return row["difference"] / row["baseline"], row["standard_error"] / row["baseline"]


def crossing(found: BridgeWorld, sizes: Sizes, seed: int) -> Crossing:
    """Log the days before, test on everybody, and live the same days with other people in parallel worlds."""
    policies = [found.old, found.new]
    tested = run(
        found.world, policies, sizes.test_users, sizes.test_days, seed, arm=assign(sizes.test_users, 2, seed),
        variants=["old", "new"], days_before=sizes.log_days, keep_candidates=True,
    )  # fmt: skip
    log = bridge_log(tested, found.old, found.new, sizes.log_users, sizes.log_days)
    known = true_rewards(log, seed)
    truth = true_difference(
        found.world, found.old, found.new, sizes.truth_users, sizes.test_days, seed + OTHER_PEOPLE,
        days_before=sizes.log_days,
    )  # fmt: skip
    before = offline_answers(log, known, sizes.test_users, sizes.test_days, seed)
    answers = {name: [*said, _tested(tested, name), _of_truth(truth, name)] for name, said in before.items()}
    return Crossing(found, tested, len(log), answers, truth, true_gains(log, known, seed))


def crossing_rows(crossed: Crossing, seed: int) -> list[Row]:
    """The rows of `bridge.bridge` of one world, and those of the truth."""
    rows = []
    for metric, answers in crossed.answers.items():
        lift, error = crossed.true_lift(metric)
        oracle = next(one for one in answers if one.method == ORACLE)
        of_world = {
            "world": seed, "kind": crossed.world.world.options.kind, "change": crossed.world.change, "metric": metric,
            "truth": lift, "truth_error": error, "truth_requests": crossed.true_lift("requests")[0],
            "truth_a_request": crossed.gains[metric], "oracle_error": oracle.error / oracle.level,
            "winner": winner(lift), "requests": crossed.requests,
        }  # fmt: skip
        rows += [of_world | _row(one) for one in answers]
    return rows


def winner(lift: float) -> str:
    """new, old, or neither where the lift lies within ZONE."""
    return "neither" if abs(lift) <= ZONE else "new" if lift > 0 else "old"


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
