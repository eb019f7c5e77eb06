"""The decision card: what a rule that was fixed first says of an experiment, with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.data.facts import Fact
from avrec_lib.data.note import Note
from avrec_lib.evaluate.bootstrap import FEWEST_USERS
from avrec_lib.evaluate.experiment.checks import check_experiment
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.effects import arm_values, known_by_arm, need_before
from avrec_lib.evaluate.experiment.estimates import Estimate
from avrec_lib.evaluate.experiment.looks import look_path
from avrec_lib.evaluate.experiment.metrics import UserMetric
from avrec_lib.evaluate.experiment.reasons import gain_note, guardrail_note, progress_note, red_note
from avrec_lib.evaluate.experiment.rule import (
    Decision,
    DecisionRule,
    Held,
    decision,
    guardrail_state,
    outcome,
    true_decision,
)
from avrec_lib.evaluate.experiment.sequential import mixture


@dataclass(frozen=True)
class Gain:
    """A difference or lift in the metric's better direction, with the interval that the rule reads; NaN: undefined."""

    metric: str
    relative: bool
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ArmVerdict:
    """What the rule says of one arm: its decision, the gain in the metric that decides, and that of each guardrail."""

    variant: str
    decision: Decision
    gain: Gain
    guardrails: tuple[tuple[Gain, Held], ...]
    reasons: tuple[Note, ...]


@dataclass(frozen=True)
class DecisionCard:
    """`decision` for the experiment, the arm to ship (None unless that is it), verdicts by arm, reasons and checks."""

    decision: Decision
    variant: str | None
    arms: tuple[ArmVerdict, ...]
    reasons: tuple[Note, ...]
    checks: tuple[Fact, ...]
    rule: DecisionRule

    @property
    def word(self) -> Note:
        """The decision as a word to translate."""
        return Note(WORDS[self.decision])

    def table(self) -> pl.DataFrame:
        """One row an arm and metric: variant, metric, relative, gain, low, high, state (gain, too small, harm, open; of
        a guardrail held, breached, open), decision.
        """
        rows = []
        for arm in self.arms:
            state = outcome(arm.gain.low, arm.gain.high, self.rule.smallest_effect)
            for gain, found in ((arm.gain, state), *arm.guardrails):
                rows.append((arm.variant, gain.metric, gain.relative, gain.value, gain.low, gain.high, found,
                             arm.decision))  # fmt: skip
        columns = ("variant", "metric", "relative", "gain", "low", "high", "state", "decision")
        return pl.DataFrame(rows, schema=columns, orient="row").with_columns(pl.selectors.float().fill_nan(None))


WORDS: dict[Decision, str] = {
    "ship": "Ship",
    "don't ship": "Don't ship",
    "keep running": "Keep running",
    "cannot tell": "Cannot tell",
}
ORDER: tuple[Decision, ...] = ("ship", "keep running", "cannot tell", "don't ship")


def decide(data: ExperimentData, rule: DecisionRule, checks: Sequence[Fact] | None = None) -> DecisionCard:
    """What `rule` says of `data`.

    `checks` default to `check_experiment` on the metrics of the rule; a red one gives "cannot tell". With m arms beside
    the control every interval is at 1 − alpha / m, so that they hold together; guardrails need no further correction,
    as all of them must hold. Of several arms that may ship the one with the largest gain does. A relative gain where
    the control is not clearly above 0 is undefined, and so is a gain in a metric that is known for under FEWEST_USERS
    users of an arm: the arm stays open. Raises UsageError for a metric that is not
    there, DataError for CUPED without a pre-period.
    """
    names = [rule.metric, *(guardrail.metric for guardrail in rule.guardrails)]
    metrics = {name: data.metric(name) for name in names}
    if rule.cuped:
        need_before(data)
    checks = check_experiment(data, names) if checks is None else checks
    red = tuple(dict.fromkeys(fact.name for fact in checks if fact.level == "red"))
    users, days = data.users.height, days_run(data)
    over = days is None or rule.planned_days is None or days >= rule.planned_days
    ended = users >= rule.planned_users and over and _is_over(data, rule.planned_users)
    values = {name: arm_values(data, metric, cuped=rule.cuped) for name, metric in metrics.items()}
    counts = {name: known_by_arm(data, known) for name, (known, _) in values.items()}
    few = {name: np.minimum(count[0], count[1:]) < FEWEST_USERS for name, count in counts.items()}
    arms = tuple(
        _arm(data, rule, metrics, {name: found[place] for name, (_, found) in values.items()},
             {name for name in names if few[name][place]}, place, ended, bool(red))
        for place in range(len(data.treatments))
    )  # fmt: skip
    best = min(arms, key=lambda arm: (ORDER.index(arm.decision), -np.nan_to_num(arm.gain.value)))
    first = [red_note(red)] if red else []
    first.append(progress_note(rule, users, days, ended))
    shipped = best.variant if best.decision == "ship" else None
    return DecisionCard(best.decision, shipped, arms, (*first, *best.reasons), tuple(checks), rule)


def beside_truth(card: DecisionCard, data: ExperimentData, lifts: pl.DataFrame) -> pl.DataFrame:
    """`card.table()` beside what is true: truth, the gain of the true `lifts` (variant, metric, lift; null where none
    is given), and right, what the rule would say if it knew them (null without the metric that decides).
    """
    signs = {name: float(data.metric(name).sign) for name in card.table()["metric"].unique()}
    gains = lifts.filter(pl.col("metric").is_in(list(signs))).select(
        "variant", "metric", truth=pl.col("lift") * pl.col("metric").replace_strict(signs, return_dtype=pl.Float64)
    )
    said = {}
    for arm in data.treatments:
        known = gains.filter(pl.col("variant") == arm).drop_nulls("truth")
        if card.rule.metric in known["metric"]:
            said[arm] = true_decision(card.rule, dict(known.select("metric", "truth").iter_rows()))
    right = pl.col("variant").replace_strict(said, default=None, return_dtype=pl.String)
    table = card.table().join(gains, on=["variant", "metric"], how="left", maintain_order="left")
    return table.with_columns(right=right)


def days_run(data: ExperimentData) -> int | None:
    """Calendar days from the first assignment to the last day that is over; None where days are not known."""
    if data.daily is None or not data.daily.height or data.finished is None:
        return None
    first = data.users.select(pl.col("assigned_day").cast(pl.Date).min()).item()
    return max(int((data.finished - first).days) + 1, 0)


def _is_over(data: ExperimentData, planned_users: int) -> bool:
    """Whether the planned users had come by the last day that is over, where days are known."""
    if data.daily is None or data.finished is None:
        return True
    return int((data.users["assigned_day"] <= data.finished).sum()) >= planned_users


def _arm(
    data: ExperimentData, rule: DecisionRule, metrics: dict[str, UserMetric], found: dict[str, Estimate],
    few: set[str], place: int, ended: bool, red: bool,
) -> ArmVerdict:  # fmt: skip
    variant = data.treatments[place]
    gains = {}
    for name, metric in metrics.items():
        is_relative = next((one.relative for one in rule.guardrails if one.metric == name), rule.relative)
        read, reach = (found[name], np.nan) if name in few else _read(data, rule, metric, found[name], variant, ended)
        gains[name] = _gain(metric, read, reach, is_relative)
    main = gains[rule.metric]
    state = outcome(main.low, main.high, rule.smallest_effect)
    held = [guardrail_state(gains[one.metric].low, gains[one.metric].high, one.margin) for one in rule.guardrails]
    verdict = decision(state, held, ended=ended, sequential=rule.sequential, red=red)
    reasons = [gain_note(variant, main, state, rule.smallest_effect)]
    reasons += [
        guardrail_note(variant, gains[one.metric], kept, one.margin)
        for one, kept in zip(rule.guardrails, held, strict=True)
    ]  # fmt: skip
    guarded = tuple((gains[one.metric], kept) for one, kept in zip(rule.guardrails, held, strict=True))
    return ArmVerdict(variant, verdict, main, guarded, tuple(reasons))


def _read(
    data: ExperimentData, rule: DecisionRule, metric: UserMetric, whole: Estimate, variant: str, ended: bool
) -> tuple[Estimate, float]:  # fmt: skip
    """The estimate that the rule reads, and half the width of its interval in standard errors.

    Both tests read the look of the planned end, however long the log goes on, and before it the last one. A table
    without days is taken to be read at the end of its plan, if that is fulfilled.
    """
    from scipy.special import stdtrit

    each = rule.alpha / len(data.treatments)
    by_day = data.daily is not None and metric.top in data.daily.columns
    if not rule.sequential and not (by_day and ended):
        return whole, float(stdtrit(whole.freedom, 1 - each / 2))
    planned = data.design.share_of(data.variants)
    pair = planned[0] + planned[data.variants.index(variant)]
    users = rule.planned_users * pair
    if data.daily is None:
        progress = np.isin(data.arms, (0, data.variants.index(variant))).sum() / users
        return whole, float(mixture(each, rule.first_look).reach(progress, ended))
    path = look_path(data, metric.name, users, variant, rule.cuped, each, rule.first_look, rule.planned_days)
    look = int(np.argmax(path.at_end)) if path.at_end.any() else len(path.days) - 1
    found = path.found.at(look)
    reach = float(path.reach[look])
    if rule.sequential or not np.isfinite(reach):  # infinite: too few users by then
        return found, reach
    return found, float(stdtrit(found.freedom, 1 - each / 2))


def _gain(metric: UserMetric, found: Estimate, reach: float, relative: bool) -> Gain:
    value, error = (found.lift, found.lift_error) if relative else (found.difference, found.error)
    centre, width = metric.sign * float(value), reach * float(error)
    return Gain(metric.name, relative, centre, centre - width, centre + width)
