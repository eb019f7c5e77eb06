"""What a policy does to its users, known because the world can be run again under another one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from avrec_lib.protocols import Policy
from avrec_lib.simulate.run import run
from avrec_lib.simulate.world import World

REPEATS_FOR_SPREAD = 5


def true_value(
    world: World,
    policy: Policy,
    users: int,
    days: int,
    seed: int = 0,
    repeats: int = 1,
    *,
    before: Policy | None = None,
    days_before: int = 0,
) -> pl.DataFrame:
    """Columns metric, value, standard_error, users, repeats: the mean a user of what `policy` leads to.

    Metrics: clicks, watch_seconds, likes, shares, requests, sessions, active_days in `days`, and kept (share who have
    not left for good). Each of the `repeats` draws fresh people (seeds `seed`, `seed` + 1, …). `before` serves all
    in `days_before`, which do not count. The standard error is that of a mean over users; from 5 repeats on it is
    taken between the means of the repeats, which knows that users influence each other through popularity.
    """
    outcomes = [
        _outcomes(world, [before or policy, policy], 1, users, days, seed + number, days_before)
        for number in range(repeats)
    ]
    rows = [
        {"metric": name, "value": value, "standard_error": error, "users": users * repeats, "repeats": repeats}
        for name in outcomes[0]
        for value, error in [_mean_and_error([outcome[name] for outcome in outcomes])]
    ]
    return pl.DataFrame(rows)


def true_difference(
    world: World,
    baseline: Policy,
    policy: Policy,
    users: int,
    days: int,
    seed: int = 0,
    repeats: int = 1,
    *,
    days_before: int = 0,
) -> pl.DataFrame:
    """Columns metric, baseline, value, difference, standard_error, users, repeats: `policy` minus `baseline` on twins.

    The same people live in two parallel worlds with the same luck, so the difference is paired by user. In
    `days_before` the baseline serves both worlds. Metrics and errors as of `true_value`.
    """
    seeds = range(seed, seed + repeats)
    worlds = [
        [_outcomes(world, [baseline, policy], arm, users, days, each, days_before) for each in seeds] for arm in (0, 1)
    ]
    rows = []
    for name in worlds[0][0]:
        old, new = ([outcome[name] for outcome in outcomes] for outcomes in worlds)
        difference, error = _mean_and_error([after - before for before, after in zip(old, new, strict=True)])
        rows.append({
            "metric": name, "baseline": float(np.mean(old)), "value": float(np.mean(new)), "difference": difference,
            "standard_error": error, "users": users * repeats, "repeats": repeats,
        })  # fmt: skip
    return pl.DataFrame(rows)


def _outcomes(
    world: World, policies: list[Policy], arm: int, users: int, days: int, seed: int, days_before: int
) -> Mapping[str, np.ndarray]:
    arms = np.full(users, arm)
    result = run(world, policies, users, days, seed, arm=arms, days_before=days_before, keep_rounds=False)
    return dict(result.totals) | {"kept": result.kept}


def _mean_and_error(repeats: list[np.ndarray]) -> tuple[float, float | None]:
    """The mean over everybody, and its standard error (none for a single user)."""
    everybody = np.concatenate(repeats)
    if len(repeats) >= REPEATS_FOR_SPREAD:
        means = np.array([part.mean() for part in repeats])
        return float(everybody.mean()), float(means.std(ddof=1) / np.sqrt(len(means)))
    if len(everybody) < 2:
        return float(everybody.mean()), None
    return float(everybody.mean()), float(everybody.std(ddof=1) / np.sqrt(len(everybody)))
