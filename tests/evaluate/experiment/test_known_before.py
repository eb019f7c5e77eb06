from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from experiment_tables import DAY, events, times

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.experiment import check_experiment, effects_by, read_experiment
from avrec_lib.evaluate.experiment.data import ExperimentData

USERS = 6000


def attending(older: np.ndarray, newer: np.ndarray) -> ExperimentData:
    """Half the users come before the test, 50 % of the control and 62 % of the arm during it: `older` and `newer` are
    the platforms they come with, newer ones only for whom nothing older is known.
    """
    rng = np.random.default_rng(0)
    arm = np.arange(USERS) % 2
    name = np.array([f"u{number}" for number in range(USERS)])
    came = rng.random(USERS) < 0.5
    comes = rng.random(USERS) < np.where(arm == 1, 0.62, 0.5)
    before = events(name[came], np.full(came.sum(), -DAY / 2), "click").with_columns(platform=older[came])
    later = events(name[comes], np.full(comes.sum(), DAY / 2), "click").with_columns(platform=newer[comes])
    who = pl.DataFrame({"user_id": name, "variant": np.array(["control", "new"])[arm], "assigned_at": times(0 * arm)})
    return read_experiment(pl.concat([before, later]), who)


def platforms(share: np.ndarray | float, seed: int) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(USERS) < share, "mobile", "desktop")


def light(data: ExperimentData) -> list[str]:
    return [one.level for one in check_experiment(data)
            if one.name == "balance_before" and one.values["what"] == "platform"]  # fmt: skip


def test_an_arm_that_brings_users_back_or_to_mobile_leaves_the_balance_green() -> None:
    moved = platforms(np.where(np.arange(USERS) % 2 == 1, 0.8, 0.4), 2)
    data = attending(platforms(0.4, 1), moved)
    assert light(data) == ["info"]
    assert data.users["platform"].null_count() == pytest.approx(USERS / 2, rel=0.1)


def test_older_platforms_that_differ_by_arm_are_red() -> None:
    unlike = platforms(np.where(np.arange(USERS) % 2 == 1, 0.5, 0.4), 1)
    assert light(attending(unlike, platforms(0.4, 2))) == ["red"]


def test_groups_by_what_the_arms_have_caused_are_refused() -> None:
    data = attending(platforms(0.4, 1), platforms(0.4, 2))
    assert set(effects_by(data, "clicks", "platform")["group"]) == {"mobile", "desktop", "unknown"}
    assert effects_by(data, "clicks", "before_clicks").height == 2
    with pytest.raises(UsageError, match="measured after the assignment"):
        effects_by(data, "clicks", "active_days")
