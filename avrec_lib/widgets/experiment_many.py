"""What if there were many such tests? How often each way of reading them finds an effect, or one that is not there."""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.calibrate.one_test import Watched, watch
from avrec_lib.evaluate.experiment.border import BROKEN
from avrec_lib.evaluate.experiment.checks import sample_ratio_p
from avrec_lib.widgets.experiment_settings import Settings

TESTS = 500
_SEED = 500


def many_tests(settings: Settings, tests: int = TESTS) -> pl.DataFrame:
    """One row a way of reading (fixed, peeking, sequential): reader, found (share of the tests in which it claims an
    effect of the right sign), false (of the wrong sign, or where there is none), days (until it claims or the plan
    ends, the mean), refused (share of the tests in which the light was red at the end).

    The fixed test is read once, peeking is the fixed interval read at each look of `settings`, the sequence is read
    every day. Both that obey the light claim nothing while it is red; who peeks does not look at it.
    """
    seen = watch(settings.test, tests, _SEED)
    red = is_red(seen)
    fixed = side_of_zero(seen.fixed_low, seen.fixed_high)
    claims = {
        "fixed": np.where(seen.at_end & ~red, fixed, 0),
        "peeking": np.where(settings.looks(), fixed, 0),
        "sequential": np.where(red, 0, side_of_zero(seen.low, seen.high)),
    }
    right, last = np.sign(settings.effect), settings.planned_days
    rows = []
    for reader, claimed in claims.items():
        first = np.argmax(claimed != 0, axis=1)
        sign = claimed[np.arange(tests), first]
        found = float(np.mean((sign == right) & (sign != 0)))
        false = float(np.mean((sign != right) & (sign != 0)))
        days = float(np.where(sign != 0, first + 1, last).mean())
        rows.append((reader, found, false, days, float(red[:, -1].mean())))
    return pl.DataFrame(rows, schema=["reader", "found", "false", "days", "refused"], orient="row")


def side_of_zero(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """1 where an interval lies above 0, −1 where it lies below, else 0."""
    with np.errstate(invalid="ignore"):
        return (low > 0).astype(np.int8) - (high < 0).astype(np.int8)


def is_red(seen: Watched) -> np.ndarray:
    """Whether the arms are too uneven to be compared on each day (runs, days), by the sample-ratio check."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sample_ratio_p(np.stack(seen.arms, axis=-1), np.array([0.5, 0.5])) < BROKEN)
