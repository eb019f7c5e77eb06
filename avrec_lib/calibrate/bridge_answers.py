"""What each method says of a new policy: ranking on logged clicks, the reward model, off-policy, the predicted test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from avrec_lib.calibrate.bridge_log import BridgeLog
from avrec_lib.calibrate.bridge_models import modelled_rewards
from avrec_lib.data.facts import Fact
from avrec_lib.evaluate.off_policy.assessment import PRECISE_ENOUGH, REFUSED
from avrec_lib.evaluate.off_policy.checks import lights, missing_support
from avrec_lib.evaluate.off_policy.estimators import Ratio
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.intervals import Totals, standard_error
from avrec_lib.evaluate.off_policy.slate_difference import SlateDifference, slate_difference
from avrec_lib.evaluate.off_policy.support import support_of
from avrec_lib.evaluate.ratio import ratio
from avrec_lib.policies.slate_values import expected_rewards

RANKING, MODEL, OFF_POLICY, PREDICTED, ORACLE = (
    "offline ranking", "reward model alone", "off-policy", "predicted A/B", "off-policy, true rewards"
)  # fmt: skip
RANKED, A_REQUEST, A_USER = "NDCG of logged rewards", "reward a request, as logged", "reward a user, in the test"
"""What is estimated: how well rewarded items are ranked; a slate on the requests that were logged; and a user in the
days of the test, who may come back more often, learn, and have seen the best already."""
DRAWS, RESAMPLES, NORMAL = 2, 400, 1.96


@dataclass(frozen=True)
class Answer:
    """One method on one metric: `value` new − old with its 95 % interval, and `level`, what the old policy has.

    `facts` are the lights; `red` ones refuse. `shown_low` and `shown_high` hold what a test will show, by chance too.
    """

    method: str
    estimand: str
    value: float
    low: float
    high: float
    level: float
    error: float
    facts: tuple[Fact, ...] = ()
    shown_low: float = math.nan
    shown_high: float = math.nan

    @property
    def says(self) -> str:
        """better, worse, cannot be decided, or a refusal."""
        if any(fact.level == "red" for fact in self.facts):
            return REFUSED
        if self.low > PRECISE_ENOUGH:
            return "better"
        return "worse" if self.high < -PRECISE_ENOUGH else "cannot be decided"


def offline_answers(
    log: BridgeLog, true: Mapping[str, np.ndarray], test_users: int, test_days: int, seed: int
) -> dict[str, list[Answer]]:  # fmt: skip
    """By metric, what can be said before any test, and last what could be said if the rewards' truth were known."""
    modelled = modelled_rewards(log, seed)
    names = list(log.rewards)
    models = [side[name] for side in (modelled, true) for name in names]
    old, new = _both(log, models, [seed, 12], DRAWS)
    answers = {}
    for place, name in enumerate(names):
        sides = []
        for side, number in ((modelled, place), (true, len(names) + place)):
            at_shown, gain = log.at_shown(side[name]), new[number] - old[number]
            sides.append(slate_difference(log.rewards[name], log.old, log.new, at_shown, gain, log.users))
        facts = _lights(log, sides[0])
        answers[name] = [
            _ranking(log, log.rewards[name]),
            *_off_policy(log, name, sides[0], facts, seed),
            _predicted(log, name, sides[0], facts, test_users, test_days),
            _oracle(log, name, sides[1]),
        ]
    return answers


def true_gains(log: BridgeLog, true: Mapping[str, np.ndarray], seed: int, draws: int = 4) -> dict[str, float]:
    """What `A_REQUEST` is on this log, by metric: new − old over the level of old, from slates drawn for it alone."""
    old, new = _both(log, list(true.values()), [seed, 13], draws)
    return {name: float(new[place].sum() / old[place].sum() - 1) for place, name in enumerate(true)}


def _both(log: BridgeLog, models: list[np.ndarray], seed: list[int], draws: int) -> list[list[np.ndarray]]:
    """What slates of the old and of the new policy earn by each model, with the same luck."""
    return [expected_rewards(law, models, np.random.default_rng(seed), draws) for law in log.laws]


def _ranking(log: BridgeLog, rewards: np.ndarray) -> Answer:
    """NDCG, cut at the slots, of the candidates by either score, where what was logged is what there is to find."""
    gains = np.zeros(log.scores[0].shape)
    np.put_along_axis(gains, log.places, rewards, axis=1)
    found = np.flatnonzero(rewards.sum(axis=1) > 0)
    discount = 1 / np.log2(np.arange(log.slots) + 2)
    ideal = -np.sort(-gains[found], axis=1)[:, : log.slots] @ discount
    sides = []
    for scores in log.scores:
        order = np.argsort(-scores[found], axis=1, kind="stable")[:, : log.slots]
        sides.append(np.take_along_axis(gains[found], order, axis=1) @ discount / ideal)
    counts = np.bincount(log.users[found], minlength=log.user_count).astype(float)
    sums = np.bincount(log.users[found], sides[1] - sides[0], log.user_count)
    value = float(ratio(sums.sum(), counts.sum()))
    error = standard_error((sums - value * counts) / max(counts.sum(), 1))
    return _with_error(RANKING, RANKED, value, error, float(sides[0].mean()) if len(found) else math.nan)


def _off_policy(
    log: BridgeLog, name: str, found: SlateDifference, facts: tuple[Fact, ...], seed: int
) -> list[Answer]:  # fmt: skip
    """By the reward model alone, and doubly robust with its lights."""
    level = log.level(name)
    totals = Totals.of([found.by_model(), found.ratios()], log.users)
    values, (lows, highs) = totals.estimates(), totals.intervals(RESAMPLES, seed)
    errors = [standard_error(totals.influence(place)) for place in (0, 1)]
    return [
        Answer(method, A_REQUEST, float(values[at]), float(lows[at]), float(highs[at]), level, errors[at], said)
        for at, (method, said) in enumerate(((MODEL, ()), (OFF_POLICY, facts)))
    ]


def _lights(log: BridgeLog, found: SlateDifference) -> tuple[Fact, ...]:
    """The lights of off-policy evaluation on all places: weights are those of a place and all above it.

    Both policies are known at every candidate, so what the old one never does is known too, and not guessed from a low
    mean of the weights.
    """
    evidence = found.places()
    rounds = LoggedFeedback(
        log.places.ravel(), found.rewards.ravel(), log.old.ravel(), np.arange(log.scores[0].shape[1]),
        users=np.unique(np.repeat(log.users, log.slots), return_inverse=True)[1],
    )  # fmt: skip
    target = TargetPolicy.of_taken("new", rounds, log.new.ravel())
    shares = Ratio((found.weights * found.residuals).ravel(), evidence.weights)
    support = support_of(rounds, target, evidence)
    everything = np.ones(log.scores[0].shape, dtype=bool)
    old, new = (law.next(everything) for law in log.laws)
    known = missing_support(replace(support, known_missing=float(new[old <= 0].sum() / len(log)), z=0.0))
    facts = lights(rounds, target, evidence, support, (shares,), None)
    return tuple(known if fact.name == known.name else fact for fact in facts)


def _predicted(
    log: BridgeLog, name: str, found: SlateDifference, facts: tuple[Fact, ...], test_users: int, test_days: int
) -> Answer:  # fmt: skip
    """The off-policy value times the requests a user makes in as many days, if they come as they did."""
    totals = Totals.of([found.ratios()], log.users)
    value = float(totals.estimates()[0])
    days = test_days / log.days
    counts = np.bincount(log.users, minlength=log.user_count).astype(float)
    influence = np.zeros(log.user_count)
    influence[: totals.users] = totals.influence(0)
    requests = counts.mean()
    pull = influence * requests + value * (counts - requests) / log.user_count
    rewards = np.bincount(log.users, log.rewards[name].sum(axis=1), log.user_count)
    effect, error = value * requests * days, standard_error(pull) * days
    # Users stay themselves over the days of a test: their spread grows with the days, not with their root.
    chance = float(rewards.std()) * days * math.sqrt(4 / test_users)
    found_by_test = (effect - NORMAL * math.hypot(error, chance), effect + NORMAL * math.hypot(error, chance))
    return _with_error(PREDICTED, A_USER, effect, error, float(rewards.mean()) * days, facts, found_by_test)


def _oracle(log: BridgeLog, name: str, found: SlateDifference) -> Answer:
    totals = Totals.of([found.ratios()], log.users)
    error = standard_error(totals.influence(0))
    return _with_error(ORACLE, A_REQUEST, float(totals.estimates()[0]), error, log.level(name))


def _with_error(
    method: str, estimand: str, value: float, error: float, level: float, facts: tuple[Fact, ...] = (),
    shown: tuple[float, float] = (math.nan, math.nan),
) -> Answer:  # fmt: skip
    reach = NORMAL * error
    return Answer(method, estimand, value, value - reach, value + reach, level, error, facts, *shown)
