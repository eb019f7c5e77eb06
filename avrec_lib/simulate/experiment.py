"""An A/B test on a simulated platform: users at random to arms, everything logged, and the truth beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.protocols import Policy
from avrec_lib.simulate.catalogue import START
from avrec_lib.simulate.chance import Purpose, keys, uniform
from avrec_lib.simulate.run import Run, run
from avrec_lib.simulate.tables import user_ids
from avrec_lib.simulate.truth import true_difference
from avrec_lib.simulate.world import World


@dataclass(frozen=True)
class Experiment:
    """A test that was run: its arms by name, the first the old one; when it started; and the run with its log.

    Columns `variant` of the events are null before the start.
    """

    policies: Mapping[str, Policy]
    users: int
    days: int
    days_before: int
    run: Run

    @property
    def started(self) -> datetime:
        return START + timedelta(days=self.days_before)

    def assignments(self) -> pl.DataFrame:
        """Columns user_id, variant, assigned_at: one row a user, whether they came or not."""
        names = pl.Series(list(self.policies), dtype=pl.String)
        return pl.DataFrame({"user_id": user_ids(self.users), "variant": names.gather(self.run.arm)}).with_columns(
            assigned_at=pl.lit(self.started, pl.Datetime("us", "UTC"))
        )

    def truth(self, repeats: int = 1) -> pl.DataFrame:
        """`true_difference` of every arm from the first, with the column variant: all users under it, in its own world.

        The test itself sees a mix of worlds where clicks feed one shared popularity; `popularity_feedback` = 0 in the
        options takes this influence away.
        """
        names = list(self.policies)
        world, seed = self.run.world, self.run.seed
        tables = [
            true_difference(
                world, self.policies[names[0]], self.policies[name], self.users, self.days, seed, repeats,
                days_before=self.days_before,
            ).select(pl.lit(name).alias("variant"), pl.all())
            for name in names[1:]
        ]  # fmt: skip
        return pl.concat(tables)


def assign(users: int, shares: Mapping[str, float] | int, seed: int = 0) -> np.ndarray:
    """The arm (users,) of each user, at random: a number of equal arms, or the share of each by name."""
    parts = np.ones(shares) if isinstance(shares, int) else np.array(list(shares.values()), float)
    if not (parts > 0).all():
        raise UsageError("Every arm needs a share above 0, not {shares}.", shares=parts.tolist())
    reach = np.cumsum(parts / parts.sum())
    drawn = uniform(keys(seed, np.arange(users)), Purpose.ARM)
    return np.minimum(np.searchsorted(reach, drawn, side="right"), len(parts) - 1)


def experiment(
    world: World,
    policies: Mapping[str, Policy],
    users: int,
    days: int,
    assignment: Mapping[str, float] | np.ndarray | None = None,
    *,
    days_before: int = 0,
    seed: int = 0,
    keep_rounds: bool = True,
) -> Experiment:
    """Run an A/B test of `policies` (the first is the old one) for `days`, after `days_before` of the old one for all.

    `assignment`: none for equal shares, the share of each arm by name, or the arm number of each user (users,), as a
    broken one would be. Raises UsageError for fewer than two arms, or shares of other names.
    """
    if len(policies) < 2:
        raise UsageError("A test needs two policies or more, not {count}.", count=len(policies))
    if isinstance(assignment, Mapping) and list(assignment) != list(policies):
        raise UsageError(
            "Shares of {named}, but the arms are {arms}.", named=", ".join(assignment), arms=", ".join(policies)
        )
    arm = assignment if isinstance(assignment, np.ndarray) else assign(users, assignment or len(policies), seed)
    result = run(
        world, list(policies.values()), users, days, seed, arm=arm, variants=list(policies), days_before=days_before,
        keep_rounds=keep_rounds,
    )  # fmt: skip
    return Experiment(policies, users, days, days_before, result)
