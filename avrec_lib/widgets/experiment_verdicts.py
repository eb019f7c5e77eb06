"""What is said of a test on a day: by the fixed test, by somebody who peeks, and by the confidence sequence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from avrec_lib.data.note import Note
from avrec_lib.evaluate.experiment.decide import Gain
from avrec_lib.evaluate.experiment.reasons import gain_note, interval_text, progress_note, red_note
from avrec_lib.evaluate.experiment.rule import Decision, DecisionRule, decision, outcome
from avrec_lib.widgets.experiment_many import side_of_zero
from avrec_lib.widgets.experiment_settings import Settings

Reader = Literal["fixed", "peeking", "sequential"]
READERS: tuple[Reader, ...] = ("fixed", "peeking", "sequential")
METRIC, VARIANT = "watch_seconds", "B"


@dataclass(frozen=True)
class Verdict:
    """What a reader says: the decision, why, the first day on which the reader would have decided (None: not yet), and
    what somebody who knows the true effect would add (None as long as nothing is decided).
    """

    reader: Reader
    decision: Decision
    reasons: tuple[Note, ...]
    first_day: int | None
    truth: Note | None


def verdicts(
    settings: Settings, path: pl.DataFrame, stopped: bool, red: Sequence[str] = ()
) -> dict[Reader, Verdict]:  # fmt: skip
    """The verdicts on the days of `path` (`ExperimentState.path`; not empty), the last of them today; `red` names the
    checks that forbid to read any effect.
    """
    return {
        "fixed": _read_once(settings, path, stopped, red),
        "peeking": _peeked(settings, path),
        "sequential": _watched(settings, path, stopped, red),
    }


def peeks(settings: Settings, path: pl.DataFrame) -> np.ndarray:
    """1 or −1 on the looks of `path` at which the fixed interval leaves 0 out, by its side; else 0."""
    claimed = side_of_zero(path["fixed_low"].to_numpy(), path["fixed_high"].to_numpy())
    return np.where(settings.looks()[: path.height], claimed, 0)


def first_claim(settings: Settings, path: pl.DataFrame) -> int | None:
    """The first day of `path` on which somebody who peeks would claim an effect; None without one."""
    claimed = peeks(settings, path) != 0
    return int(np.argmax(claimed)) + 1 if claimed.any() else None


def _read_once(settings: Settings, path: pl.DataFrame, stopped: bool, red: Sequence[str]) -> Verdict:
    """The fixed test speaks at the planned end alone."""
    gain, day = _gain(path, "fixed_low", "fixed_high"), path.height
    found, ended = _outcome(gain, settings), day >= settings.planned_days
    said = decision(found, ended=ended, sequential=False, red=bool(red))
    reasons = [_progress(settings, path, False)]
    if ended:
        reasons.append(gain_note(VARIANT, gain, found, settings.smallest_effect))
    elif stopped:
        said = "cannot tell"
        reasons = [Note("Stopped on day {day} of {days}: on a day that was not planned its interval promises nothing.",
                        {"day": day, "days": settings.planned_days})]  # fmt: skip
    first = day if ended and not red else None
    return Verdict("fixed", said, (*_warning(red), *reasons), first, _truth(said, settings))


def _watched(settings: Settings, path: pl.DataFrame, stopped: bool, red: Sequence[str]) -> Verdict:
    """The sequence may be read today, whatever day it is."""
    gain, day = _gain(path, "low", "high"), path.height
    found, ended = _outcome(gain, settings), day >= settings.planned_days
    said = decision(found, ended=ended or stopped, sequential=True, red=bool(red))
    reasons = [_progress(settings, path, True)]
    if stopped and not ended:
        reasons = [Note("Stopped on day {day} of {days}: the sequence holds on any day.",
                        {"day": day, "days": settings.planned_days})]  # fmt: skip
    reasons.append(gain_note(VARIANT, gain, found, settings.smallest_effect))
    first = _first_decided(settings, path)
    if first is not None and first < day:
        reasons.append(Note("It let you stop on day {day} already.", {"day": first}))
    return Verdict("sequential", said, (*_warning(red), *reasons), first, _truth(said, settings))


def _peeked(settings: Settings, path: pl.DataFrame) -> Verdict:
    """Who peeks takes the first fixed interval that leaves 0 out for the answer, and never looks at the light."""
    day, looks = first_claim(settings, path), int(settings.looks()[: path.height].sum())
    if day is None:
        said: Decision = "cannot tell" if path.height >= settings.planned_days else "keep running"
        why = Note("Not a look yet.") if not looks else Note("Looks so far: {looks}. None left 0 outside the interval.",
                                                             {"looks": looks})  # fmt: skip
        return Verdict("peeking", said, (why,), None, None)
    row, before = path.row(day - 1, named=True), int(settings.looks()[:day].sum())
    gain = Gain(METRIC, True, row["difference"], row["fixed_low"], row["fixed_high"])
    said = "ship" if row["fixed_low"] > 0 else "don't ship"
    why = Note("Look {look}, on day {day}, was the first with 0 outside the interval: {gain}.",
               {"look": before, "day": day, "gain": interval_text(gain)})  # fmt: skip
    return Verdict("peeking", said, (why,), day, _truth(said, settings))


def _first_decided(settings: Settings, path: pl.DataFrame) -> int | None:
    """The first day on which the sequence decides by the rule, the light not red."""
    low, high = (path[name].fill_null(far).to_numpy() for name, far in (("low", -np.inf), ("high", np.inf)))
    decided = ((low > 0) | (high < settings.smallest_effect) | (high < 0)) & ~path["red"].to_numpy()
    return int(np.argmax(decided)) + 1 if decided.any() else None


def _truth(said: Decision, settings: Settings) -> Note | None:
    """What the true effect makes of a decision."""
    effect, smallest = settings.effect, settings.smallest_effect
    values: Mapping[str, Any] = {"effect": percent(effect), "smallest": percent(smallest)}
    if said == "ship":
        if effect <= 0:
            return Note("A false alarm: the true effect is {effect}.", values)
        if effect < smallest:
            return Note("There is a gain, {effect}, but a smaller one than counts.", values)
        return Note("Right: the true effect is {effect}.", values)
    if said == "don't ship":
        if effect > 0 and effect >= smallest:
            return Note("A miss: the true effect is {effect}.", values)
        return Note("Nothing is lost by it: the true effect is {effect}.", values)
    return None


def _outcome(gain: Gain, settings: Settings) -> Literal["gain", "too small", "harm", "open"]:
    return outcome(gain.low, gain.high, settings.smallest_effect)


def _gain(path: pl.DataFrame, low: str, high: str) -> Gain:
    today = path.row(-1, named=True)
    ends = (math.inf * side if today[end] is None else today[end] for end, side in ((low, -1), (high, 1)))
    return Gain(METRIC, True, today["difference"], *ends)


def _warning(red: Sequence[str]) -> tuple[Note, ...]:
    return (red_note(red),) if red else ()


def _progress(settings: Settings, path: pl.DataFrame, sequential: bool) -> Note:
    rule = DecisionRule(
        METRIC, settings.planned_users, settings.smallest_effect, planned_days=settings.planned_days,
        alpha=settings.alpha, sequential=sequential,
    )  # fmt: skip
    return progress_note(rule, path["users"][-1], path.height, path.height >= settings.planned_days)


def percent(share: float) -> str:
    """A signed share in percent, to read: `+2 %`, `−0.25 %`, `0 %`."""
    return f"{100 * share:+.4g} %".replace("-", "−") if share else "0 %"
