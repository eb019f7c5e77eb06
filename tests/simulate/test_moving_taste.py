"""Whose taste moves: said by the world, kept beside the log, and of consequence for nobody else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from avrec_lib.data.dataset import Dataset
from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.group_differences import difference_by_group, gap_of_differences
from avrec_lib.evaluate.ranking import ranking_values
from avrec_lib.models.ease import EASE
from avrec_lib.models.item_transitions import ItemTransitions
from avrec_lib.protocols import queries_table
from avrec_lib.schema import Events, check_table, with_all_columns
from avrec_lib.simulate import LOGGING, Run, drift_groups, make_world, run
from avrec_lib.simulate import people as crowd
from avrec_lib.simulate.dataset import simulate_dataset
from avrec_lib.simulate.moving_taste import GROUPS, UserTruth, stored_user_truth
from avrec_lib.simulate.options import LATER

SMALL = {"items": 600, "topics": 6}
BEFORE = (394, 19209.8, 878583)
"""Clicks, seconds watched, and the sum of the rows of the items shown, before any option of moving tastes was there."""
QUERIES = pl.DataFrame({"query_id": ["q0", "q1", "q2"], "user_id": ["u000000", "u000001", "u000002"]})


def moved(days: int, **changes: float) -> crowd.People:
    """3,000 people after so many days of moving, without a platform."""
    world = make_world("video", **changes)
    people = crowd.draw_people(world, 3000, 0)
    for day in range(1, days + 1):
        crowd.drift(people, world.options, 0, day)
        crowd.jump(people, world, 0, day)
    return people


def test_only_the_taste_of_the_share_asked_for_moves() -> None:
    people = moved(10, drifting_share=0.4, jumps=0.1)
    went = (people.taste != people.began).any(axis=1)
    assert (went == people.drifts).all()
    assert people.drifts.mean() == pytest.approx(0.4, abs=4 * np.sqrt(0.24 / 3000))
    assert (people.jumps[~people.drifts] == 0).all()


def test_those_who_drift_in_a_small_share_drift_in_a_larger_one() -> None:
    few, many = (moved(0, drifting_share=share).drifts for share in (0.2, 0.6))
    assert (many[few]).all() and many.sum() > few.sum()


def test_the_walk_of_thirty_days_moves_little_and_jumps_move_much() -> None:
    def variance(**changes: float) -> float:
        people = moved(30, **changes)
        return float(((people.taste - people.began) ** 2).mean())

    walk = 1 - np.exp(-(0.05**2) * 30)  # a pull of σ²/2 a day: variance 1 − e^(−σ² t) around where it began
    assert variance() == pytest.approx(walk, rel=0.02) and walk < 0.08
    assert variance(jumps=0.1) > 10 * walk


def test_a_jump_exchanges_what_the_dearest_interest_and_another_set_the_user_apart_by() -> None:
    world = make_world("video", drift=0.0, jumps=1.0)
    people = crowd.draw_people(world, 500, 0)
    crowd.jump(people, world, 0, 1)
    own_before, own_after = (taste - world.hidden.topic_taste for taste in (people.began, people.taste))
    assert np.allclose(np.sort(own_before, axis=1), np.sort(own_after, axis=1), atol=1e-5)
    changed = ~np.isclose(own_before, own_after, atol=1e-5)
    dearest = people.began.argmax(axis=1)
    assert (changed.sum(axis=1) == 2).all() and changed[np.arange(500), dearest].all()
    assert (people.jumps == 1).all() and (people.last_jump == 1).all()


def test_several_interests_may_be_dropped_at_once_and_half_of_them_at_most() -> None:
    world = make_world("video", drift=0.0, jumps=1.0, interests_a_jump=8)
    people = crowd.draw_people(world, 500, 0)
    crowd.jump(people, world, 0, 1)
    dearest = np.argsort(-people.began, axis=1)[:, :8]
    own_before, own_after = (taste - world.hidden.topic_taste for taste in (people.began, people.taste))
    assert np.allclose(np.sort(own_before, axis=1), np.sort(own_after, axis=1), atol=1e-5)
    kept = np.isclose(own_before, own_after, atol=1e-5)
    assert not kept.any()  # eight of sixteen change places with the other eight
    assert np.take_along_axis(people.taste, dearest, axis=1).mean() < 0 < people.began.max(axis=1).mean()
    with pytest.raises(UsageError, match="interests_a_jump = 9: expected 1 to 8"):
        make_world("video", interests_a_jump=9)


def test_an_observed_taste_that_fades_forgets_old_clicks_and_what_was_stated() -> None:
    lasting, fading = (
        run(make_world("video", **SMALL, search=0.0, taste_memory=memory), LOGGING, users=100, days=5).people.observed
        for memory in (1.0, 0.5)
    )
    assert (fading.sum(axis=1) < lasting.sum(axis=1)).all()
    nobody_came = fading.sum(axis=1).min()
    assert nobody_came == pytest.approx(6.0 * 0.5**4)  # clicks that the stated taste is worth, four nights later


def test_jumps_come_as_often_as_asked_for() -> None:
    people = moved(20, jumps=0.1)
    assert people.jumps.mean() == pytest.approx(2.0, abs=4 * np.sqrt(20 * 0.09 / 3000))


def test_a_world_in_which_all_drift_and_none_jump_is_the_world_that_was_there_before() -> None:
    world = make_world("video", **SMALL, drifting_share=1.0, jumps=0.0)
    assert world.fingerprint == make_world("video", **SMALL).fingerprint
    assert not any(name in world.options.canonical() for name in LATER)
    assert '"jumps":0.1' in make_world("video", jumps=0.1).options.canonical()
    rounds = run(world, LOGGING, users=100, days=5, seed=3).rounds
    assert (int(rounds.clicked.sum()), round(float(rounds.watched.sum()), 1), int(rounds.item.sum())) == BEFORE


@pytest.fixture(scope="module")
def half() -> Run:
    return run(make_world("video", **SMALL, drifting_share=0.5, jumps=0.3), LOGGING, users=200, days=6, seed=3)


def test_the_truth_of_users_says_who_drifts_how_often_they_jumped_and_how_far_they_went(half: Run) -> None:
    truth = check_table(half.user_truth(), UserTruth, "user_truth")
    stays, moves = truth.filter(~pl.col("drifting")), truth.filter("drifting")
    assert 60 < moves.height < 140 and truth.height == 200
    assert stays["taste_moved"].sum() == stays["jumps"].sum() == 0 == stays["last_jump_at"].count()
    assert (moves["taste_moved"] > 0).all()
    assert moves.filter(pl.col("jumps") > 0)["last_jump_at"].null_count() == 0
    assert moves["last_jump_at"].dt.day().is_between(7, 11).all(ignore_nulls=True)  # a world begins on 6 January


def test_what_models_see_does_not_say_who_drifts(half: Run) -> None:
    for table in (half.users(), half.events(), half.items()):
        assert not {"drifting", "jumps", "taste_moved"} & set(table.columns)


def test_the_first_day_of_a_moving_world_is_that_of_a_still_one(half: Run) -> None:
    still = run(make_world("video", **SMALL), LOGGING, users=200, days=1, seed=3).rounds
    first = half.rounds.day == 0
    assert (half.rounds.item[first] == still.item).all() and (half.rounds.clicked[first] == still.clicked).all()


def test_groups_of_queries_follow_the_truth_and_keep_their_window(half: Run) -> None:
    truth = half.user_truth()
    groups = drift_groups(truth, QUERIES)
    expected = [GROUPS[int(drifts)] for drifts in truth["drifting"][:3]]
    assert sorted(groups.select("query_id", "group").rows()) == list(zip(["q0", "q1", "q2"], expected, strict=True))
    assert groups.columns == ["query_id", "slice", "group", "place"]
    assert drift_groups(truth, QUERIES.with_columns(window=1))["window"].to_list() == [1, 1, 1]
    assert drift_groups(truth, QUERIES.with_columns(user_id=pl.lit("a stranger"))).is_empty()


def test_the_truth_stands_beside_a_simulated_data_set_and_only_there(home: Path) -> None:
    options = {"users": 60, "days": 3}
    still, moving = (
        simulate_dataset(home / name, **options, drifting_share=share)  # type: ignore[arg-type]
        for name, share in (("still", 1.0), ("moving", 0.5))
    )
    assert still.card.fingerprint != moving.card.fingerprint
    assert "drifting" not in Dataset.open(moving.folder).users.collect_schema().names()
    truth = stored_user_truth(moving)
    assert truth.schema == check_table(truth, UserTruth, "user_truth").schema and 0 < truth["drifting"].sum() < 60
    assert stored_user_truth(still)["drifting"].all()
    assert drift_groups(moving, QUERIES).height == 3
    (moving.folder / "user_truth.parquet").unlink()
    with pytest.raises(DataError, match=r"does not say whose taste moves.*simulated-moving"):
        drift_groups(moving, QUERIES)


@pytest.mark.parametrize("name", ["drifting_share", "jumps"])
def test_a_share_above_one_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=rf"{name} = 1\.5: expected 0 to 1"):
        make_world("video", **{name: 1.5})


@pytest.mark.slow
def test_what_was_chosen_last_tells_more_of_those_whose_taste_moves() -> None:
    moving = run(make_world("moving", 1), LOGGING, users=3000, days=30, seed=1)
    events = with_all_columns(moving.events().filter(pl.col("event") == "click").lazy(), Events).collect()
    events = events.sort("timestamp", maintain_order=True)
    last = events.group_by("user_id", maintain_order=True).agg(pl.all().last(), choices=pl.len())
    last = last.filter(pl.col("choices") > 1)
    train = events.join(last.select("user_id", "timestamp"), on=["user_id", "timestamp"], how="anti")
    truth = last.select(query_id="user_id", user_id="user_id", item_id="item_id", relevance=pl.lit(1.0))
    asked = truth["user_id"].to_list()
    sides = [
        ranking_values(model.fit(train).recommend(asked, 10), truth, queries_table(asked), model=model.name, k=10,
                       metrics=["ndcg"])
        for model in (EASE(), ItemTransitions())
    ]  # fmt: skip
    groups = drift_groups(moving.user_truth(), queries_table(asked))
    differences = difference_by_group(*sides, groups, resamples=500)
    gap = gap_of_differences(differences, "taste that moves", "taste that stays").row(0, named=True)
    assert dict(zip(differences["group"], differences["verdict"], strict=True))["taste that moves"] == "better"
    assert gap["low"] > 0
