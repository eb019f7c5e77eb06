"""Logs of a bandit whose truth is known: contexts are a finite population, and the value is a mean over all of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.simulate.bandit_options import BanditOptions
from avrec_lib.simulate.missing_support import without_support

USERS, SITUATIONS = 1024, 4
"""The population: users, and the contexts that each of them can be in. All are equally likely."""
CONTEXT_OF_USER = 0.5
"""Share of the variance of a context that is the user's own, the same in all situations."""
SECONDS = 14 * 24 * 3600.0
"""How long a log lasts."""


@dataclass(frozen=True)
class KnownBandit:
    """A log, the policy that is asked about, and the reward per round that this policy really earns."""

    log: LoggedFeedback
    target: TargetPolicy
    value: float


@dataclass(frozen=True, eq=False)
class BanditWorld:
    """A bandit from which logs are drawn: m contexts (`SITUATIONS` in a row of each user) and a actions.

    - `contexts` (m, d): what logs show of them.
    - `logging`, `target` (m, a): what both policies do there.
    - `link` (m, a): log-odds of a click, or log of the expected seconds, in the middle of the time of a log.
    - `movement` (a,): by how much `link` changes from the first to the last moment of a log.
    """

    options: BanditOptions
    contexts: np.ndarray
    logging: np.ndarray
    target: np.ndarray
    link: np.ndarray
    movement: np.ndarray
    action_features: np.ndarray | None = None

    @cached_property
    def value(self) -> float:
        """What the target policy earns a round."""
        return self.value_of(self.target)

    @property
    def missing(self) -> float:
        """Expected probability mass of the target on actions that logging never takes."""
        return float(self.target[self.logging == 0].sum() / len(self.target))

    def expected_rewards(self, time: float = 0.5) -> np.ndarray:
        """Mean reward (m, a) at `time` between 0, the first moment of a log, and 1, the last."""
        return _expected(self.options, self.link + (time - 0.5) * self.movement)

    def value_of(self, policy: np.ndarray, time: float | None = None) -> float:
        """What a policy (m, a) earns a round on average over contexts, slots, and the time of a log (or at `time`)."""
        nodes, shares = np.array([0.5 if time is None else time]), np.ones(1)
        if time is None and self.options.drift:
            nodes, shares = np.polynomial.legendre.leggauss(8)
            nodes, shares = (nodes + 1) / 2, shares / 2
        total = 0.0
        for node, share in zip(nodes, shares, strict=True):
            earned = np.einsum("ma,ma->m", policy, self.expected_rewards(node))
            total += share * float(_over_slots(earned, self.options).mean())
        return total

    def draw(self, seed: int) -> KnownBandit:
        """A log of `rounds` rounds (whole slates), the target policy in it, and its true value."""
        options, rng = self.options, np.random.default_rng((seed, 1))
        requests = options.rounds // options.slots
        users, contexts = _requests(options, requests, rng)
        times = np.sort(rng.random(requests))
        slate = np.repeat(np.arange(requests), options.slots)
        rows = contexts[slate]
        logging, target = self.logging[rows], self.target[rows]
        actions = _choose(logging, rng)
        link = self.link[rows, actions] + (times[slate] - 0.5) * self.movement[actions]
        log = LoggedFeedback(
            actions=actions,
            rewards=_rewards(options, link, rng),
            propensities=self.logging[rows, actions],
            action_ids=np.array([f"action {number}" for number in range(options.actions)]),
            logging=logging if options.whole_distribution else None,
            users=None if users is None else users[slate],
            contexts=self.contexts[rows],
            context_names=tuple(f"context {number}" for number in range(options.context_dimensions)),
            positions=np.tile(np.arange(options.slots), requests) if options.slots > 1 else None,
            requests=slate if options.slots > 1 else None,
            times=times[slate] * SECONDS,
            action_features=self.action_features,
            unit="clicks" if options.reward == "click" else "seconds",
        )
        return KnownBandit(log, TargetPolicy.of("target", log, target), self.value)


def bandit_world(options: BanditOptions, seed: int) -> BanditWorld:
    """A world with these knobs; the same seed gives the same world."""
    rng = np.random.default_rng((seed, 0))
    dimensions = options.context_dimensions + options.hidden_dimensions
    own = rng.standard_normal((USERS, 1, dimensions)) * np.sqrt(CONTEXT_OF_USER)
    passing = rng.standard_normal((USERS, SITUATIONS, dimensions)) * np.sqrt(1 - CONTEXT_OF_USER)
    whole = (own + passing).reshape(-1, dimensions)
    seen = whole.copy()
    seen[:, options.context_dimensions :] = 0

    features = None
    if options.embeddings:
        features = rng.integers(options.codes, size=(options.actions, options.embeddings))
    by_reward, by_taste = _effects(options, features, rng), _effects(options, None, rng)
    rewarding = _standardised(_scores(whole, by_reward))
    skill, agreement = options.logging_skill, options.agreement
    logging_scores, _ = _crossed(whole, by_reward, by_taste, skill)
    seen_logging, seen_rest = _crossed(seen, by_reward, by_taste, skill)
    target_scores = _standardised(agreement * seen_logging + np.sqrt(1 - agreement**2) * seen_rest)

    logging = _softmax(options.logging_sharpness * logging_scores)
    logging = (1 - options.exploration) * logging + options.exploration / options.actions
    target = _softmax(options.target_sharpness * target_scores)
    if options.missing:
        logging, target = without_support(logging, target, options.missing, options.missing_by, rng)

    link = options.signal * rewarding
    link += options.user_effect * np.repeat(rng.standard_normal(USERS), SITUATIONS)[:, None]
    link += _level(options, link)
    movement = options.drift * rng.standard_normal(options.actions)
    return BanditWorld(options, whole[:, : options.context_dimensions], logging, target, link, movement, features)


def bandit(options: BanditOptions, seed: int) -> KnownBandit:
    """One log of one world (`bandit_world`): its target policy's value is known exactly."""
    return bandit_world(options, seed).draw(seed)


def _effects(options: BanditOptions, features: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Weight of each dimension and a constant, half of the variance each, for each action: (d + 1, a)."""
    dimensions = options.context_dimensions + options.hidden_dimensions
    size = np.sqrt([0.5 / dimensions] * dimensions + [0.5])[:, None]
    if features is None:
        return size * rng.standard_normal((dimensions + 1, options.actions))
    of_codes = rng.standard_normal((dimensions + 1, options.embeddings, options.codes))
    chosen = of_codes[:, np.arange(options.embeddings), features]  # (d + 1, a, embeddings)
    return size * chosen.sum(axis=2) / np.sqrt(options.embeddings)


def _scores(contexts: np.ndarray, effects: np.ndarray) -> np.ndarray:
    return contexts @ effects[:-1] + effects[-1]


def _crossed(
    contexts: np.ndarray, by_reward: np.ndarray, by_taste: np.ndarray, skill: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores that correlate with those of the rewards by `skill`, and uncorrelated ones that hold what is left."""
    rewarding, taste = (_standardised(_scores(contexts, effects)) for effects in (by_reward, by_taste))
    taste = _standardised(taste - float((taste * rewarding).mean()) * rewarding)
    rest = np.sqrt(1 - skill**2)
    return skill * rewarding + rest * taste, rest * rewarding - skill * taste


def _standardised(scores: np.ndarray) -> np.ndarray:
    spread = float(scores.std())
    centred: np.ndarray = scores - scores.mean()
    return centred / spread if spread > 1e-12 else centred


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    odds: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return odds


def _expected(options: BanditOptions, link: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    means: np.ndarray = expit(link) if options.reward == "click" else np.exp(link)
    return means


def _level(options: BanditOptions, link: np.ndarray) -> float:
    """What to add to `link` for `mean_reward` to be the mean over contexts and actions."""
    if options.reward == "watch seconds":
        return float(np.log(options.mean_reward / np.exp(link).mean()))
    level = float(np.log(options.mean_reward / (1 - options.mean_reward)))
    for _ in range(20):
        rates = _expected(options, link + level)
        off = float(rates.mean()) - options.mean_reward
        # Steps of Newton, held back: far out the slope is so flat that a whole step jumps over the root.
        level -= float(np.clip(off / float((rates * (1 - rates)).mean()), -2, 2))
        if abs(off) < 1e-9 * options.mean_reward:
            break
    return level


def _requests(
    options: BanditOptions, count: int, rng: np.random.Generator
) -> tuple[np.ndarray | None, np.ndarray]:  # fmt: skip
    """The user of each request (None where all come once), and its row among the contexts; both (count,)."""
    if options.rounds_per_user == 1:
        return None, rng.integers(USERS * SITUATIONS, size=count)
    visits = 1 + rng.poisson((options.rounds_per_user - 1) / options.slots, size=count)
    users = np.repeat(np.arange(count), visits)[:count]
    kinds = rng.integers(USERS, size=count)  # two users of a log may be of the same kind
    order = rng.permutation(count)  # rounds of a user are spread over the time of the log
    users = users[order]
    return users, kinds[users] * SITUATIONS + rng.integers(SITUATIONS, size=count)


def _choose(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One action a round, never one without probability: the first whose cumulated probability exceeds a number."""
    cumulated = probabilities.cumsum(axis=1)
    chosen: np.ndarray = (cumulated <= rng.random(len(cumulated))[:, None] * cumulated[:, -1:]).sum(axis=1)
    return chosen


def _rewards(options: BanditOptions, link: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rewards of the rounds, slates in a row."""
    means = _expected(options, link)
    if options.reward == "watch seconds":
        noise = np.exp(options.noise * rng.standard_normal(len(link)) - options.noise**2 / 2)
        seconds: np.ndarray = means * noise
        return seconds
    chances = rng.random(len(link)).reshape(-1, options.slots)
    means = means.reshape(-1, options.slots)
    clicked = np.zeros(means.shape, dtype=bool)
    above = np.zeros(len(means), dtype=bool)
    for slot in range(options.slots):
        clicked[:, slot] = chances[:, slot] < means[:, slot] * np.where(above, 1 - options.cascade, 1)
        above |= clicked[:, slot]
    return clicked.ravel().astype(np.float64)


def _over_slots(earned: np.ndarray, options: BanditOptions) -> np.ndarray:
    """Mean reward over the slots of a slate whose slots would each earn `earned` alone."""
    if not options.cascade:
        return earned
    total, clicked_above = np.zeros_like(earned), np.zeros_like(earned)
    for _ in range(options.slots):
        total += earned * (1 - options.cascade * clicked_above)
        clicked_above += (1 - clicked_above) * earned
    return total / options.slots
