"""Interleaving on a simulated platform: two policies in one list, and people who click by the world's own chances."""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.evaluate.interleave import NOBODY, team_draft
from avrec_lib.protocols import Policy
from avrec_lib.simulate import LOGGING, World, run
from avrec_lib.simulate.responses import examination

DAYS = 2


def interleaved_clicks(
    world: World, baseline: Policy, challenger: Policy, users: int, seed: int = 0
) -> pl.DataFrame:  # fmt: skip
    """Clicks of two days of requests by team, as `interleave.credit` makes them: query_id, user_id, baseline,
    challenger.

    Each policy draws its ranking of the candidates, without replacement and in proportion to its probabilities; a place
    is looked at and clicked by the world's own chances. What people saw before was shown to all by `simulate.LOGGING`.
    """
    rounds = run(world, LOGGING, users, DAYS, seed, keep_candidates=True).rounds
    requests, rng = rounds.requests(), np.random.default_rng(seed)
    slots = rounds.item.shape[1]
    rankings = []
    for policy in (baseline, challenger):
        noise = rng.standard_exponential(rounds.candidates.shape)
        drawn = policy.probabilities(requests, rounds.candidates) / noise
        rankings.append(np.argsort(-drawn, axis=1)[:, : 2 * slots])
    places, teams = team_draft(rankings[0], rankings[1], slots, rng)
    chance = np.take_along_axis(rounds.chance, np.maximum(places, 0), axis=1)
    chance = chance * examination(world.options, rounds.platform, slots) * (places != NOBODY)
    clicked = rng.random(chance.shape) < chance
    return pl.DataFrame({
        "query_id": np.arange(len(rounds)), "user_id": rounds.user,
        "baseline": (clicked & (teams == 0)).sum(axis=1), "challenger": (clicked & (teams == 1)).sum(axis=1),
    })  # fmt: skip
