"""The rule by which a test is decided, fixed before it starts, and what intervals then say by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.evaluate.experiment.sequential import FIRST_LOOK
from avrec_lib.evaluate.power import ALPHA

Decision = Literal["ship", "don't ship", "keep running", "cannot tell"]
Held = Literal["held", "breached", "open"]
Outcome = Literal["gain", "too small", "harm", "open"]


@dataclass(frozen=True)
class Guardrail:
    """A metric that may fall by less than `margin` (a share of the control's value, or absolute if not `relative`)."""

    metric: str
    margin: float
    relative: bool = True

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise UsageError(
                "A guardrail of {metric} needs a margin above 0, but has {margin}: no test can show that nothing at "
                "all was lost.", metric=repr(self.metric), margin=self.margin,
            )  # fmt: skip
        if self.relative and self.margin >= 1:
            raise UsageError("The margin of the guardrail {metric} is a share of the control's value below 1, but "
                             "is {margin}.", hint="5 % is 0.05.", metric=repr(self.metric),
                             margin=self.margin)  # fmt: skip


@dataclass(frozen=True)
class DecisionRule:
    """Ship what gains in `metric` and keeps the guardrails; a gain below `smallest_effect` is not worth it.

    `smallest_effect` is a share of the control's value, or absolute if not `relative`. Gains are read in the metric's
    better direction. `planned_users` are those of all arms, `planned_days` calendar days: both must be reached before
    the test is over. With `sequential` it may be watched and stopped (`sequential.mixture`), else it is read once.
    """

    metric: str
    planned_users: int
    smallest_effect: float = 0.0
    relative: bool = True
    guardrails: tuple[Guardrail, ...] = ()
    planned_days: int | None = None
    alpha: float = ALPHA
    sequential: bool = False
    cuped: bool = False
    first_look: float = FIRST_LOOK

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise UsageError("alpha lies between 0 and 1, but is {alpha}.", alpha=self.alpha)
        if self.smallest_effect < 0:
            raise UsageError("The smallest effect that counts is 0 or more, but is {effect}.",
                             effect=self.smallest_effect)  # fmt: skip
        if self.planned_users < 1 or (self.planned_days is not None and self.planned_days < 1):
            raise UsageError("A plan has at least one user and one day.")
        names = [self.metric, *(guardrail.metric for guardrail in self.guardrails)]
        if len(set(names)) < len(names):
            raise UsageError("A metric decides once: {metrics}.", metrics=", ".join(names))


def outcome(low: float, high: float, smallest: float) -> Outcome:
    """What the interval of a gain says: all of it above 0 (gain), below 0 (harm), below `smallest` (too small).

    Harm comes before too small, and too small before gain: a gain that is sure but too small is not worth it.
    """
    if high < 0:
        return "harm"
    if high < smallest:
        return "too small"
    return "gain" if low > 0 else "open"


def guardrail_state(low: float, high: float, margin: float) -> Held:
    """Non-inferiority: held where the whole interval of the gain lies above −margin, breached where it lies below."""
    if low > -margin:
        return "held"
    return "breached" if high < -margin else "open"


def decision(
    found: Outcome, guardrails: Sequence[Held] = (), *, ended: bool, sequential: bool, red: bool = False
) -> Decision:  # fmt: skip
    """The verdict on one arm.

    A red check: cannot tell. A fixed test before its end: keep running, whatever it shows. Then a harm, a gain that is
    too small, or a breached guardrail: don't ship. A gain with all guardrails held: ship. What is open until the end of
    the plan keeps running; after it, it cannot be told.
    """
    if red:
        return "cannot tell"
    if not ended and not sequential:
        return "keep running"
    if found in ("harm", "too small") or "breached" in guardrails:
        return "don't ship"
    if found == "gain" and "open" not in guardrails:
        return "ship"
    return "cannot tell" if ended else "keep running"


def true_decision(rule: DecisionRule, gains: Mapping[str, float]) -> Decision:
    """What `rule` would say if the true gain in each metric were known (in its better direction, as the rule reads it).

    Guardrails that are not among `gains` are taken to hold. Raises UsageError without the metric that decides.
    """
    if rule.metric not in gains:
        raise unknown_name("metric", rule.metric, gains)
    main = gains[rule.metric]
    held = [guardrail_state(gains[one.metric], gains[one.metric], one.margin)
            for one in rule.guardrails if one.metric in gains]  # fmt: skip
    return decision(outcome(main, main, rule.smallest_effect), held, ended=True, sequential=rule.sequential)


def named_numbers(texts: Sequence[str]) -> dict[str, float]:
    """`name=number` words, such as guardrails with their margins or arms with their shares, as a mapping.

    Raises UsageError for a word without a name or a number.
    """
    found = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            name = ""
        if not name.strip():
            raise UsageError("{text} is no name with a number.", hint="Write it as name=number, like likes=0.05.",
                             text=repr(text))  # fmt: skip
    return found
