"""What a difference means: five words for a table, and a sentence that a manager can read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from avrec_lib.evaluate.bootstrap import FEWEST_USERS
from avrec_lib.evaluate.metric import metric_label
from avrec_lib.evaluate.power import ALPHA, users_needed

Better = Literal["higher", "lower"] | None
Verdict = Literal["better", "worse", "different", "equivalent", "the same", "cannot be decided with this data"]
UNDECIDED: Verdict = "cannot be decided with this data"

FEWEST_DIFFERING = 10
"""When fewer users than this see a difference, a large one that is rare may have been missed: not "equivalent"."""


def verdict(row: Mapping[str, Any], alpha: float = ALPHA) -> Verdict:
    """Reads one row of `compare.pairwise_differences`.

    - "the same": no query has a difference.
    - "equivalent": the interval lies inside ± zone. Each such claim is made at 2.5 %, uncorrected.
    - "better" or "worse": the corrected p-value is at most `alpha` and the interval does not hold 0. "different" where
      the metric has no better direction.
    - otherwise, and for anything but "the same" with fewer than `fewest` users: not decided.
    """
    if row["identical"]:
        return "the same"
    if row["difference"] is None or row["users"] < row["fewest"]:
        return UNDECIDED
    if _inside_zone(row) and row["differing"] >= FEWEST_DIFFERING:
        return "equivalent"
    if _significant(row, alpha) and not _holds_zero(row):
        if row["better"] is None:
            return "different"
        return "better" if (row["difference"] > 0) == (row["better"] == "higher") else "worse"
    return UNDECIDED


def _inside_zone(row: Mapping[str, Any]) -> bool:
    return row["low"] is not None and bool(row["zone"]) and -row["zone"] < row["low"] and row["high"] < row["zone"]


def _holds_zero(row: Mapping[str, Any]) -> bool:
    """No interval means no spread: then the test alone speaks."""
    return row["low"] is not None and row["low"] <= 0 <= row["high"]


def _significant(row: Mapping[str, Any], alpha: float, column: str = "p_adjusted") -> bool:
    return row[column] is not None and row[column] <= alpha


SENTENCES = {
    "better": "**{model} is better than {baseline}**: {metric} is {mean} against {baseline_mean}, a difference of "
    "{difference} for the same {users} users (corrected p {p}).",
    "better, size open": "**{model} is better than {baseline}**, but perhaps by too little to matter: {metric} is "
    "{mean} against {baseline_mean}, a difference of {difference} for the same {users} users (corrected p {p}), and "
    "less than {zone} counts for nothing.",
    "worse": "**{model} is worse than {baseline}**: {metric} is {mean} against {baseline_mean}, a difference of "
    "{difference} for the same {users} users (corrected p {p}).",
    "worse, size open": "**{model} is worse than {baseline}**, but perhaps by too little to matter: {metric} is "
    "{mean} against {baseline_mean}, a difference of {difference} for the same {users} users (corrected p {p}), and "
    "less than {zone} counts for nothing.",
    "different": "**{model} differs from {baseline}**: {metric} is {mean} against {baseline_mean}, a difference of "
    "{difference} for the same {users} users (corrected p {p}). More of it is neither good nor bad by itself.",
    "equivalent": "**{model} and {baseline} are equivalent**: {metric} differs by {difference} for the same {users} "
    "users, and less than {zone} counts for nothing (not corrected for the number of comparisons).",
    "the same": "**{model} and {baseline} do the same** for each of the {users} users: {metric} is {mean}.",
    "nothing in common": "**{model} against {baseline} cannot be decided with this data**: there is no query for which "
    "{metric} is defined for both.",
    "too few users": "**{model} against {baseline} cannot be decided with this data**: {metric} differs by "
    "{difference}, but there are too few users for a verdict: {users}, and it takes {fewest}.",
    "too few users, skewed": "**{model} against {baseline} cannot be decided with this data**: {metric} differs by "
    "{difference}, but a few users carry the difference: there are {users}, and it takes about {fewest} for a verdict.",
    "too few differ": "**{model} against {baseline} cannot be decided with this data**: only {differing} of {users} "
    "users see a difference in {metric}, so a large one that is rare may have been missed.",
    "one of many": "**{model} against {baseline} cannot be decided with this data**: the difference of {difference} in "
    "{metric} would count if it were the only question, but it is one of {comparisons} comparisons, and of so many one "
    "may come out like this by chance (corrected p {p}).",
    "on the edge": "**{model} against {baseline} cannot be decided with this data**: {metric} differs by {difference} "
    "for the same {users} users (corrected p {p}), and interval and test do not agree.",
    "undecided": "**{model} against {baseline} cannot be decided with this data**: {metric} differs by {difference} "
    "for the same {users} users. With them a true difference of {smallest} would be found four times out of five; "
    "the smallest that counts, {zone}, would take about {needed} users.",
    "undecided, out of reach": "**{model} against {baseline} cannot be decided with this data**: {metric} differs by "
    "{difference} for the same {users} users. With them a true difference of {smallest} would be found four times out "
    "of five.",
}


def verdict_sentence(row: Mapping[str, Any], alpha: float = ALPHA) -> tuple[str, dict[str, str]]:
    """The template and its values (formatted text) that say what a row of `pairwise_differences` means.

    For `finding(template, **values)`. An undecided row says why: no common query, too few users, one of many
    comparisons, interval and test at odds, or a difference smaller than this data can show, with the users it takes to
    show one as large as the zone. The difference seen is no plan: it is what is not known (Hoenig and Heisey 2001).
    """
    shown = [row["difference"], row["low"], row["high"], row["zone"], row["smallest_detectable"]]
    digits = _decimals(*shown[:3])
    means = _decimals(row["mean"], row["baseline_mean"])
    needed = _needed(row, alpha)
    name = metric_label(row["metric"], row["k"])
    values = {
        "model": row["model"], "baseline": row["baseline"], "metric": f"{name} ↓" if row["better"] == "lower" else name,
        "mean": _text(row["mean"], means), "baseline_mean": _text(row["baseline_mean"], means),
        "difference": _interval(row, digits), "users": f"{row['users']:,}", "differing": f"{row['differing']:,}",
        "fewest": f"{row['fewest']:,}", "comparisons": f"{row['comparisons']:,}", "p": _p_text(row["p_adjusted"]),
        "zone": _text(row["zone"], _decimals(row["zone"])),
        "smallest": _text(row["smallest_detectable"], _decimals(row["smallest_detectable"])),
        "needed": f"{needed:,}" if needed else "–",
    }  # fmt: skip
    return SENTENCES[_reason(row, needed, alpha)], values


def asks_for_words(row: Mapping[str, Any]) -> bool:
    """Whether the table alone misleads: nothing is decided, although the interval does not hold 0."""
    return row["verdict"] == UNDECIDED and row["low"] is not None and not _holds_zero(row)


def _reason(row: Mapping[str, Any], needed: int | None, alpha: float) -> str:
    said = row["verdict"]
    if said in ("better", "worse") and row["low"] is not None:
        return said if min(abs(row["low"]), abs(row["high"])) >= (row["zone"] or 0) else f"{said}, size open"
    if said != UNDECIDED:
        return said
    if row["difference"] is None:
        return "nothing in common"
    if row["users"] < row["fewest"]:
        return "too few users" if row["fewest"] == FEWEST_USERS else "too few users, skewed"
    if _inside_zone(row):
        return "too few differ"
    if not _holds_zero(row) and _significant(row, alpha, "p_value"):
        return "one of many"
    if _holds_zero(row) == _significant(row, alpha):
        return "on the edge"
    return "undecided" if needed else "undecided, out of reach"


def _needed(row: Mapping[str, Any], alpha: float) -> int | None:
    """Users for a difference as large as the zone, rounded up to two digits; None without one, or with as many."""
    if not row["standard_error"] or not row["zone"]:
        return None
    sd = row["standard_error"] * row["users"] ** 0.5
    users = users_needed(row["zone"], sd, alpha=alpha / max(row["comparisons"], 1))
    if users is None or users <= row["users"]:
        return None
    step = 10 ** max(len(str(users)) - 2, 0)
    return math.ceil(users / step) * step


def _interval(row: Mapping[str, Any], digits: int) -> str:
    centre = _text(row["difference"], digits)
    if row["difference"] is not None and row["difference"] > 0:
        centre = f"+{centre}"
    if row["low"] is None:
        return centre
    return f"{centre} [{_text(row['low'], digits)}, {_text(row['high'], digits)}]"


def _text(number: float | None, digits: int) -> str:
    if number is None:
        return "–"
    text = f"{number:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def _decimals(*numbers: float | None) -> int:
    """Three digits that count of the largest number, at most 12 decimals."""
    largest = max((abs(number) for number in numbers if number is not None), default=0.0)
    return 0 if largest == 0 else min(max(2 - math.floor(math.log10(largest)), 0), 12)


def _p_text(p_value: float | None) -> str:
    if p_value is None:
        return "–"
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"
