"""What a logging policy did and what came back, as arrays: the ground that every off-policy estimate stands on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from avrec_lib.data.facts import Fact
from avrec_lib.errors import DataError

SUM_TOLERANCE = 1e-6
"""How far from one the probabilities of a round may add up: single precision with a few hundred actions."""
CERTAIN = 1 - SUM_TOLERANCE
"""A propensity from here on leaves nothing to chance."""


@dataclass(frozen=True)
class LoggedFeedback:
    """n rounds of a logging policy that chose among a actions. Ids outside, integer rows inside.

    - `actions` (n,): row of the action taken; `action_ids` (a,) names them.
    - `rewards` (n,): what came back (0 or 1 for a click, seconds watched, …), in `unit`.
    - `propensities` (n,): probability with which the logging policy took it, above 0 and at most 1.
    - `logging` (n, a): its probabilities of all actions, where they are known.
    - `users` (n,): whole numbers that tell users apart (numbered from 0 here); rounds of one user are drawn together.
      Without it each round stands alone.
    - `contexts` (n, d): numbers known before the action was taken, for reward models; NaN where unknown.
    - `positions`, `requests`, `times` (n,): place in its slate from 0, slate, and seconds, where the log has them.
    - `action_features` (a, e): integer codes of what actions have in common (category, creator), for embeddings.
    - `propensities_estimated`: they come from a model of the log, not from the policy itself.

    Raises DataError for arrays that do not fit together, fewer than two actions, no rounds, values that are not
    finite, or propensities and probabilities that are none.
    """

    actions: np.ndarray
    rewards: np.ndarray
    propensities: np.ndarray
    action_ids: np.ndarray
    logging: np.ndarray | None = None
    users: np.ndarray | None = None
    contexts: np.ndarray | None = None
    context_names: tuple[str, ...] = ()
    positions: np.ndarray | None = None
    requests: np.ndarray | None = None
    times: np.ndarray | None = None
    action_features: np.ndarray | None = None
    unit: str = ""
    propensities_estimated: bool = False

    def __post_init__(self) -> None:
        # Clicks often come as whole numbers or truth values, whose negative would be another number.
        for name in ("rewards", "propensities"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        _check_shapes(self)
        if self.users is not None:
            object.__setattr__(self, "users", _numbered(self.users))
        _check_actions(self)
        _check_propensities(self)
        if self.logging is not None:
            check_probabilities(self.logging, (len(self), self.action_count), "logging")

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def action_count(self) -> int:
        return len(self.action_ids)

    @property
    def clusters(self) -> int:
        """How many users there are; without users, how many rounds."""
        return len(self) if self.users is None else int(self.users.max()) + 1

    def of(self, rounds: np.ndarray) -> LoggedFeedback:
        """Only these rounds (a mask or row numbers); users are numbered anew, actions stay as they are."""
        fields = ("actions", "rewards", "propensities", "logging", "contexts", "positions", "requests", "times")
        kept: dict[str, Any] = {
            name: None if (array := getattr(self, name)) is None else array[rounds] for name in fields
        }
        return replace(self, **kept, users=None if self.users is None else self.users[rounds])


@dataclass(frozen=True)
class TargetPolicy:
    """The policy that is asked about: `of_logged` (n,) is its probability of the action that was logged.

    `probabilities` (n, a) are those of all actions; without them only estimators that need no reward model can answer.
    `facts` are what a reader must know of how the policy is known; a red one refuses its value.
    """

    name: str
    of_logged: np.ndarray
    probabilities: np.ndarray | None = None
    facts: tuple[Fact, ...] = ()

    @classmethod
    def of(cls, name: str, log: LoggedFeedback, probabilities: np.ndarray) -> TargetPolicy:
        """From its probabilities (n, a). Raises DataError when a row does not add up to one, or is not of this log."""
        check_probabilities(probabilities, (len(log), log.action_count), name)
        return cls(name, np.take_along_axis(probabilities, log.actions[:, None], axis=1)[:, 0], probabilities)

    @classmethod
    def of_taken(cls, name: str, log: LoggedFeedback, of_logged: np.ndarray) -> TargetPolicy:
        """From its probability (n,) of the logged action alone. Raises DataError for one that is no probability."""
        if of_logged.shape != (len(log),):
            raise DataError("The policy {name} has {count} probabilities for {rounds} rounds.", name=repr(name),
                            count=of_logged.shape, rounds=len(log))  # fmt: skip
        wrong = int((~((of_logged >= 0) & (of_logged <= 1 + SUM_TOLERANCE))).sum())
        if wrong:
            raise DataError("{count} of {rounds} probabilities of the policy {name} are missing, below 0 or above 1.",
                            count=wrong, rounds=len(log), name=repr(name))  # fmt: skip
        return cls(name, of_logged)


def _numbered(users: np.ndarray) -> np.ndarray:
    """Users as numbers from 0 without a gap."""
    present = np.zeros(0, dtype=bool)
    if users.min() >= 0 and users.max() < 4 * len(users):
        present = np.bincount(users) > 0
    return users if present.size and present.all() else np.unique(users, return_inverse=True)[1]


def check_probabilities(probabilities: np.ndarray, shape: tuple[int, int], name: str) -> None:
    """Raise DataError unless `probabilities` has this shape, no negative or missing number, and rows that sum to 1."""
    if probabilities.shape != shape:
        raise DataError(
            "The policy {name} has probabilities of shape {came}, but there are {rounds} rounds and {actions} actions.",
            name=repr(name), came=probabilities.shape, rounds=shape[0], actions=shape[1],
        )  # fmt: skip
    # The smallest of a row with a NaN is a NaN, which is not >= 0.
    if not (probabilities.size == 0 or probabilities.min() >= 0):
        wrong = int((~(probabilities >= 0)).any(axis=1).sum())
        raise DataError("{count} of {rounds} rounds of the policy {name} have a probability that is missing or below "
                        "0.", count=wrong, rounds=shape[0], name=repr(name))  # fmt: skip
    sums = probabilities.sum(axis=1, dtype=np.float64)
    off = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if off.size:
        raise DataError(
            "The probabilities of the policy {name} do not add up to one in {count} of {rounds} rounds; the first adds "
            "up to {sum:.6g}.", hint="Divide each round by its sum, and give every action of the round a probability.",
            name=repr(name), count=off.size, rounds=shape[0], sum=sums[off[0]],
        )  # fmt: skip


def _check_shapes(log: LoggedFeedback) -> None:
    n = len(log.actions)
    if n == 0:
        raise DataError("The log has no rounds.", hint="A round is an item shown or taken, with its propensity.")
    for name in ("rewards", "propensities", "users", "contexts", "positions", "requests", "times"):
        array = getattr(log, name)
        if array is not None and len(array) != n:
            raise DataError("{name} has {count} entries for {rounds} rounds.", name=repr(name), count=len(array),
                            rounds=n)  # fmt: skip
    wrong = int((~np.isfinite(log.rewards)).sum())
    if wrong:
        raise DataError("{count} of {rounds} rewards are missing or not finite.",
                        hint="What did not happen is 0, not missing.", count=wrong, rounds=n)  # fmt: skip


def _check_actions(log: LoggedFeedback) -> None:
    if log.action_count < 2:
        raise DataError("The log knows only one action, so no policy could do anything else.",
                        hint="Bring the items that could have been shown.")  # fmt: skip
    if log.actions.min() < 0 or log.actions.max() >= log.action_count:
        raise DataError("A round took an action outside of the {actions} known ones.", actions=log.action_count)
    if log.action_features is not None and len(log.action_features) != log.action_count:
        raise DataError("action_features has {count} rows for {actions} actions.", count=len(log.action_features),
                        actions=log.action_count)  # fmt: skip


def _check_propensities(log: LoggedFeedback) -> None:
    wrong = {
        "{count} of {rounds} propensities are missing.": np.isnan(log.propensities),
        "{count} of {rounds} propensities are 0 or below.": log.propensities <= 0,
        "{count} of {rounds} propensities are above 1.": log.propensities > 1 + SUM_TOLERANCE,
    }
    for template, rows in wrong.items():
        if rows.any():
            raise DataError(
                template,
                hint="A propensity is the probability with which the logging policy took the action it took: what was "
                "taken cannot have had none. Log it, or let it be estimated.",
                count=int(rows.sum()), rounds=len(log),
            )  # fmt: skip
