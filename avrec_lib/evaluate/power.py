"""What could this data have shown? The smallest difference within reach, and how many users a smaller one takes."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

POWER = 0.8
ALPHA = 0.05
MOST_USERS = 10**10
"""More people than there are: a difference that takes them is out of reach."""

Number = TypeVar("Number", float, np.ndarray)


def smallest_detectable(
    standard_error: Number, users: Number, *, power: float = POWER, alpha: Number | float = ALPHA
) -> Number:
    """The true difference that a two-sided test at `alpha` finds with probability `power`.

    (t_{1−α/2} + t_{power}) · standard error, Student's t on users − 1 degrees of freedom. With m comparisons the first
    step of Holm's correction leaves alpha / m; Benjamini-Hochberg leaves at least that, so that the power is at least
    `power`. NaN for fewer than two users.
    """
    from scipy.special import stdtrit

    freedom = np.where(np.asarray(users) > 1, np.asarray(users, dtype=np.float64) - 1, np.nan)
    return (stdtrit(freedom, 1 - alpha / 2) + stdtrit(freedom, power)) * standard_error


def users_needed(difference: float, sd: float, power: float = POWER, alpha: float = ALPHA) -> int | None:
    """The fewest users, paired, of whom a true `difference` is found with probability `power`.

    None where no number of users up to MOST_USERS is enough, as for a difference of 0. `sd` is the standard deviation
    of a user's paired difference (the standard error times √users).
    """
    if not np.isfinite(difference) or not np.isfinite(sd):
        return None

    def enough(users: int) -> bool:
        return bool(smallest_detectable(sd / users**0.5, users, power=power, alpha=alpha) <= abs(difference))

    too_few, users = 1, 2
    while not enough(users):
        too_few, users = users, 2 * users
        if too_few > MOST_USERS:
            return None
    while users - too_few > 1:
        middle = (too_few + users) // 2
        too_few, users = (too_few, middle) if enough(middle) else (middle, users)
    return users
