"""Over the worlds of a bridge: how often each method picked the winner, how far off it was, how often silent."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from avrec_lib.calibrate.bridge_answers import A_REQUEST, A_USER, NORMAL, OFF_POLICY, PREDICTED
from avrec_lib.calibrate.bridge_crossing import TEST, ZONE
from avrec_lib.calibrate.shares import exact_share
from avrec_lib.evaluate.off_policy.assessment import REFUSED

SPEAKS_IN, RIGHT_IN = 0.6, 0.95
"""What is asked of the off-policy verdict where it could decide: to speak in that share, and of those be right."""


def bridge_of(table: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Rows of `bridge.bridge` counted by metric, method and the columns `by`.

    Columns worlds, with_winner (worlds in which one policy is better by more than the zone), spoke (of those: named
    one), right (of those that spoke), share (right / spoke) with its exact 95 % interval low and high; undecided and
    refused (of with_winner), named_none (in worlds without a winner: spoke of one), bias (mean of lift − true lift of a
    user in the test, in per cent of the old level) with bias_error, spread (its standard deviation), held (share of
    intervals of the lift that hold that, of those not refused), held_own (that hold the truth of their own estimand:
    of a request as logged where that is it).
    """
    spoke = pl.col("says").is_in(["better", "worse"])
    some = pl.col("winner") != "neither"
    right = (pl.col("says") == "better") & (pl.col("winner") == "new")
    right |= (pl.col("says") == "worse") & (pl.col("winner") == "old")
    off, answered = pl.col("lift") - pl.col("truth"), pl.col("says") != REFUSED
    own = (
        pl.when(pl.col("estimand") == A_REQUEST)
        .then("truth_a_request")
        .when(pl.col("estimand") == A_USER)
        .then("truth")
    )
    held, held_own = (one.is_between("lift_low", "lift_high") for one in (pl.col("truth"), own))
    counted = table.group_by("metric", "method", *by, maintain_order=True).agg(
        worlds=pl.len(),
        with_winner=some.sum(),
        spoke=(spoke & some).sum(),
        right=(right & some).sum(),
        undecided=((pl.col("says") == "cannot be decided") & some).sum(),
        refused=(~answered & some).sum(),
        named_none=(spoke & ~some).sum(),
        bias=100 * off.filter(answered).mean(),
        bias_error=100 * off.filter(answered).std() / answered.sum().sqrt(),
        spread=100 * off.filter(answered).std(),
        held=held.filter(answered).mean(),
        held_own=held_own.filter(answered).mean(),
    )
    columns = ("worlds", "with_winner", "spoke", "right", "share", "low", "high", "undecided", "refused", "named_none",
               "bias", "bias_error", "spread", "held", "held_own")  # fmt: skip
    return exact_share(counted, count="right", of="spoke").select("metric", "method", *by, *columns)


def target_of(table: pl.DataFrame, method: str = OFF_POLICY) -> pl.DataFrame:
    """Where an interval of oracle variance would decide: does `method` speak, and is it right?

    Such a case is a world whose true lift lies outside the zone, and farther from 0 than 1.96 oracle standard errors:
    those of the same estimator on the same log, with the true expectation of every reward as its model. Columns metric,
    truth (what the lift is one of: "a user, in the test" and "a request, as logged"), cases, spoke, speaks (share) with
    speaks_low and speaks_high, right (of those that spoke), share with low and high (exact 95 %), kept.
    """
    rows = table.filter(method=method)
    sides = {"a user, in the test": "truth", "a request, as logged": "truth_a_request"}
    counted = pl.concat(
        _cases(rows, column).group_by("metric", maintain_order=True).agg(
            truth=pl.lit(name), cases=pl.len(), spoke=pl.col("spoke").sum(), right=pl.col("right").sum()
        ) for name, column in sides.items()
    )  # fmt: skip
    shares = exact_share(counted, count="spoke", of="cases").rename(
        {"share": "speaks", "low": "speaks_low", "high": "speaks_high"}
    )
    both = exact_share(shares, count="right", of="spoke")
    kept = (pl.col("speaks") >= SPEAKS_IN) & (pl.col("share") >= RIGHT_IN)
    return both.select(
        "metric", "truth", "cases", "spoke", "speaks", "speaks_low", "speaks_high", "right", "share", "low", "high",
        kept=kept,
    )  # fmt: skip


def gap_of(table: pl.DataFrame, by: Sequence[str] = ("kind",)) -> pl.DataFrame:
    """How a user in the test differs from a request of the log: what an off-policy value cannot know.

    Columns metric, those of `by`, worlds, times (the slope through 0 of the true lift of a user on that of a request)
    with times_error, more_requests (the same of the lift of requests a user: people come back more, or stay longer),
    turned (worlds outside the zone in which both have different signs), shown (share of tests whose lift lay where the
    prediction said that it would be shown).
    """
    of_user, of_request = pl.col("truth"), pl.col("truth_a_request")
    squares = (of_request**2).sum()
    slope = (of_user * of_request).sum() / squares
    tests = table.filter(method=TEST).select("world", "metric", tested="lift")
    return table.filter(method=PREDICTED).join(tests, on=["world", "metric"], maintain_order="left").group_by(
        "metric", *by, maintain_order=True
    ).agg(
        worlds=pl.len(),
        times=slope,
        times_error=((of_user - slope * of_request) ** 2 * of_request**2).sum().sqrt() / squares,
        more_requests=(pl.col("truth_requests") * of_request).sum() / squares,
        turned=((of_user.abs() > ZONE) & (of_user * of_request < 0)).sum(),
        shown=pl.col("tested").is_between("shown_low", "shown_high").mean(),
    )  # fmt: skip


def _cases(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """The rows whose true lift `column` an oracle's interval would tell from 0, with spoke and right."""
    gap = pl.col(column)
    better, worse = pl.col("says") == "better", pl.col("says") == "worse"
    return rows.filter((gap.abs() > ZONE) & (gap.abs() > NORMAL * pl.col("oracle_error"))).with_columns(
        spoke=better | worse, right=(better & (gap > 0)) | (worse & (gap < 0))
    )
