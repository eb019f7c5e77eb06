"""Rounds of small logs, counted by eye, and of Open Bandit where it is there."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from sample_files import shared

from avrec_lib.data.fetch import get
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.off_policy.assessment import assess
from avrec_lib.evaluate.off_policy.estimators import SelfNormalised, estimate, evidence_of
from avrec_lib.evaluate.off_policy.frequencies import frequency_policy, uniform_policy
from avrec_lib.evaluate.off_policy.from_dataset import logged_feedback, logged_rounds, other_policies

COLUMNS = ["user_id", "item_id", "event", "request_id", "position", "propensity", "watch_seconds"]
SHOWN = [
    ("ann", "a", "impression", "r1", 1, 0.5, None),
    ("ann", "b", "impression", "r1", 2, 0.25, None),
    ("ann", "b", "click", "r1", None, None, None),
    ("ann", "b", "play", "r1", None, None, 30.0),
    ("bob", "c", "impression", "r2", 1, 0.25, None),
    ("bob", "a", "impression", "r2", 2, 0.75, None),
    ("bob", "a", "play", "r2", None, None, 12.0),
    ("bob", "a", "play", "r2", None, None, 3.0),
]
"""Four rounds: clicks 0 1 0 0, plays 0 1 0 1, watched 0 30 0 15 seconds."""


def log(rows=SHOWN, **columns) -> pl.DataFrame:
    table = pl.DataFrame(rows, COLUMNS, orient="row", strict=False)
    return table.with_columns(
        pl.Series(name, values) if isinstance(values, list) else pl.lit(values).alias(name)
        for name, values in columns.items()
    )


def changed(place: int, **values) -> pl.DataFrame:
    """SHOWN with one row changed."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in SHOWN]
    rows[place] |= values
    return pl.DataFrame(rows, schema=log().schema)


def fact(found, name: str) -> tuple[int, str]:
    return next(((one.value, one.level) for one in found.facts if one.name == name), (0, "none"))


@pytest.mark.parametrize(
    ("reward", "expected", "unit"),
    [("click", [0, 1, 0, 0], "click"), ("play", [0, 1, 0, 1], "play"), ("watch_seconds", [0, 30, 0, 15], "seconds")],
)
def test_an_impression_is_a_round_and_what_followed_in_its_request_is_the_reward(reward, expected, unit):
    feedback = logged_feedback(log(), reward)
    assert feedback.rewards.tolist() == expected
    assert feedback.unit == unit
    assert feedback.action_ids.tolist() == ["a", "b", "c"]
    assert feedback.actions.tolist() == [0, 1, 2, 0]
    assert feedback.propensities.tolist() == [0.5, 0.25, 0.25, 0.75]
    assert feedback.users.tolist() == feedback.requests.tolist() == [0, 0, 1, 1]
    assert feedback.positions.tolist() == [0, 1, 0, 1]
    assert not feedback.propensities_estimated
    assert feedback.logging is None


def test_without_impressions_every_row_with_a_propensity_is_a_round_paid_with_its_own():
    rows = [("ann", "a", "play", None, None, 0.5, 4.0), ("ann", "b", "skip", None, None, 0.2, None),
            ("bob", "b", "play", None, None, 0.3, 6.0), ("bob", "c", "like", None, None, None, None)]  # fmt: skip
    assert logged_feedback(log(rows), "play").rewards.tolist() == [1, 0, 1]
    assert logged_feedback(log(rows), "watch_seconds").rewards.tolist() == [4, 0, 6]
    # With a request the events of one item are one round, and what has no propensity is joined to it.
    asked = log(rows, request_id=["r1", "r1", "r2", "r2"]).with_columns(
        item_id=pl.Series(["a", "b", "b", "b"])
    )  # fmt: skip
    assert logged_feedback(asked, "like").rewards.tolist() == [0, 0, 1]


def test_an_item_twice_in_a_request_is_told_apart_by_its_position():
    rows = [("ann", "a", "impression", "r", 1, 0.5, None), ("ann", "a", "impression", "r", 2, 0.5, None),
            ("ann", "b", "impression", "r", 3, 0.5, None), ("ann", "a", "click", "r", 2, None, None)]  # fmt: skip
    assert logged_feedback(log(rows)).rewards.tolist() == [0, 1, 0]


def test_a_round_written_twice_counts_once():
    found = logged_rounds(pl.concat([log(), log(SHOWN[:1])]))
    assert len(found.log) == 4
    assert fact(found, "repeated_rounds") == (1, "red")


def test_a_click_on_what_was_not_shown_in_its_request_is_counted():
    found = logged_rounds(log([*SHOWN, ("ann", "c", "click", "r1", None, None, None)]))
    assert found.log.rewards.tolist() == [0, 1, 0, 0]
    assert fact(found, "outcomes_without_round") == (1, "red")


def test_rounds_of_one_policy_among_all_actions_of_the_log():
    two = log(policy=["old", "old", None, None, "new", "new", None, None])
    with pytest.raises(UsageError, match=r"rounds of 2 policies: new, old\. Say whose rounds to take"):
        logged_feedback(two)
    old = logged_rounds(two, policy="old")
    assert old.rounds["item_id"].to_list() == ["a", "b"]
    assert old.log.action_ids.tolist() == ["a", "b", "c"]
    assert len(logged_feedback(two, policy=["old", "new"])) == 4
    with pytest.raises(UsageError, match=r"no policy named 'od'\. Did you mean old"):
        logged_feedback(two, policy="od")


def test_actions_of_a_platform_are_those_shown_on_it():
    places = log(platform=["tv", "tv", "tv", "tv", "web", "web", "web", "web"])
    assert fact(logged_rounds(places), "actions_of_some_platforms") == (2, "amber")
    found = logged_rounds(places, "play", platform="web")
    assert found.log.action_ids.tolist() == ["a", "c"]
    assert found.log.rewards.tolist() == [0, 1]


def test_candidates_that_were_never_shown_are_actions_too():
    feedback = logged_feedback(log(), candidates=["z", "c", "b", "a"])
    assert feedback.action_ids.tolist() == ["z", "c", "b", "a"]
    assert feedback.actions.tolist() == [3, 2, 1, 3]


@pytest.mark.parametrize(("clusters", "expected"), [("user", [0, 0, 0, 0]), ("request", [0, 0, 1, 1]), ("none", None)])
def test_rounds_are_drawn_together_by_user_or_request_or_not_at_all(clusters, expected):
    found = logged_rounds(log(user_id="segment 7"), clusters=clusters)
    assert (None if found.log.users is None else found.log.users.tolist()) == expected
    ids, rows = found.users()
    assert (ids.to_list(), rows.tolist()) == (["segment 7"], [0, 0, 0, 0])


def test_a_user_with_much_of_the_log_is_pointed_out():
    found = logged_rounds(log(user_id=["ann"] * 4 + ["bob", "ann", "ann", "ann"]))
    assert fact(found, "largest_cluster") == (3, "amber")
    assert "2 of them, the largest with 3 rounds (75.0 %)" in next(
        one.explanation("en") for one in found.facts if one.name == "largest_cluster"
    )


def test_what_is_known_of_a_round_before_its_action():
    times = [datetime(2024, 5, 1, hour, 30, tzinfo=UTC) for hour in (9, 9, 9, 9, 23, 23, 23, 23)]
    users = pl.DataFrame({"user_id": ["bob", "ann"], "age": [50, 20], "gender": ["m", "f"]})
    found = logged_rounds(log(timestamp=times, platform=["tv"] * 4 + ["web"] * 4), users=users).log
    assert found.context_names == ("hour", "platform=web", "position", "user_age", "user_gender=m")
    assert found.contexts.tolist() == [[9, 0, 1, 20, 0], [9, 0, 2, 20, 0], [23, 1, 1, 50, 1], [23, 1, 2, 50, 1]]
    assert found.times.tolist() == [times[0].timestamp()] * 2 + [times[4].timestamp()] * 2


def test_what_actions_have_in_common_is_coded_by_frequency():
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "category": ["film", "song", "film"],
                          "tags": [["x", "p"], ["y", "p"], ["y", "q"]]})  # fmt: skip
    # film 0, song 1; y 0, x 1; p 0, q 1.
    assert logged_rounds(log(), items=items).log.action_features.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    ragged = items.with_columns(tags=pl.Series([["x"], ["y", "p"], None]), category=None)
    assert logged_rounds(log(), items=ragged).log.action_features.tolist() == [[0], [1], [-1]]


def test_a_log_with_one_chance_for_all_actions_has_all_probabilities():
    found = logged_rounds(log(propensity=1 / 3))
    assert found.log.logging.tolist() == [[1 / 3] * 3] * 4
    assert fact(found, "logged_at_random") == (4, "info")


def test_rounds_without_a_propensity_are_dropped_only_when_asked_and_counted():
    partly = changed(4, propensity=None)
    with pytest.raises(
        DataError, match=r"^1 of 4 rounds have no propensity\. .*propensities=drop.*propensities=estimate"
    ):
        logged_rounds(partly)
    found = logged_rounds(partly, missing="drop")
    assert found.log.actions.tolist() == [0, 1, 0]
    assert found.rounds["item_id"].to_list() == ["a", "b", "a"]
    assert found.log.clusters == 2
    assert fact(found, "rounds_without_propensity") == (1, "amber")


def test_a_log_without_propensities_is_refused_or_estimated():
    without = log(propensity=None)
    with pytest.raises(DataError, match=r"^No round of the log has a propensity\. .*propensities=estimate"):
        logged_rounds(without)
    found = logged_rounds(without, missing="estimate", clusters="none", seed=3)
    assert found.log.propensities_estimated
    np.testing.assert_allclose(found.log.logging.sum(axis=1), 1)
    assert found.rounds["propensity"].to_list() == found.log.propensities.tolist()
    assert fact(found, "propensities_estimated") == (4, "amber")


def test_a_log_without_chance_or_without_reward_is_a_red_fact_and_its_assessment_refused():
    certain = logged_rounds(log(propensity=1.0))
    assert fact(certain, "rounds_without_chance") == (4, "red")
    unpaid = logged_rounds(log(policy=["old", "old", None, None, "new", "new", None, None]), policy="new")
    assert fact(unpaid, "rounds_without_reward") == (2, "red")
    for found in (certain, unpaid):
        assert assess(found.log, uniform_policy(found.log), resamples=20).answer is None


BAD = {
    "a propensity of zero": (lambda: logged_rounds(changed(0, propensity=0.0)), "1 of 4 propensities are 0 or below"),
    "a propensity above one": (lambda: logged_rounds(changed(0, propensity=1.5)), "1 of 4 propensities are above 1"),
    "one action": (
        lambda: logged_rounds(log(item_id="a", propensity=0.5, request_id=["1", "2", "2", "2", "3", "4", "4", "4"])),
        "knows only one action",
    ),
    "no click at all": (
        lambda: logged_rounds(log().filter(pl.col("event") != "click")),
        r"^The log has no 'click' at all\. Its events are impression, play",
    ),
    "no rounds": (lambda: logged_rounds(log(propensity=None, event="play"), "play"), "no event is an impression"),
    "negative watch time": (lambda: logged_rounds(changed(3, watch_seconds=-1.0)), "1 of 8 events have a negative w"),
    "two propensities of one round": (
        lambda: logged_rounds(pl.concat([log(), changed(0, propensity=0.4)[:1]])),
        "1 of 4 rounds have two propensities, for example item 'a' of request 'r1'",
    ),
    "impressions without a request": (
        lambda: logged_rounds(changed(0, request_id=None)), "1 of 4 impressions have no request_id",
    ),
    "an item that is no candidate": (
        lambda: logged_rounds(log(), candidates=["a", "b"]), "1 of 4 rounds took an item that is no candidate.* 'c'",
    ),
    "words for a propensity": (lambda: logged_rounds(log(propensity="half")), "not of the types of the vocabulary: "),
    "no item column": (lambda: logged_rounds(log().drop("item_id")), "events has no column item_id"),
    "all rounds of one user, to be estimated": (
        lambda: logged_rounds(log(user_id="ann", propensity=None), missing="estimate"), "5 folds and 1 users",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_log_that_cannot_answer_says_why(what):
    act, message = BAD[what]
    with pytest.raises(DataError, match=message):
        act()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reward": "clicks"}, "no reward named 'clicks'. Did you mean click"),
        ({"clusters": "person"}, "no cluster named 'person'"),
        ({"missing": "ignore"}, "no way with missing propensities named 'ignore'"),
        ({"platform": "tv"}, "no platform named 'tv'"),
        ({"candidates": ["a", "b", "c", "a"]}, "candidates name an item twice: 'a'"),
    ],
    ids=["reward", "clusters", "missing", "platform", "candidates"],
)
def test_an_option_that_is_none_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        logged_rounds(log(), **options)


def test_a_request_cannot_be_a_cluster_where_there_is_none():
    rows = [("ann", "a", "play", None, None, 0.5, 4.0), ("ann", "b", "skip", None, None, 0.2, None)]
    with pytest.raises(UsageError, match="clustered by request, but the log has no request_id"):
        logged_rounds(log(rows), "play", clusters="request")


def test_a_policy_known_by_another_log_is_its_frequency_at_each_position():
    own = logged_rounds(log(propensity=0.5)).log  # first a and c, then b and a
    slates = logged_feedback(log(), candidates=["c", "b", "a"])
    with pytest.raises(DataError, match="In a log of slates the policy 'theirs' cannot be known"):
        frequency_policy("theirs", own, slates)
    other = replace(slates, requests=None)
    target = frequency_policy("theirs", own, other)
    assert target.probabilities.tolist() == [[0.5, 0, 0.5], [0, 0.5, 0.5]] * 2
    assert target.of_logged.tolist() == [0.5, 0.5, 0.5, 0.5]
    together = frequency_policy("theirs", own, other, by_position=False)
    assert together.probabilities.tolist() == [[0.25, 0.25, 0.5]] * 4
    with pytest.raises(DataError, match="1 of 4 rounds of the policy 'theirs' took an action that the other log"):
        frequency_policy("theirs", own, replace(logged_feedback(log().filter(pl.col("item_id") != "c")), requests=None))
    with pytest.raises(DataError, match="2 of 4 rounds are at a position where the policy 'theirs' has none"):
        frequency_policy("theirs", own.of(own.positions == 0), other)


def test_open_bandit_says_nearly_the_same_of_bts_by_the_log_of_random_as_bts_did(home):
    dataset = get("open-bandit", shared("open-bandit"), tell=lambda _: None)
    random, bts = (logged_rounds(dataset, policy=name, platform="men").log for name in ("random", "bts"))
    assert (len(random), random.action_count, random.rewards.sum(), bts.rewards.sum()) == (10_000, 34, 46, 69)
    assert random.logging is not None
    assert bts.logging is None
    assert random.positions.max() == 2
    target = frequency_policy("bts", bts, random)
    estimated = estimate(SelfNormalised(), evidence_of(random, target))
    # 46 clicks: a standard error of about .001 on either side of .0069.
    assert estimated == pytest.approx(bts.rewards.mean(), abs=0.003)
    back = estimate(SelfNormalised(), evidence_of(bts, uniform_policy(bts)))
    assert back == pytest.approx(random.rewards.mean(), abs=0.003)


def test_one_item_shown_twice_in_a_request_costs_no_other_request_its_clicks():
    rows = [*SHOWN, ("cat", "a", "impression", "r3", 1, 0.5, None), ("cat", "a", "impression", "r3", 3, 0.25, None),
            ("cat", "a", "click", "r3", None, None, None)]  # fmt: skip
    found = logged_rounds(log(rows))
    assert found.log.rewards.tolist() == [0, 1, 0, 0, 1, 0], "the click without a position is of the first of the two"
    assert fact(found, "outcomes_without_round")[0] == 0


def test_evenly_in_a_slate_is_evenly_among_what_is_not_shown_above():
    assert uniform_policy(logged_feedback(log())).of_logged.tolist() == [1 / 3, 1 / 2, 1 / 3, 1 / 2]


def contextual(rows: int = 400) -> pl.DataFrame:
    """Two policies: `old` draws evenly, `new` shows a to those who like it; each round a request of its own."""
    rng = np.random.default_rng(7)
    events = []
    for number in range(rows):
        likes_a, policy = bool(rng.integers(2)), ("old", "new")[number % 2]
        chance = 0.5 if policy == "old" else 0.9 if likes_a else 0.1
        item = "a" if rng.random() < chance else "b"
        shown = {"user_id": f"u{number % 50}", "item_id": item, "request_id": f"r{number}", "policy": policy,
                 "timestamp": datetime(2024, 1, 1, 0, number // 60, number % 60, tzinfo=UTC)}  # fmt: skip
        events.append(shown | {"event": "impression", "propensity": chance if item == "a" else 1 - chance})
        if (item == "a") == likes_a:
            events.append(shown | {"event": "click", "propensity": None})
    return pl.DataFrame(events)


def test_a_policy_that_looked_at_who_asked_is_not_its_frequencies(tmp_path):
    data = write_dataset(tmp_path / "two", {"events": contextual()}, name="two", source="made", licence="none")
    own = logged_rounds(data, policy="old")
    others = other_policies(data, own)
    (target,) = others.targets
    assert [fact.level for fact in target.facts] == ["red"]
    assert assess(own.log, target).answer is None
    (earned,) = others.earned
    assert earned.value == pytest.approx(0.9, abs=0.07)
    assert earned.own == pytest.approx(0.5, abs=0.1)
    assert 0 < earned.low < earned.difference < earned.high
    assert set(earned.words()) == {"policy", "value", "logged", "difference"}
