"""Run a world: under one policy, or under several with the users split between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.protocols import Policy
from avrec_lib.simulate.catalogue import items_table
from avrec_lib.simulate.moving_taste import user_truth
from avrec_lib.simulate.people import NEVER, People
from avrec_lib.simulate.rounds import Rounds, joined
from avrec_lib.simulate.running import Platform, Schedule
from avrec_lib.simulate.tables import Labels, events_table, user_ids, users_table
from avrec_lib.simulate.world import World


@dataclass(frozen=True)
class Run:
    """What came of a run. `totals` are sums a user, arrays (users,) by metric, from `days_before` on and before it."""

    world: World
    seed: int
    rounds: Rounds
    people: People
    totals: Mapping[str, np.ndarray]
    totals_before: Mapping[str, np.ndarray]
    arm: np.ndarray  # which policy serves each user
    labels: Labels

    @property
    def kept(self) -> np.ndarray:
        """1 for each user who has not left for good, else 0."""
        return (self.people.churned == NEVER).astype(np.float64)

    def events(self) -> pl.DataFrame:
        """Everything that happened, in order of time, as a `schema.Events` table."""
        return events_table(self.rounds, self.labels).sort("timestamp", maintain_order=True)

    def items(self) -> pl.DataFrame:
        """The catalogue as a `schema.Items` table."""
        return items_table(self.world.catalogue, self.world.options.kind)

    def users(self) -> pl.DataFrame:
        """The people as a `schema.Users` table."""
        return users_table(self.people, self.seed)

    def user_truth(self) -> pl.DataFrame:
        """Whose taste moves, and how far it went (`moving_taste.user_truth`): what no model may see."""
        return user_truth(self.people)

    def values(self) -> pl.DataFrame:
        """One row a user: user_id, variant, each metric, `kept` (1: has not left for good), and `before_…` of each.

        Watch in seconds; active_days are days with a visit.
        """
        unnamed: list[str | None] = [None] * (int(self.arm.max()) + 1)
        variant = pl.Series([*self.labels.variants] or unnamed, dtype=pl.String).gather(self.arm)
        who = {"user_id": user_ids(len(self.people)), "variant": variant}
        before = {f"before_{name}": total for name, total in self.totals_before.items()}
        return pl.DataFrame(who | dict(self.totals) | {"kept": self.kept} | before)


def run(
    world: World,
    policy: Policy | Sequence[Policy],
    users: int,
    days: int,
    seed: int = 0,
    *,
    arm: np.ndarray | None = None,
    variants: Sequence[str] = (),
    days_before: int = 0,
    keep_rounds: bool = True,
    keep_candidates: bool = False,
) -> Run:
    """Let the first `users` people of `seed` use the platform for `days` after `days_before`.

    With several policies, `arm` (users,) says which one serves each user; in the days before, the first serves all.
    The same world, seed and policy give the same log; another policy meets the same people with the same luck.
    `keep_candidates` adds to the rounds what a policy saw and its probabilities; without `keep_rounds` only the totals
    are kept. Raises UsageError for no users, no days, or arms without a policy.
    """
    platform = begin(world, policy, users, days, seed, arm, days_before, keep_candidates)
    parts = [rounds if keep_rounds else None for rounds in platform.days(days_before + days)]
    rounds = joined([part for part in parts if part is not None], world.options.slots)
    labels = labels_of(platform, variants)
    return Run(
        world, seed, rounds, platform.people, platform.totals, platform.totals_before, platform.schedule.arm, labels
    )


def begin(
    world: World, policy: Policy | Sequence[Policy], users: int, days: int, seed: int = 0,
    arm: np.ndarray | None = None, days_before: int = 0, keep_candidates: bool = False,
) -> Platform:  # fmt: skip
    """The platform before its first day; arguments as of `run`."""
    policies = list(policy) if isinstance(policy, Sequence) else [policy]
    for name, value in (("users", users), ("days", days)):
        if value < 1:
            raise UsageError("A simulation with {name} = {value}: expected 1 or more.", name=name, value=value)
    if keep_candidates and not world.options.candidates and world.options.new_items:
        raise UsageError(
            "Candidates cannot be kept where every item is one and new items appear.", hint="Give new_items = 0."
        )
    served = np.zeros(users, np.int64) if arm is None else np.asarray(arm, np.int64)
    if served.shape != (users,) or served.min() < 0 or served.max() >= len(policies):
        raise UsageError(
            "Every one of {users} users needs an arm from 0 to {last}.", users=users, last=len(policies) - 1
        )
    return Platform(world, Schedule(policies, served, days_before, keep_candidates), seed)


def labels_of(platform: Platform, variants: Sequence[str] = ()) -> Labels:
    """What things are called in the log of that platform."""
    names = [policy.name for policy in platform.schedule.policies]
    return Labels(platform.world.options, len(platform.people), names, list(variants))
