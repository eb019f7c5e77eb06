"""The knobs of a simulated bandit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from avrec_lib.errors import UsageError, unknown_name

Reward = Literal["click", "watch seconds"]
MissingBy = Literal["preference", "action"]
LEAST = {
    "slots": 1, "actions": 2, "context_dimensions": 1, "hidden_dimensions": 0, "rounds_per_user": 1, "signal": 0,
    "user_effect": 0, "noise": 0, "drift": 0, "embeddings": 0, "codes": 1, "logging_sharpness": 0,
    "target_sharpness": 0,
}  # fmt: skip
RANGES = {"logging_skill": (-1, 1), "agreement": (-1, 1), "exploration": (0, 1), "missing": (0, 1), "cascade": (0, 1)}


@dataclass(frozen=True)
class BanditOptions:
    """What a simulated bandit is like; scores are linear in the context and have a standard deviation of 1.

    Sizes
    - `rounds` of a log, of `actions` each; `slots` > 1: that many rounds make a slate, each slot drawn by itself.
    - `context_dimensions` in the log, and `hidden_dimensions` that drive rewards and logging but are not in it.
    - `rounds_per_user` on average (1 + Poisson); above 1 the log names users, whose contexts stay alike.

    Rewards
    - `reward`: clicks (0 or 1), or seconds watched (log-normal); `mean_reward` is their mean under random actions.
    - `signal`: standard deviation of log-odds (log seconds) over contexts and actions; `user_effect`: over users.
    - `noise`: standard deviation of log seconds around that; clicks have the noise of a coin.
    - `drift`: standard deviation over actions of how far their log-odds (log seconds) move from first to last round.
    - `embeddings`: rewards act through that many features of the actions, each with `codes` values; 0: each for itself.
    - `cascade`: the share of its click probability that a slot loses once a slot above was clicked.

    Policies
    - `logging_sharpness`: inverse temperature of the softmax that decided; 0 is random, 5 almost no choice at all.
    - `logging_skill`: correlation of its scores with those of the rewards; `exploration`: share of random actions.
    - `target_sharpness`, and `agreement`: correlation of the target's scores with those of logging, −1 the reverse;
      what is not shared is spent on rewards. The target sees no hidden dimension.
    - `missing`: expected probability mass of the target on actions that logging never takes in that context. Above 0
      the target never takes the action it likes least, so that logging has one left when all else is missing.
    - `missing_by`: missing are the actions that logging likes least ("preference", as under a top-k rule), or first of
      all the same ones everywhere ("action", as new items).
    - `whole_distribution`: whether the log holds the propensities of all actions or of the taken one alone.

    Raises UsageError for a value out of its range.
    """

    rounds: int = 3000
    actions: int = 10
    slots: int = 1
    context_dimensions: int = 5
    hidden_dimensions: int = 0
    rounds_per_user: float = 1.0
    reward: Reward = "click"
    mean_reward: float = 0.1
    signal: float = 1.0
    user_effect: float = 0.0
    noise: float = 1.0
    drift: float = 0.0
    embeddings: int = 0
    codes: int = 3
    cascade: float = 0.0
    logging_sharpness: float = 1.0
    logging_skill: float = 0.5
    exploration: float = 0.0
    target_sharpness: float = 1.0
    agreement: float = 0.5
    missing: float = 0.0
    missing_by: MissingBy = "preference"
    whole_distribution: bool = True

    def __post_init__(self) -> None:
        if self.reward not in get_args(Reward):
            raise unknown_name("kind of reward", self.reward, get_args(Reward))
        if self.missing_by not in get_args(MissingBy):
            raise unknown_name("way to miss support", self.missing_by, get_args(MissingBy))
        for option, least in (LEAST | {"rounds": self.slots}).items():
            value = getattr(self, option)
            if not value >= least:
                raise UsageError("{option} of a simulated bandit must be at least {least}, but is {value}.",
                                 option=option, least=least, value=value)  # fmt: skip
        for option, (low, high) in RANGES.items():
            value = getattr(self, option)
            if not low <= value <= high:
                raise UsageError("{option} of a simulated bandit lies between {low} and {high}, but is {value}.",
                                 option=option, low=low, high=high, value=value)  # fmt: skip
        if not 0 < self.mean_reward < (1 if self.reward == "click" else float("inf")):
            raise UsageError("mean_reward is {value}, but seconds are above 0, and a share of clicks is also below 1.",
                             value=self.mean_reward)  # fmt: skip
        if self.cascade and self.reward != "click":
            raise UsageError("Only clicks can stop a slate from being looked at.",
                             hint="Set reward=click or cascade=0.")  # fmt: skip
