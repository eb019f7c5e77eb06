"""What an assessment means, as a sentence that a manager can read, and as rows of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from avrec_lib.evaluate.off_policy.assessment import Assessment

SENTENCES = {
    "better": "**{policy} would earn more than what was logged**: {value} against {logged} on average, a difference of "
    "{difference} ({estimator}).",
    "worse": "**{policy} would earn less than what was logged**: {value} against {logged} on average, a difference of "
    "{difference} ({estimator}).",
    "cannot be decided": "**Whether {policy} would earn more or less than what was logged cannot be decided**: {value} "
    "against {logged} on average, a difference of {difference} ({estimator}).",
    "these logs cannot tell": "**These logs cannot tell what {policy} would earn.** To know it within ± 10 % of what "
    "was logged would have taken about {rounds} rounds, if {explored} of them had chosen at random.",
    "these logs cannot tell, no plan": "**These logs cannot tell what {policy} would earn**, and more rounds like them "
    "would not help: something in them does not fit.",
}
PLANNED_SHARE = 0.1
"""The share of random rounds that a refusal names; the table of the plan has others."""


def answer_sentence(found: Assessment) -> tuple[str, dict[str, str]]:
    """The template and its values (formatted text) for `finding(template, **values)`."""
    answer = found.answer
    if answer is None:
        if found.plan is None:
            return SENTENCES["these logs cannot tell, no plan"], {"policy": found.policy}
        row = found.plan.sort((pl.col("explored") - PLANNED_SHARE).abs()).row(0, named=True)
        if row["rounds"] is None:
            return SENTENCES["these logs cannot tell, no plan"], {"policy": found.policy}
        words = {"policy": found.policy, "rounds": rounded(row["rounds"]), "explored": f"{row['explored']:.0%}"}
        return SENTENCES["these logs cannot tell"], words
    digits = decimals(answer.value, answer.difference_low, answer.difference_high)
    return SENTENCES[found.verdict], {
        "policy": found.policy, "estimator": found.estimator,
        "value": f"{with_ends(answer.value, answer.low, answer.high, digits)} {found.unit}".strip(),
        "logged": f"{found.logged:.{digits}f}",
        "difference": with_ends(answer.difference, answer.difference_low, answer.difference_high, digits, signed=True),
    }  # fmt: skip


def answers_table(assessments: Sequence[Assessment]) -> pl.DataFrame:
    """One row a policy: columns policy, verdict, estimator, value, low, high, difference, difference_low,
    difference_high, guaranteed, logged, effective (users left by the weights), users. Refused ones have nulls.
    """
    numbers = ("value", "low", "high", "difference", "difference_low", "difference_high", "guaranteed")
    rows = [
        {
            "policy": one.policy, "verdict": one.verdict, "estimator": one.estimator,
            **{name: None if one.answer is None else getattr(one.answer, name) for name in numbers},
            "logged": one.logged, "effective": int(one.support.effective), "users": one.support.users,
        }
        for one in assessments
    ]  # fmt: skip
    types: dict[str, type[pl.DataType]] = dict.fromkeys((*numbers, "logged"), pl.Float64)
    types |= {
        "policy": pl.String,
        "verdict": pl.String,
        "estimator": pl.String,
        "effective": pl.Int64,
        "users": pl.Int64,
    }
    columns = ("policy", "verdict", "estimator", *numbers, "logged", "effective", "users")
    return pl.DataFrame(rows, schema={name: types[name] for name in columns})


def rounded(count: int) -> str:
    """A count in two digits that count: 43,351 is 44,000, always up."""
    step = 10 ** max(len(str(count)) - 2, 0)
    return f"{math.ceil(count / step) * step:,}"


def decimals(*numbers: float) -> int:
    """Three digits that count of the largest number."""
    largest = max(abs(number) for number in numbers)
    return min(max(2 - math.floor(math.log10(largest)), 0), 8) if largest else 0


def with_ends(value: float, low: float, high: float, digits: int, *, signed: bool = False) -> str:
    """`+0.012 [0.004, 0.020]`."""
    ends = ", ".join(f"{end:.{digits}f}".replace("-", "−") for end in (low, high))
    shown = f"{value:{'+' if signed and round(value, digits) else ''}.{digits}f}"
    return f"{shown.removeprefix('-') if not round(value, digits) else shown} [{ends}]".replace("-", "−")
