"""The worlds on which off-policy evaluation is judged: knobs drawn from one declared spread."""

from __future__ import annotations

from typing import Any

import numpy as np

from avrec_lib.simulate.bandit_options import BanditOptions

SPREAD = {
    "rounds": (2000, 10_000), "actions": (3, 20), "context_dimensions": (2, 8), "hidden_dimensions": (0, 2),
    "rounds_per_user": (1.0, 8.0), "click rate": (0.03, 0.3), "seconds watched": (10.0, 60.0), "signal": (0.3, 1.2),
    "user_effect": (0.0, 0.8), "noise": (0.4, 1.0), "drift": (0.0, 0.5), "logging_sharpness": (0.0, 1.2),
    "logging_skill": (0.0, 0.8), "exploration": (0.05, 0.3), "target_sharpness": (0.0, 1.5), "agreement": (-0.2, 1.0),
}  # fmt: skip
"""Lowest and highest value of each knob: by ratio for rounds, click rate and seconds, evenly for the others.

Half of the worlds have several rounds a user, half of them pay in clicks and half in seconds.
"""


def healthy_options(seed: int, **fixed: Any) -> BanditOptions:
    """Knobs of a world where every action has support and logging explores; `fixed` replaces what was drawn."""
    rng = np.random.default_rng((seed, 3))

    def evenly(name: str) -> float:
        return float(rng.uniform(*SPREAD[name]))

    def by_ratio(name: str) -> float:
        return float(np.exp(rng.uniform(*np.log(SPREAD[name]))))

    def whole(name: str) -> int:
        low, high = SPREAD[name]
        return int(rng.integers(int(low), int(high) + 1))

    clicks, several = rng.random() < 0.5, rng.random() < 0.5
    drawn: dict[str, Any] = {
        "rounds": round(by_ratio("rounds")),
        "reward": "click" if clicks else "watch seconds",
        "mean_reward": by_ratio("click rate" if clicks else "seconds watched"),
        "rounds_per_user": evenly("rounds_per_user") if several else 1.0,
    }
    drawn |= {name: whole(name) for name in ("actions", "context_dimensions", "hidden_dimensions")}
    drawn |= {name: evenly(name) for name in ("signal", "user_effect", "noise", "drift", "logging_sharpness",
                                              "logging_skill", "exploration", "target_sharpness", "agreement")}  # fmt: skip
    return BanditOptions(**(drawn | fixed))
