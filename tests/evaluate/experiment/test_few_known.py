from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.evaluate.experiment import DecisionRule, Guardrail, check_experiment, decide, read_user_table
from avrec_lib.evaluate.experiment.data import ExperimentData


def known_for(users: int, users_an_arm: int = 500) -> ExperimentData:
    """A metric that gains much, but is known for `users` of each arm only, beside one that all have."""
    arm = np.repeat([0, 1], users_an_arm)
    rank = np.tile(np.arange(users_an_arm), 2)
    rare = np.where(rank < users, 10 + 5 * arm + 0.01 * rank, np.nan)
    return read_user_table(
        pl.DataFrame({"user_id": np.arange(len(arm)).astype(str), "variant": np.array(["control", "new"])[arm],
                      "rare": rare, "watch": 10 + arm + rank % 7}),
        ["rare", "watch"],
    )  # fmt: skip


@pytest.mark.parametrize(("users", "said"), [(0, "red"), (2, "red"), (29, "red"), (30, "info")])
def test_a_metric_is_asked_of_as_many_users_as_have_it(users: int, said: str) -> None:
    data = known_for(users)
    levels = {one.level for one in check_experiment(data, ["rare"]) if one.name == "users_in_the_smallest_arm"}
    assert said in levels
    assert all(one.level != "red" for one in check_experiment(data, ["watch"]))


@pytest.mark.parametrize("sequential", [False, True])
def test_no_interval_of_few_users_decides_even_unchecked(sequential: bool) -> None:
    rule = DecisionRule("rare", 1000, sequential=sequential)
    assert decide(known_for(30), rule).decision == "ship"
    card = decide(known_for(2), rule)
    assert card.decision == "cannot tell" and "A check is red" in card.reasons[0].text("en")
    unchecked = decide(known_for(2), rule, checks=[])
    assert unchecked.decision == "cannot tell" and unchecked.table()["low"].to_list() == [None]


def test_a_guardrail_of_few_users_does_not_hold() -> None:
    rule = DecisionRule("watch", 1000, guardrails=(Guardrail("rare", 0.5),))
    assert decide(known_for(30), rule, checks=[]).decision == "ship"
    assert decide(known_for(29), rule, checks=[]).decision == "cannot tell"
