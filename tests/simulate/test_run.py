from __future__ import annotations

import numpy as np
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.protocols import Policy, Requests
from avrec_lib.simulate import LOGGING, ORACLE, PERSONAL, POPULAR, UNIFORM, Run, make_world, run
from avrec_lib.simulate.people import NEVER

SMALL = {"items": 600, "topics": 6}


@pytest.fixture(scope="module", params=["video", "music"])
def logged(request: pytest.FixtureRequest) -> Run:
    return run(make_world(request.param, **SMALL), LOGGING, users=500, days=8, seed=3, keep_candidates=True)


def same(first: Run, second: Run) -> bool:
    return len(first.rounds) == len(second.rounds) and all(
        np.array_equal(getattr(first.rounds, name), getattr(second.rounds, name))
        for name in ("user", "time", "item", "propensity", "clicked", "watched", "liked", "search")
    )


def test_the_same_seed_gives_the_same_log_and_another_seed_another() -> None:
    world = make_world("video", **SMALL)
    first, again, other = (run(world, LOGGING, users=100, days=3, seed=seed) for seed in (1, 1, 2))
    assert same(first, again) and not same(first, other)


def test_parallel_worlds_with_one_policy_are_one_world() -> None:
    world = make_world("video", **SMALL)
    twins = [run(world, [LOGGING, LOGGING], 100, 3, arm=np.zeros(100, int)), run(world, LOGGING, 100, 3)]
    assert same(*twins)


def test_another_policy_meets_the_same_people_with_the_same_luck_on_the_first_day() -> None:
    world = make_world("video", **SMALL)
    old, new = (run(world, policy, 300, 1).rounds for policy in (UNIFORM, POPULAR))
    first_old, first_new = old.turn + old.session == 0, new.turn + new.session == 0
    assert (old.user[first_old] == new.user[first_new]).all() and (old.time[first_old] == new.time[first_new]).all()
    assert (old.looked[first_old] == new.looked[first_new]).all()


def test_people_are_the_same_however_many_are_asked() -> None:
    world = make_world("video", **SMALL)
    few, many = (run(world, UNIFORM, users, 1).people for users in (50, 80))
    assert (few.centre == many.centre[:50]).all() and (few.habit == many.habit[:50]).all()


def test_the_propensity_of_the_first_place_is_the_policys_probability(logged: Run) -> None:
    rounds = logged.rounds
    column = (rounds.candidates == rounds.item[:, :1]).argmax(1)
    assert np.allclose(rounds.probabilities.sum(1), 1)
    assert np.allclose(rounds.probabilities[np.arange(len(rounds)), column], rounds.propensity[:, 0], rtol=1e-12)


def test_what_is_kept_of_a_request_is_all_that_a_policy_needs_to_say_its_probabilities(logged: Run) -> None:
    rounds = logged.rounds
    again = LOGGING.probabilities(rounds.requests(), rounds.candidates)
    assert np.allclose(again, rounds.probabilities, rtol=1e-12)


def test_weights_of_another_policy_average_to_one(logged: Run) -> None:
    rounds = logged.rounds
    target = PERSONAL.probabilities(rounds.requests(), rounds.candidates)
    column = (rounds.candidates == rounds.item[:, :1]).argmax(1)
    weight = target[np.arange(len(rounds)), column] / rounds.propensity[:, 0]
    assert weight.mean() == pytest.approx(1, abs=4 * weight.std() / np.sqrt(len(rounds)))


def test_weighted_clicks_are_the_true_chances_under_the_other_policy(logged: Run) -> None:
    rounds = logged.rounds
    target = PERSONAL.probabilities(rounds.requests(), rounds.candidates)
    column = (rounds.candidates == rounds.item[:, :1]).argmax(1)
    reward = target[np.arange(len(rounds)), column] / rounds.propensity[:, 0] * rounds.clicked[:, 0]
    truth = (target * rounds.chance).sum(1).mean()  # the first place is always looked at
    assert reward.mean() == pytest.approx(truth, abs=4 * reward.std() / np.sqrt(len(rounds)))


def test_slates_repeat_nothing_and_hold_candidates_only(logged: Run) -> None:
    rounds = logged.rounds
    assert (np.diff(np.sort(rounds.item, axis=1), axis=1) > 0).all()
    assert (rounds.item[:, :, None] == rounds.candidates[:, None, :]).any(2).all()
    published = logged.world.catalogue.published[rounds.item]
    assert (published <= rounds.time[:, None]).all()


def test_position_bias_is_recovered_from_even_slates() -> None:
    world = make_world("video", items=600, steepness=(0.8, 0.8, 0.8), slots=5, click=-1.5)
    clicked = run(world, UNIFORM, users=1000, days=3).rounds.clicked
    rate = clicked.mean(0)
    error = np.sqrt(rate / len(clicked)) / rate[0]
    expected = np.arange(1, 6) ** -0.8
    assert (np.abs(rate / rate[0] - expected) < 4 * np.hypot(error, expected * error[0])).all()


def test_the_requests_of_a_user_follow_each_other_and_a_session_is_numbered_through(logged: Run) -> None:
    rounds = logged.rounds
    order = np.lexsort((rounds.time, rounds.user))
    user, time = rounds.user[order], rounds.time[order]
    session, turn = rounds.session[order], rounds.turn[order]
    busy = (rounds.watched.sum(1) + 2.0 * (rounds.item.shape[1] + 1))[order]
    follows = user[1:] == user[:-1]
    within = follows & (session[1:] == session[:-1])
    assert (time[1:] >= time[:-1] + busy[:-1])[follows].all()
    assert (turn[1:] == turn[:-1] + 1)[within].all() and (turn[1:][~within] == 0).all()
    assert (session[1:] == session[:-1] + 1)[follows & ~within].all()
    assert (time[1:] - time[:-1] - busy[:-1] > 30 * 60 - 1)[follows & ~within].all()


def test_nobody_comes_after_leaving_for_good_or_before_joining() -> None:
    result = run(make_world("video", **SMALL, churn=0.2, new_users=0.5), UNIFORM, users=400, days=12)
    people, rounds = result.people, result.rounds
    assert 0.2 < (people.churned < NEVER).mean() < 0.99
    assert (rounds.day <= people.churned[rounds.user]).all() and (rounds.day >= people.joined[rounds.user]).all()


def test_a_better_policy_has_more_clicks_and_more_return() -> None:
    world = make_world("video", **SMALL)
    poor, good = (run(world, policy, users=500, days=8, keep_rounds=False) for policy in (UNIFORM, ORACLE))
    assert good.totals["clicks"].mean() > 1.5 * poor.totals["clicks"].mean()
    paired = good.totals["active_days"] - poor.totals["active_days"]
    assert paired.mean() > 4 * paired.std() / np.sqrt(len(paired))


@pytest.mark.parametrize(("feedback", "moves"), [(1.0, True), (0.0, False)], ids=["with feedback", "without"])
def test_what_was_clicked_becomes_more_popular_unless_feedback_is_off(feedback: float, moves: bool) -> None:
    world = make_world("video", **SMALL, popularity_feedback=feedback)
    rounds = run(world, UNIFORM, users=300, days=3, keep_candidates=True).rounds
    popularity = np.full((3, 600), np.nan)
    popularity[rounds.day[:, None], rounds.candidates] = rounds.popularity
    change = popularity[2] - popularity[0]
    clicks = np.bincount(rounds.item[rounds.clicked], minlength=600)
    seen = np.isfinite(change)
    assert (change[seen] != 0).any() == moves
    if moves:
        assert change[seen & (clicks > 2)].mean() > 0 > change[seen & (clicks == 0)].mean()


def test_people_repeat_songs_but_not_videos() -> None:
    def repeats(kind: str) -> float:
        rounds = run(make_world(kind), LOGGING, users=200, days=10).rounds
        row, place = np.nonzero(rounds.clicked)
        pairs = rounds.user[row].astype(int) * 10_000 + rounds.item[row, place]
        return 1 - len(np.unique(pairs)) / len(pairs)

    assert repeats("music") > 0.3 > 0.1 > repeats("video")


def test_known_is_what_the_user_clicked_in_an_earlier_request(logged: Run) -> None:
    rounds = logged.rounds
    order = np.argsort(rounds.time, kind="stable")
    clicked: dict[int, set[int]] = {}
    for row in order[:2000]:
        mine = clicked.setdefault(int(rounds.user[row]), set())
        assert rounds.known[row].tolist() == [item in mine for item in rounds.candidates[row].tolist()]
        mine |= set(rounds.item[row, rounds.clicked[row]].tolist())


def test_the_observed_taste_is_what_was_stated_and_the_clicks_since() -> None:
    world = make_world("video", **SMALL, search=0.0)
    result = run(world, LOGGING, users=100, days=5)
    rounds, topic = result.rounds, world.catalogue.topic
    row, place = np.nonzero(rounds.clicked)
    counted = np.zeros((100, 6))
    np.add.at(counted, (rounds.user[row], topic[rounds.item[row, place]]), 1)
    stated = result.people.observed - counted
    assert np.allclose(stated.sum(1), world.options.stated_taste, atol=1e-3) and (stated > -1e-3).all()


def test_the_evening_is_for_television() -> None:
    rounds = run(make_world("video", **SMALL), UNIFORM, users=1000, days=3).rounds
    evening, morning = ((rounds.platform == 2)[rows].mean() for rows in (rounds.hour > 18, rounds.hour < 11))
    assert evening > 1.2 * morning > 0


def test_totals_are_sums_of_the_rounds(logged: Run) -> None:
    rounds, users = logged.rounds, len(logged.people)
    assert np.bincount(rounds.user, rounds.clicked.sum(1), users) == pytest.approx(logged.totals["clicks"])
    assert np.bincount(rounds.user, rounds.watched.sum(1), users) == pytest.approx(logged.totals["watch_seconds"])
    assert np.bincount(rounds.user, minlength=users) == pytest.approx(logged.totals["requests"])
    days = np.unique(rounds.user.astype(int) * 100 + rounds.day) // 100
    assert np.bincount(days, minlength=users) == pytest.approx(logged.totals["active_days"])


def test_any_policy_of_the_protocol_may_decide_and_sees_no_truth() -> None:
    class Newest:
        name = "newest"
        seen: set[str] = set()  # noqa: RUF012

        def probabilities(self, requests: Requests, candidates: np.ndarray) -> np.ndarray:
            found = np.zeros((len(requests), candidates.shape[-1]))
            found[:, -1] = 1
            return found

        def act(self, requests, candidates, rng, slots=1):
            self.seen |= requests.features.keys()
            assert all(len(values) == len(requests) for values in requests.features.values())
            return candidates[:, : -slots - 1 : -1], np.ones((len(requests), slots))

    policy = Newest()
    assert isinstance(policy, Policy)
    rounds = run(make_world("video", **SMALL), policy, users=60, days=2).rounds
    assert (np.diff(rounds.item, axis=1) < 0).all()
    told = {"hour", "weekday", "platform", "turn", "moment", "taste", "affinity", "popularity", "known"}
    assert policy.seen == told


def test_a_fixed_set_of_actions_is_given_as_one_set() -> None:
    world = make_world("video", items=20, topics=3, candidates=0, new_items=0.0, slots=1)
    rounds = run(world, LOGGING, users=100, days=2, keep_candidates=True).rounds
    assert rounds.candidates.shape == (len(rounds), 20) and rounds.item.shape == (len(rounds), 1)
    with pytest.raises(UsageError, match="new_items = 0"):
        run(make_world("video", items=40, candidates=0), LOGGING, users=10, days=1, keep_candidates=True)


def test_rounds_as_rows_are_one_a_place(logged: Run) -> None:
    places, rounds = logged.rounds.places(), logged.rounds
    assert {len(column) for column in places.values()} == {rounds.impressions}
    assert places["reward"].sum() == rounds.clicked.sum()
    assert (places["item"].reshape(rounds.item.shape) == rounds.item).all()
    assert places["position"][: rounds.item.shape[1]].tolist() == list(range(rounds.item.shape[1]))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"users": 0, "days": 1}, "users = 0: expected 1 or more"),
        ({"users": 5, "days": 0}, "days = 0: expected 1 or more"),
        ({"users": 2, "days": 1, "arm": np.array([0, 1])}, "needs an arm from 0 to 0"),
    ],
    ids=["no users", "no days", "an arm too many"],
)
def test_what_cannot_be_run_is_refused(asked, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run(make_world("video", **SMALL), UNIFORM, **asked)
