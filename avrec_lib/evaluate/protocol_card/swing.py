"""How far does a result move when only the order of events at one time changes, and is it more than chance?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import polars as pl

from avrec_lib.data.facts import Fact, Level, level_of
from avrec_lib.data.split import Split
from avrec_lib.errors import UsageError
from avrec_lib.evaluate.bootstrap import standard_errors
from avrec_lib.evaluate.protocol_card.order import TIED_AMBER, tied_queries

SWING_AMBER, SWING_RED = 1.1, 1.5
NOISE = 3  # standard errors


def tie_swing(values_by_rule: Mapping[str, pl.DataFrame], drawn: bool = False) -> Fact:
    """How far one result moves over tie rules: greatest over least of its means, if by more than chance.

    `values_by_rule` are `schema.Values` of one model, metric and `k` under each rule (read: user_id, value). A rule may
    ask the same user about another item, so users are what is paired: each enters with the mean of what is defined of
    them (over windows), and only those defined under every rule. A difference within three standard errors of its mean
    over users is noise, and green: three is enough for the six pairs of four rules (Bonferroni: 2.64). Beyond noise,
    amber from a factor of 1.1, red from 1.5; `drawn` says that the split itself draws the order at random, where no
    rule's artefact is in its numbers: amber at most. A rule without any value is left out; of fewer than two rules or
    two users, or of means that are all 0 or below, nothing is said. Raises UsageError for several models or metrics.
    """
    measured = {
        rule: of_users for rule, values in values_by_rule.items() if (of_users := _means_of_users(values)).height
    }
    users = _side_by_side(measured)
    means = {rule: float(users[rule].mean()) for rule in measured} if users.height else {}  # type: ignore[arg-type]
    least, most = (min(means, key=means.__getitem__), max(means, key=means.__getitem__)) if means else ("", "")
    if len(means) < 2 or users.height < 2 or means[least] < 0 or means[most] == 0:
        return Fact(
            "swing_over_tie_rules", len(measured), None, "info",
            "How far the result moves over tie rules cannot be told: it was measured under {value} of them, for {users}"
            " users under each ({rules}).",
            {"reading": "–", "users": f"{users.height:,}",
             "rules": ", ".join(f"{rule} {mean:.3f}" for rule, mean in means.items()) or "–"},
        )  # fmt: skip
    difference = (users[most] - users[least]).to_numpy()
    noise = NOISE * float(standard_errors(difference[:, None], np.ones((users.height, 1)))[0])
    ratio = means[most] / means[least] if means[least] else math.inf
    factor = f"{ratio:.2f}" if math.isfinite(ratio) else "∞"
    words = {
        "reading": f"{factor}×", "factor": factor, "least_rule": least, "most_rule": most,
        "least": f"{means[least]:.3f}", "most": f"{means[most]:.3f}", "users": f"{users.height:,}",
        "difference": f"{difference.mean():.3f}", "noise": f"{noise:.3f}",
    }  # fmt: skip
    level: Level = "red" if ratio >= SWING_RED else "amber" if ratio >= SWING_AMBER else "info"
    if difference.mean() <= noise:
        return Fact("swing_over_tie_rules", len(means), None, "info", SWING_OF_CHANCE, words)
    if drawn and level != "info":
        return Fact("swing_over_tie_rules", len(means), None, "amber", SWING_OF_DRAWN, words)
    return Fact("swing_over_tie_rules", len(means), None, level, SWING[level], words)


def _means_of_users(values: pl.DataFrame) -> pl.DataFrame:
    """Columns user_id and value: the mean of what is defined of each user, without those of whom nothing is."""
    several = [name for name in ("model", "metric", "k") if name in values.columns and values[name].n_unique() > 1]
    if several:
        raise UsageError(
            "The swing over tie rules is of one model, metric and k, but its values have several: {columns}.",
            columns=", ".join(several),
        )
    known = values.select("user_id", pl.col("value").fill_nan(None)).drop_nulls("value")
    return known.group_by("user_id").agg(pl.col("value").mean()).sort("user_id")


def _side_by_side(measured: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """A row for each user who has a value under every rule, a column for each rule."""
    tables = [of_users.rename({"value": rule}) for rule, of_users in measured.items()]
    if not tables:
        return pl.DataFrame(schema={"user_id": pl.String})
    return reduce(lambda left, right: left.join(right, on="user_id"), tables).sort("user_id")


SWING: dict[Level, str] = {
    "info": "Over {value} tie rules the result stays between {least} ({least_rule}) and {most} ({most_rule}), a "
    "difference of {difference} ± {noise} (three standard errors over {users} users).",
    "amber": "Over {value} tie rules the same model measures from {least} ({least_rule}) to {most} ({most_rule}), a "
    "factor of {factor} and a difference of {difference} ± {noise} (three standard errors over {users} users). Compare "
    "only what was measured under one tie rule, best under tie_rule=random.",
    "red": "Over {value} tie rules the same model measures from {least} ({least_rule}) to {most} ({most_rule}), a "
    "factor of {factor} and a difference of {difference} ± {noise} (three standard errors over {users} users): how "
    "ties are sorted moves it further than most models differ. Use tie_rule=random, or split=global_time.",
}
SWING_OF_CHANCE = (
    "Over {value} tie rules the same model measures from {least} ({least_rule}) to {most} ({most_rule}): no more than "
    "chance. The difference of {difference} is within its noise of ± {noise} (three standard errors over {users} "
    "users)."
)
SWING_OF_DRAWN = (
    "Over {value} tie rules the same model measures from {least} ({least_rule}) to {most} ({most_rule}), a factor of "
    "{factor} and a difference of {difference} ± {noise} (three standard errors over {users} users). This split draws "
    "the order at random, so no rule is in its numbers: compare them with none measured under another tie rule."
)


def swing_not_measured(splits: Sequence[Split]) -> Fact:
    """What to say of the swing when no function to run the model again was given."""
    tied, share = tied_queries(splits)
    if tied == 0:
        return Fact("swing_over_tie_rules", 0, None, "info",
                    "No test was chosen by a tie rule, so none can move the result.", {"reading": "–"})  # fmt: skip
    return Fact(
        "swing_over_tie_rules", 0, None, level_of(share, TIED_AMBER) if tied is not None else "amber",
        "How far the result moves over tie rules was not measured: run a model under each of them.",
        {"reading": "–"},
    )  # fmt: skip
