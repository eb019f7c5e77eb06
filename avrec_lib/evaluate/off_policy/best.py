"""Which of several policies a log can vouch for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from avrec_lib.evaluate.off_policy.assessment import Assessment
from avrec_lib.evaluate.off_policy.intervals import Totals, standard_error


@dataclass(frozen=True)
class BestPolicy:
    """The policy with the highest lower bound; `low` holds for all `asked` policies together with 95 %."""

    policy: str
    value: float
    low: float
    asked: int
    answered: int


def best_policy(assessments: Sequence[Assessment]) -> BestPolicy | None:
    """The policy whose value the log bounds highest from below; None when every one was refused.

    Choosing the highest estimate instead would favour the one that the log knows least. Each bound has its share of the
    5 %: estimate − t · standard error with t at 1 − 0.05 / policies, for the far tail of a bootstrap would take as many
    more resamples as there are policies.
    """
    from scipy.special import stdtrit

    bounded = []
    for one in assessments:
        if one.answer is None:
            continue
        totals = Totals.of([one.ends.low], one.evidence.users)
        reach = float(stdtrit(max(totals.users - 1, 1), 1 - 0.05 / len(assessments)))
        low = float(totals.estimates()[0]) - reach * standard_error(totals.influence(0))
        bounded.append((low, one.policy, one.answer.value))
    if not bounded:
        return None
    low, policy, value = max(bounded)
    return BestPolicy(policy, value, low, len(assessments), len(bounded))
