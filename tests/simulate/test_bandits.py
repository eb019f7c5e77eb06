"""The knobs of a simulated bandit do what they say, and its truth is the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.simulate.bandit_options import BanditOptions
from avrec_lib.simulate.bandits import BanditWorld, bandit, bandit_world

HUGE = 400_000


def weights_of(options: BanditOptions, seed: int = 0) -> np.ndarray:
    known = bandit(options, seed)
    return known.target.of_logged / known.log.propensities


def effective_share(weights: np.ndarray) -> float:
    return float(weights.sum() ** 2 / (weights**2).sum() / len(weights))


def on_policy(options: BanditOptions, seed: int = 0) -> tuple[np.ndarray, float]:
    """Rewards of a huge log in which the target policy itself decides, and the value that the world states."""
    world = bandit_world(options, seed)
    own = replace(world, options=replace(options, rounds=HUGE), logging=world.target)
    return own.draw(seed).log.rewards, world.value


@pytest.mark.parametrize(
    "options",
    [
        BanditOptions(),
        BanditOptions(reward="watch seconds", mean_reward=20.0, noise=0.5, rounds_per_user=4, user_effect=0.5),
        BanditOptions(drift=2.0, target_sharpness=3.0, hidden_dimensions=3),
        BanditOptions(slots=4, cascade=0.7, mean_reward=0.3),
        BanditOptions(missing=0.4, missing_by="action", embeddings=2),
    ],
    ids=["clicks", "seconds", "drift", "cascade", "missing"],
)
def test_the_true_value_is_what_the_target_earns_when_it_decides_itself(options: BanditOptions) -> None:
    rewards, value = on_policy(options)
    # Rounds of a user, or of a slate, go together: their means are what is independent.
    error = rewards.std() / np.sqrt(HUGE) * 2
    assert rewards.mean() == pytest.approx(value, abs=4 * error)


def test_the_mean_reward_is_that_of_random_actions() -> None:
    for options in (BanditOptions(mean_reward=0.03, signal=2.0), BanditOptions(reward="watch seconds", mean_reward=25)):
        assert bandit_world(options, 1).expected_rewards().mean() == pytest.approx(options.mean_reward)


def test_weights_average_one_with_support_and_one_less_what_is_missing() -> None:
    assert weights_of(BanditOptions(rounds=50_000)).mean() == pytest.approx(1, abs=0.03)
    for missing in (0.05, 0.3, 0.8):
        weights = weights_of(BanditOptions(rounds=50_000, missing=missing))
        assert weights.mean() == pytest.approx(1 - missing, abs=0.03)


@pytest.mark.parametrize("missing_by", ["preference", "action"])
@pytest.mark.parametrize("actions", [2, 3, 10])
def test_the_dial_of_missing_support_is_the_mass_without_support(missing_by: str, actions: int) -> None:
    for missing in (0.01, 0.1, 0.5, 0.9, 1.0):
        options = BanditOptions(actions=actions, missing=missing, missing_by=missing_by)  # type: ignore[arg-type]
        assert bandit_world(options, 3).missing == pytest.approx(missing, abs=5e-4)
    assert bandit_world(BanditOptions(actions=actions), 3).missing == 0


def test_without_any_support_no_logged_action_would_be_taken() -> None:
    known = bandit(BanditOptions(missing=1.0), 0)
    assert known.target.of_logged.max() == 0
    assert known.value > 0


def test_missing_by_action_leaves_out_the_same_actions_everywhere() -> None:
    taken = {by: bandit_world(BanditOptions(missing=0.3, missing_by=by), 0).logging.mean(axis=0)
             for by in ("action", "preference")}  # fmt: skip
    assert np.sort(taken["action"])[0] < 1e-3
    assert np.sort(taken["preference"])[0] > 1e-3


def test_the_sharper_the_logging_policy_the_less_its_log_is_worth() -> None:
    shares = [effective_share(weights_of(BanditOptions(logging_sharpness=sharpness))) for sharpness in (0, 1, 2, 4)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 4 * shares[-1]
    explored = effective_share(weights_of(BanditOptions(logging_sharpness=4, exploration=0.3)))
    assert explored > 2 * shares[-1]


def test_a_target_that_agrees_with_logging_does_what_logging_does() -> None:
    same = BanditOptions(agreement=1.0, logging_sharpness=1.5, target_sharpness=1.5)
    np.testing.assert_allclose(weights_of(same), 1)
    world = bandit_world(replace(same, agreement=-1.0), 0)
    assert np.corrcoef(np.log(world.logging).ravel(), np.log(world.target).ravel())[0, 1] < -0.7


def test_skill_is_what_makes_logging_earn_more_than_chance() -> None:
    earned = []
    for skill in (-0.8, 0.0, 0.8):
        world = bandit_world(BanditOptions(logging_skill=skill), 0)
        earned.append(world.value_of(world.logging))
    assert earned[0] < 0.1 < earned[2]
    assert earned == sorted(earned)


def test_what_is_hidden_from_the_log_biases_the_model_but_not_the_weights() -> None:
    options = BanditOptions(rounds=40_000, context_dimensions=1, hidden_dimensions=4, reward="watch seconds",
                            mean_reward=20.0, noise=0.2, logging_sharpness=1.0, logging_skill=0.9)  # fmt: skip

    def off(options: BanditOptions) -> tuple[float, float]:
        known = bandit(options, 5)
        log, target = known.log, known.target
        model = means_by_context_and_action(log)
        assert target.probabilities is not None
        direct = (target.probabilities * model).sum(axis=1).mean() / known.value - 1
        weighted = (target.of_logged / log.propensities * log.rewards).mean() / known.value - 1
        return direct, weighted

    direct, weighted = off(options)
    assert direct > 0.1
    assert abs(weighted) < 0.06
    seen, _ = off(replace(options, hidden_dimensions=0))
    assert abs(seen) < 0.05


def means_by_context_and_action(log: LoggedFeedback) -> np.ndarray:
    """A reward model as good as the log allows: the mean reward of each action in 40 groups of alike contexts."""
    assert log.contexts is not None
    group = np.searchsorted(np.quantile(log.contexts[:, 0], np.linspace(0, 1, 41)[1:-1]), log.contexts[:, 0])
    cell = group * log.action_count + log.actions
    cells = 40 * log.action_count
    means = np.bincount(cell, log.rewards, cells) / np.maximum(np.bincount(cell, minlength=cells), 1)
    return means.reshape(40, -1)[group]


def test_rounds_of_a_user_are_alike() -> None:
    log = bandit(BanditOptions(rounds=20_000, rounds_per_user=5, user_effect=2.0), 0).log
    assert log.users is not None
    assert log.clusters == pytest.approx(4000, rel=0.1)
    sizes = np.bincount(log.users)
    means = np.bincount(log.users, log.rewards)[sizes > 3] / sizes[sizes > 3]
    alone = log.rewards.var() / sizes[sizes > 3].mean()
    assert means.var() > 1.5 * alone
    assert bandit(BanditOptions(), 0).log.users is None


def test_drift_moves_rewards_between_the_first_and_the_last_round() -> None:
    moving, still = (bandit_world(BanditOptions(drift=drift), 0) for drift in (2.0, 0.0))
    assert moving.value_of(moving.target, time=0.0) != pytest.approx(moving.value_of(moving.target, time=1.0), rel=0.05)
    assert still.value_of(still.target, time=0.0) == still.value_of(still.target, time=1.0)
    times = still.draw(0).log.times
    assert times is not None
    assert (np.diff(times) >= 0).all()


def test_with_embeddings_actions_of_the_same_codes_earn_the_same() -> None:
    world = bandit_world(BanditOptions(actions=12, embeddings=1, codes=3), 0)
    assert world.action_features is not None
    codes, rewards = world.action_features[:, 0], world.expected_rewards()
    for code in np.unique(codes):
        assert np.ptp(rewards[:, codes == code], axis=1).max() < 1e-12
    assert len(np.unique(codes)) > 1


def test_a_clicked_slate_is_looked_at_less() -> None:
    log = bandit(BanditOptions(rounds=40_000, slots=4, cascade=1.0, mean_reward=0.3), 0).log
    assert log.positions is not None
    assert log.requests is not None
    assert np.bincount(log.requests, log.rewards).max() == 1, "a full cascade ends with the first click"
    by_position = [log.rewards[log.positions == position].mean() for position in range(4)]
    assert by_position == sorted(by_position, reverse=True)


def test_the_log_may_hold_the_taken_propensity_alone() -> None:
    whole, alone = (bandit(BanditOptions(whole_distribution=whole), 0).log for whole in (True, False))
    assert alone.logging is None
    assert whole.logging is not None
    np.testing.assert_array_equal(whole.actions, alone.actions)
    np.testing.assert_array_equal(whole.logging[np.arange(len(whole)), whole.actions], alone.propensities)


def test_watch_seconds_are_never_negative_and_as_noisy_as_asked() -> None:
    options = BanditOptions(rounds=20_000, reward="watch seconds", mean_reward=20.0, signal=0.0, noise=0.7)
    rewards = bandit(options, 0).log.rewards
    assert rewards.min() > 0
    assert np.log(rewards).std() == pytest.approx(0.7, rel=0.03)


def test_the_same_seed_is_the_same_log_and_another_is_not() -> None:
    first, again, other = (bandit(BanditOptions(), seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.log.rewards, again.log.rewards)
    assert first.value == again.value != other.value


def test_options_out_of_range_are_refused() -> None:
    for wrong in ({"actions": 1}, {"missing": 1.2}, {"mean_reward": 1.0}, {"reward": "clicks"}, {"agreement": -2.0},
                  {"rounds_per_user": 0.5}, {"missing_by": "chance"}, {"slots": 5, "rounds": 4},
                  {"signal": float("nan")}, {"reward": "watch seconds", "mean_reward": 9.0, "cascade": 1}):  # fmt: skip
        with pytest.raises(UsageError):
            BanditOptions(**wrong)


def test_a_target_of_ones_own_is_valued_too() -> None:
    world: BanditWorld = bandit_world(BanditOptions(), 0)
    uniform = np.full_like(world.target, 0.1)
    assert world.value_of(uniform) == pytest.approx(0.1)
    known = world.draw(0)
    assert isinstance(known.target, TargetPolicy)
