"""Do a few users carry a metric? Then its mean has hardly a variance, and no interval of it can be trusted."""

from __future__ import annotations

import numpy as np

from avrec_lib.data.facts import Fact, Level
from avrec_lib.evaluate.bootstrap import fewest_users
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.metrics import UserMetric, user_values

TOP_USERS = 10
TAIL_SHARE, FEWEST_IN_TAIL = 0.005, 50
MUCH_OF_VARIANCE = 0.5


def heavy_tails(data: ExperimentData, metric: UserMetric) -> Fact:
    """How much of the variance the TOP_USERS highest users make, and whether it can be finite (`tail_index`).

    Red where the tail index lies below 2 by its whole interval and few users make most of the variance; amber where
    only one of both speaks, or where there are fewer users than a mean so skewed takes (`bootstrap.fewest_users`). With
    a ceiling (winsorised) the values judged are those below it.
    """
    values = user_values(data.users, metric, with_before=False)
    amounts = values.top[values.known]
    if len(amounts) < 2 or amounts.std() == 0:
        return Fact("heavy_tail", 0, None, "info", "{metric} is the same for every user.", {"metric": metric.name})
    share, index, high = variance_share(amounts), *tail_index(amounts)
    fewest = int(fewest_users(amounts[:, None], np.ones((len(amounts), 1)))[0])
    endless, carried = high < 2, share > MUCH_OF_VARIANCE
    named = {"metric": metric.name, "top": str(TOP_USERS), "index": f"{index:.1f}", "fewest": f"{fewest:,}"}
    if endless and carried:
        level: Level = "red"
        template = (
            "The {top} highest users make {share} of the variance of {metric}, and its tail (index {index}, under 2) "
            "is so heavy that the variance may be infinite: its mean says nothing. Fix a ceiling (winsorise) or "
            "compare quantiles."
        )
    elif endless or carried or fewest > len(amounts):
        level = "amber"
        template = (
            "The {top} highest users make {share} of the variance of {metric} (tail index {index}); a mean so skewed "
            "takes about {fewest} users. Fix a ceiling (winsorise), or read quantiles beside it."
        )
    else:
        level = "info"
        template = "The {top} highest users make {share} of the variance of {metric} (tail index {index})."
    return Fact("heavy_tail", TOP_USERS, share, level, template, named)


def variance_share(amounts: np.ndarray, top: int = TOP_USERS) -> float:
    """Share of Σ (y − ȳ)² that the `top` users furthest from the mean make."""
    squares = (amounts - amounts.mean()) ** 2
    top = min(top, len(squares))
    return float(np.partition(squares, len(squares) - top)[-top:].sum() / squares.sum())


def tail_index(amounts: np.ndarray) -> tuple[float, float]:
    """Hill's index of the highest TAIL_SHARE of users (at least FEWEST_IN_TAIL) and the upper end of its 95 % interval.

    1 / mean(log(y / edge)); moments of that order and above are infinite (Hill 1975). Infinite where the tail has no
    spread, as below a ceiling, or holds values that are not above 0.
    """
    size = min(max(int(TAIL_SHARE * len(amounts)), FEWEST_IN_TAIL), len(amounts) - 1)
    tail = np.partition(amounts, len(amounts) - size - 1)[-size - 1 :]
    edge = tail.min()
    if edge <= 0 or tail.max() == edge:
        return np.inf, np.inf
    index = size / np.log(tail / edge).sum()
    return float(index), float(index * (1 + 1.96 / np.sqrt(size)))
