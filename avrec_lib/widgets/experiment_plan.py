"""Before a test: what its plan can find, and what it would take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from avrec_lib.evaluate.experiment.planning import Baseline, ExperimentPlan, plan_experiment, smallest_effect
from avrec_lib.evaluate.power import POWER
from avrec_lib.widgets.experiment_settings import Settings


@dataclass(frozen=True)
class Outlook:
    """What a plan promises: its users, the chance that the fixed test finds the smallest effect that counts and the
    true one (None where that is 0), the effect it finds with probability POWER, and what that takes for the smallest
    effect that counts: users and days of the fixed test, and at most of the confidence sequence (None without one).
    """

    users: int
    power: float | None
    true_power: float | None
    detectable: float
    needed: ExperimentPlan | None
    days: int | None
    sequential_days: int | None


def outlook(settings: Settings) -> Outlook:
    """What the plan of `settings` promises."""
    baseline = Baseline(1.0, settings.sd)
    needed = days = sequential_days = None
    if settings.smallest_effect:
        needed = plan_experiment(baseline, settings.smallest_effect, alpha=settings.alpha)
        days, sequential_days = (
            math.ceil(users / settings.users_a_day) for users in (needed.users, needed.sequential_users)
        )
    return Outlook(
        settings.planned_users, chance(settings, settings.smallest_effect), chance(settings, settings.effect),
        smallest_effect(baseline, settings.planned_users, alpha=settings.alpha, power=POWER), needed, days,
        sequential_days,
    )  # fmt: skip


def chance(settings: Settings, effect: float) -> float | None:
    """The chance that the fixed test, read at its planned end, finds `effect` with its right sign; None for none.

    Φ(|effect| / e − z), e = 2 sd / √users the standard error of a difference of two halves.
    """
    if not effect:
        return None
    from scipy.special import ndtr, ndtri

    error = 2 * settings.sd / math.sqrt(settings.planned_users)
    return float(ndtr(abs(effect) / error - ndtri(1 - settings.alpha / 2)))
