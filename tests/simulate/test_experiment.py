from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.simulate import PERSONAL, UNIFORM, Experiment, assign, experiment, make_world

WORLD = make_world("video", items=600, topics=6, popularity_feedback=0.0)
ARMS = {"old": UNIFORM, "new": PERSONAL}


@pytest.fixture(scope="module")
def test() -> Experiment:
    return experiment(WORLD, ARMS, users=800, days=5, days_before=3, seed=2)


def test_arms_have_the_shares_asked_for() -> None:
    arm = assign(20_000, {"a": 1, "b": 3}, seed=1)
    assert np.bincount(arm) / 20_000 == pytest.approx([0.25, 0.75], abs=0.015)
    assert (assign(100, 2, seed=1) == assign(50_000, 2, seed=1)[:100]).all()


def test_events_have_their_variant_from_the_start_on_and_none_before(test: Experiment) -> None:
    events = test.run.events().join(test.assignments().rename({"variant": "arm"}), on="user_id")
    before = events.filter(pl.col("variant").is_null())
    assert before["timestamp"].min() < test.started
    assert set(before["policy"].unique()) == {"uniform"}
    during = events.drop_nulls("variant")
    assert (during["variant"] == during["arm"]).all() and during["timestamp"].min() >= test.started
    assert (during["policy"] == during["variant"].replace({"old": "uniform", "new": "personal"})).all()


def test_the_difference_found_is_the_true_one_within_its_error(test: Experiment) -> None:
    # Without popularity feedback users do not influence each other, so the test is of the parallel worlds.
    values, truth = test.run.values(), test.truth()
    for metric in ("clicks", "requests"):
        old, new = (values.filter(variant=name)[metric].to_numpy() for name in ARMS)
        error = np.hypot(old.std() / np.sqrt(len(old)), new.std() / np.sqrt(len(new)))
        true = truth.filter(metric=metric, variant="new")["difference"].item()
        assert new.mean() - old.mean() == pytest.approx(true, abs=4 * error)


def test_without_feedback_an_arm_is_exactly_its_users_in_the_parallel_world() -> None:
    # The policy draws its slates from one stream for all, so only what does not depend on a slate can be equal.
    mixed = experiment(WORLD, {"old": UNIFORM, "same": UNIFORM}, users=300, days=1, seed=2)
    first = mixed.run.rounds.turn + mixed.run.rounds.session == 0
    alone = experiment(WORLD, {"old": UNIFORM, "same": UNIFORM}, 300, 1, np.zeros(300, int), seed=2).run.rounds
    assert set(mixed.run.rounds.user[first]) == set(alone.user[alone.turn + alone.session == 0])


def test_what_users_did_before_is_told_apart(test: Experiment) -> None:
    values = test.run.values()
    both = values.select(pl.corr("clicks", "before_clicks")).item()
    assert 0.2 < both < 1
    events = test.run.events().filter(pl.col("event") == "click")
    assert values["before_clicks"].sum() == events["variant"].null_count()
    assert values["clicks"].sum() == events["variant"].count()


def test_a_broken_assignment_can_be_brought(test: Experiment) -> None:
    arm = np.zeros(100, int)
    arm[:20] = 1
    broken = experiment(WORLD, ARMS, users=100, days=1, assignment=arm)
    assert broken.assignments()["variant"].value_counts().sort("count")["count"].to_list() == [20, 80]


@pytest.mark.parametrize(
    ("policies", "assignment", "said"),
    [
        ({"old": UNIFORM}, None, "two policies or more, not 1"),
        (ARMS, {"old": 1, "nwe": 1}, "Shares of old, nwe, but the arms are old, new"),
        (ARMS, {"old": 1, "new": 0}, "a share above 0"),
    ],
    ids=["one arm", "another name", "an empty arm"],
)
def test_a_test_that_is_none_is_refused(policies, assignment, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        experiment(WORLD, policies, users=10, days=1, assignment=assignment)
