"""Do the times of a log say anything about its users? Two comparisons with what chance would give.

Both statistics are held against the same log with the times (or the items of each user) permuted at random, a fixed
seed. On a log that was shuffled, observed and permuted are exchangeable: the observed value is one more draw of the
permutations, so `BOUND` of their standard deviations around their mean catch nearly all of them (with 20 permutations
about 1 of 1,000 lies outside). On a log of people it lies hundreds of standard deviations away: users come in
sessions, and meet items in common sequences. Measured in permutations' standard deviations: MovieLens-100K pauses
−2,000, neighbours +250; ml-latest-small −1,300 and +270; shuffled copies of both, 8 seeds each, between −3 and +2. Of
the logs of 30 to 300 users drawn from them (120 as they are, 240 shuffled) none was misjudged; those of under 100 users
often have too few repeated neighbours to be judged by them.

A false alarm of the pauses needs users who come at a constant rate from the first day of the log to the last, without
sessions. A simulator may write such logs; their times then indeed tell nothing. An order like chance proves less: users
with tastes and sessions need have no sequence in common. Nor can the pauses tell: times dealt anew among the rows of
each user leave every user the same times, so the pauses stay real. Such a log and an honest one without sequences look
the same here, and both are amber. So that a large shuffled log with a small rest of order (a few rows added later) is
still found, what lies within a `SLACK` of chance counts as chance as well; and a log is judged only when a real effect
would have shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.data.facts import Fact, Level

FEWEST_USERS, FEWEST_PAUSES = 30, 500
PERMUTATIONS, BOUND = 20, 4.0
EFFECT, SLACK = (
    1.5,
    1.05,
)  # pauses a third shorter, or neighbours half as frequent again, must be out of reach of chance
NEIGHBOUR_SLACK = 1.1
SAMPLED_EVENTS = 200_000

TOO_FEW = "{users} users with {pauses} pauses between their events are too few to tell whether the times were shuffled."
CHANCE_ORDER_ASKED = (
    "The times look shuffled within users: the same item follows the same item no more often than with each user's "
    "items in random order ({factor} times), and their pauses do not speak for the times. This split tests what came "
    "last of each user, which is then anything. Bring the log with its own times, or drop them and use split=random."
)
CHANCE_ORDER = (
    "The times look shuffled within users: the same item follows the same item no more often than with each user's "
    "items in random order ({factor} times), and their pauses do not speak for the times. This split does not ask what "
    "came last, but a model of sequences learns nothing here, and with shuffled times a split by time is one at "
    "random, whose numbers read too high."
)
NO_SEQUENCE = (
    "The order within users carries no common sequence: the same item follows the same item no more often than with "
    "each user's items in random order ({factor} times). Leave-last-out is then leave-one-out at random, and a model "
    "of sequences learns nothing here. The pauses of users are real, but times shuffled within users would look the "
    "same: a split by time would then be one at random, and every number of it would read too high."
)
NO_TIMES = "This log has no times, so nothing can have been shuffled, and nothing can be learned from order."


@dataclass(frozen=True)
class AgainstChance:
    """A statistic, and its mean and standard deviation over permutations."""

    observed: float
    expected: float
    spread: float

    def within(self, slack: float) -> bool:
        """Whether the observed value could be chance, give or take `slack`."""
        return abs(self.observed - self.expected) <= max(BOUND * self.spread, slack)

    def would_show(self, effect: float) -> bool:
        """Whether an effect of this size would stand out from chance."""
        return 0 < BOUND * self.spread < effect


@dataclass(frozen=True)
class Timeline:
    """The events of sampled users as integer codes, ordered by user and time, ties in a seeded random order."""

    user: np.ndarray
    item: np.ndarray
    moment: np.ndarray  # place of the event's time among `times`
    times: np.ndarray  # distinct times in seconds, ascending

    @classmethod
    def of(cls, choices: pl.LazyFrame, seed: int) -> Timeline:
        """From columns user_id, item_id, timestamp: all users, or so many that some SAMPLED_EVENTS remain."""
        timed = choices.select("user_id", "item_id", "timestamp").filter(pl.col("timestamp").is_not_null())
        total = timed.select(pl.len()).collect(engine="streaming").item()
        if total > SAMPLED_EVENTS:
            kept = int(SAMPLED_EVENTS / total * (2**64 - 1))
            timed = timed.filter(pl.col("user_id").hash(seed=seed) <= pl.lit(kept, dtype=pl.UInt64))
        # Sorted by all columns, so that neither the order of rows nor how the engine reads them plays a part.
        rows = timed.collect(engine="streaming").sort("user_id", "timestamp", "item_id")
        user, item, moment = (
            rows.get_column(name).rank("dense").to_numpy().astype(np.int64) - 1
            for name in ("user_id", "item_id", "timestamp")
        )
        times = rows.get_column("timestamp").unique().sort().to_physical().to_numpy() / 1e6
        order = np.lexsort((_stream(seed, 0).random(len(user)), moment, user))
        return cls(user, item[order], moment, times)

    @property
    def same_user(self) -> np.ndarray:
        """Whether an event and the next are of one user, one shorter than the events."""
        return self.user[1:] == self.user[:-1]

    @property
    def later(self) -> np.ndarray:
        """Whether the next event is of the same user and strictly later."""
        return self.same_user & (self.moment[1:] > self.moment[:-1])


def pauses_against_chance(line: Timeline, seed: int) -> AgainstChance:
    """Mean log(1 + seconds) between consecutive events of a user, against times dealt over all rows at random."""
    same, span = line.same_user, max(len(line.times), 1)

    def statistic(moment: np.ndarray) -> float:
        at = line.times[np.sort(line.user * span + moment) % span]
        return float(np.log1p(np.diff(at)[same]).mean())

    return _against(statistic, line.moment, lambda rng: rng.permutation(line.moment), seed)


def neighbours_against_chance(line: Timeline, seed: int) -> AgainstChance:
    """Pairs of users with the same item after the same item, Σ n(n-1)/2 over transitions made by n users, against
    the items of each user in random order.
    """
    same, users = line.same_user, int(line.user.max(initial=0)) + 1
    items = int(line.item.max(initial=0)) + 1

    def statistic(item: np.ndarray) -> float:
        steps = np.sort((item[:-1] * items + item[1:])[same] * users + line.user[:-1][same])
        of_users = steps[np.r_[True, steps[1:] != steps[:-1]]] // users  # a user who repeats a step counts once
        counts = np.diff(np.flatnonzero(np.r_[True, of_users[1:] != of_users[:-1], True]))
        return float((counts * (counts - 1) / 2).sum())

    def permuted(rng: np.random.Generator) -> np.ndarray:
        return line.item[np.argsort(line.user + rng.random(len(line.user)))]

    return _against(statistic, line.item, permuted, seed)


def _against(
    statistic: Callable[[np.ndarray], float],
    observed: np.ndarray,
    permuted: Callable[[np.random.Generator], np.ndarray],
    seed: int,
) -> AgainstChance:
    rng = _stream(seed, 1)
    draws = [statistic(permuted(rng)) for _ in range(PERMUTATIONS)]
    return AgainstChance(statistic(observed), float(np.mean(draws)), float(np.std(draws, ddof=1)))


def _stream(seed: int, number: int) -> np.random.Generator:
    # Of its own, lest a copy that somebody shuffled with the same seed meet the very permutation that undoes it.
    return np.random.default_rng([seed, 1_907, number])


def shuffled_times(choices: pl.LazyFrame, needs_order: bool, seed: int = 0) -> list[Fact]:
    """Two facts on `choices` (user_id, item_id, timestamp): whether the pauses of users, and the order of their items,
    are those of chance.

    Pauses like chance are red: no split by time means anything. An order like chance is amber; it is red where the
    split asks what came last of a user (`needs_order`) and the pauses are like chance too, or cannot be told. With
    fewer than 30 users or 500 pauses, or too few repeated neighbours to see half as many again, the fact says so and
    is green.
    """
    line = Timeline.of(choices, seed)
    if not len(line.user):
        return [
            Fact(name, 0, None, "info", NO_TIMES, {"reading": "–"})
            for name in ("pauses_of_users", "order_within_users")
        ]
    pauses = int(line.later.sum())
    users = len(np.unique(line.user[1:][line.later]))
    if users < FEWEST_USERS or pauses < FEWEST_PAUSES:
        words = {"users": f"{users:,}", "pauses": f"{pauses:,}", "reading": "–"}
        return [Fact(name, 0, None, "info", TOO_FEW, words) for name in ("pauses_of_users", "order_within_users")]
    between = pauses_against_chance(line, seed)
    are_real = between.would_show(math.log(EFFECT)) and not between.within(math.log(SLACK))
    return [_pauses_fact(between), _order_fact(line, needs_order, are_real, seed)]


def _pauses_fact(found: AgainstChance) -> Fact:
    times_longer = math.exp(found.expected - found.observed)
    words = _factor(times_longer)
    if not found.would_show(math.log(EFFECT)):
        return Fact("pauses_of_users", 0, None, "info",
                    "The times differ too little between events to tell whether they were shuffled.",
                    {"reading": "–"})  # fmt: skip
    if found.within(math.log(SLACK)):
        return Fact(
            "pauses_of_users", 0, None, "red",
            "The times look shuffled: the pauses between a user's events are as long as if times had been dealt over "
            "the rows at random (by chance {factor} times as long; for people, who come in sessions, many times). "
            "Nothing split or ordered by these times means anything. Bring the log with its own times, or drop them "
            "and use split=random.",
            words,
        )  # fmt: skip
    return Fact(
        "pauses_of_users", 0, None, "info",
        "The pauses between a user's events are not those of chance: with shuffled times they would be {factor} times "
        "as long (geometric mean).",
        words,
    )  # fmt: skip


def _order_fact(line: Timeline, needs_order: bool, pauses_are_real: bool, seed: int) -> Fact:
    found = neighbours_against_chance(line, seed)
    if not found.would_show((EFFECT - 1) * found.expected):
        return Fact("order_within_users", 0, None, "info",
                    "Too few items follow each other for several users to tell whether the order within users was "
                    "shuffled.", {"reading": "–"})  # fmt: skip
    ratio = found.observed / found.expected
    words = _factor(ratio)
    if found.within((NEIGHBOUR_SLACK - 1) * found.expected):
        if pauses_are_real:
            return Fact("order_within_users", 0, None, "amber", NO_SEQUENCE, words)
        level: Level = "red" if needs_order else "amber"
        return Fact("order_within_users", 0, None, level, CHANCE_ORDER_ASKED if needs_order else CHANCE_ORDER, words)
    return Fact(
        "order_within_users", 0, None, "info",
        "The order within users is not that of chance: the same item follows the same item {factor} times as often as "
        "with each user's items shuffled.",
        words,
    )  # fmt: skip


def _factor(ratio: float) -> dict[str, str]:
    text = f"{ratio:,.2f}" if ratio < 100 else f"{ratio:,.0f}"
    return {"reading": f"{text}×", "factor": text}
