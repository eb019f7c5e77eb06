"""From a log to a launch: what each method said of a new policy before the test, what the test said, and the truth.

A world's log is the days before its test, of some of its users; then the users are split at random, and half of them
get the new policy. The truth is that of other people of the same world, all under the old or all under the new policy
in parallel worlds (`simulate.true_difference`).
"""

from __future__ import annotations

from functools import partial

import polars as pl

from avrec_lib.calibrate.bridge_crossing import TRUTH, crossing, crossing_rows
from avrec_lib.calibrate.bridge_summary import bridge_of, gap_of, target_of
from avrec_lib.calibrate.bridge_worlds import Sizes, bridge_world
from avrec_lib.calibrate.many import Row, over_seeds

__all__ = ["bridge", "bridge_of", "gap_of", "target_of"]


def bridge(
    worlds: int = 1000, seed: int = 0, workers: int = 1, *, kind: str | None = None, sizes: Sizes | None = None
) -> pl.DataFrame:  # fmt: skip
    """One row a world, metric and method, for the worlds of the seeds from `seed` on (`bridge_worlds.bridge_world`).

    Columns world, kind, change, metric, method, estimand, says (better, worse, cannot be decided, these logs cannot
    tell), value, low, high, level (of the old policy), lift, lift_low, lift_high (the same over the level), error (of
    the lift), shown_low, shown_high (where the test's lift is to be expected), red (which lights refuse), requests; and
    of the world truth and truth_error (lift of a user in the test), truth_requests (of requests), truth_a_request (of
    the logged requests), oracle_error (of the lift by the estimator of `bridge_answers.ORACLE`), winner (by the truth:
    new, old, or neither within ZONE). Metrics: clicks, watch_seconds.
    """
    task = partial(_crossed, kind=kind, sizes=sizes or Sizes())
    rows = over_seeds(task, range(seed, seed + worlds), workers, "From offline to online")
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.selectors.float().fill_nan(None))


def _crossed(seed: int, kind: str | None, sizes: Sizes) -> list[Row]:
    crossed = crossing(bridge_world(seed, kind), sizes, seed)
    return [row for row in crossing_rows(crossed, seed) if row["method"] != TRUTH]
