"""What an assessment means, as a sentence that a manager can read, and as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from avrec_lib.evaluate.off_policy.assessment import Assessment
from avrec_lib.evaluate.off_policy.numbers import decimals, rounded, with_ends

SENTENCES = {
    "better": "**{policy} would earn more than what was logged**: {value} against {logged} on average, a difference of "
    "{difference} ({estimator}).",
    "worse": "**{policy} would earn less than what was logged**: {value} against {logged} on average, a difference of "
    "{difference} ({estimator}).",
    "cannot be decided": "**Whether {policy} would earn more or less than what was logged cannot be decided**: {value} "
    "against {logged} on average, a difference of {difference} ({estimator}).",
    "the same": "**{policy} does what was logged**, round by round, so it earns what the log did: {logged} on average.",
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
