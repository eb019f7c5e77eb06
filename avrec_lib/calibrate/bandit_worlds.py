"""The worlds on which off-policy evaluation is judged: knobs drawn from declared spreads."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from avrec_lib.errors import unknown_name
from avrec_lib.simulate.bandit_options import BanditOptions

Spread = Literal["healthy", "thin overlap"]
Range = tuple[float, float]

HEALTHY: dict[str, Range] = {
    "rounds": (2000, 10_000), "actions": (3, 20), "context_dimensions": (2, 8), "hidden_dimensions": (0, 2),
    "rounds_per_user": (1.0, 8.0), "click rate": (0.03, 0.3), "seconds watched": (10.0, 60.0), "signal": (0.3, 1.2),
    "user_effect": (0.0, 0.8), "noise": (0.4, 1.0), "drift": (0.0, 0.5), "logging_sharpness": (0.0, 1.2),
    "logging_skill": (0.0, 0.8), "exploration": (0.05, 0.3), "target_sharpness": (0.0, 1.5), "agreement": (-0.2, 1.0),
}  # fmt: skip
"""Lowest and highest value of each knob: by ratio for rounds, click rate and seconds, evenly for the others.

Half of the worlds have several rounds a user, half of them pay in clicks and half in seconds.
"""
THIN_OVERLAP: dict[str, Range] = HEALTHY | {
    "rounds": (200, 5000), "noise": (0.5, 1.5), "logging_sharpness": (0.5, 4.0), "exploration": (0.0, 0.05),
    "target_sharpness": (0.5, 4.0), "agreement": (-0.8, 1.0),
}  # fmt: skip
"""Every action has support and some hardly: small logs of a sharp policy, asked about one that wants something else."""

SPREADS: dict[Spread, dict[str, Range]] = {"healthy": HEALTHY, "thin overlap": THIN_OVERLAP}
BY_RATIO = ("rounds", "click rate", "seconds watched")


def drawn_options(seed: int, spread: Spread = "healthy", **fixed: Any) -> BanditOptions:
    """Knobs of a world drawn from a spread; `fixed` replaces what was drawn.

    Raises UsageError for an unknown spread.
    """
    if spread not in SPREADS:
        raise unknown_name("spread", spread, get_args(Spread))
    rng = np.random.default_rng((seed, 3))
    clicks, several = rng.random() < 0.5, rng.random() < 0.5
    drawn: dict[str, Any] = {}
    for name, (low, high) in SPREADS[spread].items():
        if name in BY_RATIO:
            drawn[name] = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        elif isinstance(low, int):
            drawn[name] = int(rng.integers(low, int(high) + 1))
        else:
            drawn[name] = float(rng.uniform(low, high))
    rate, seconds = drawn.pop("click rate"), drawn.pop("seconds watched")
    drawn["rounds"] = round(drawn["rounds"])
    drawn |= {"reward": "click", "mean_reward": rate} if clicks else {"reward": "watch seconds", "mean_reward": seconds}
    if not several:
        drawn["rounds_per_user"] = 1.0
    return BanditOptions(**(drawn | fixed))
