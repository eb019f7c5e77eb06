"""Off-policy evaluation held against worlds whose truth is known: small ones quickly, the promised numbers slowly."""

from __future__ import annotations

import os

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from avrec_lib.calibrate.bandit_worlds import SPREADS, drawn_options
from avrec_lib.calibrate.many import over_seeds
from avrec_lib.calibrate.off_policy import coverage, coverage_of, coverage_worlds
from avrec_lib.calibrate.off_policy_errors import error_runs, errors, errors_of
from avrec_lib.calibrate.refusals import lights_of, refusal_worlds, refusals, refusals_of
from avrec_lib.calibrate.shares import exact_share
from avrec_lib.errors import UsageError

CORES = min(os.cpu_count() or 1, 2)


def test_a_share_has_its_exact_interval() -> None:
    table = exact_share(pl.DataFrame({"hits": [0, 5, 10, 0], "tries": [10, 10, 10, 0]}), count="hits", of="tries")
    assert table["share"].to_list() == [0, 0.5, 1, None]
    # Without a hit in ten the highest share p with (1 − p)^10 ≥ .025 is 1 − .025^.1.
    assert table["high"][0] == pytest.approx(1 - 0.025**0.1)
    assert table["low"][2] == pytest.approx(0.025**0.1)
    assert table["low"].to_list()[0] == 0
    assert table["high"].to_list()[2] == 1
    assert (table["low"][1], table["high"][1]) == pytest.approx((0.187086, 0.812914), abs=1e-6)


@pytest.mark.parametrize("spread", ["healthy", "thin overlap"])
def test_worlds_are_drawn_from_the_declared_spread(spread: str) -> None:
    worlds = [drawn_options(seed, spread) for seed in range(200)]  # type: ignore[arg-type]
    ranges = SPREADS[spread]  # type: ignore[index]
    for name in ("rounds", "actions", "logging_sharpness", "agreement"):
        low, high = ranges[name]
        drawn = [getattr(world, name) for world in worlds]
        assert low <= min(drawn) < low + 0.2 * (high - low)
        assert high - 0.3 * (high - low) < max(drawn) <= high
    assert 60 < sum(world.reward == "click" for world in worlds) < 140
    assert 60 < sum(world.rounds_per_user > 1 for world in worlds) < 140
    assert drawn_options(3, missing=0.2).missing == 0.2


def test_coverage_counts_what_the_worlds_say() -> None:
    table = coverage_worlds(6, resamples=100)
    assert table["estimator"].unique(maintain_order=True).to_list() == ["IPS", "SNIPS", "DR", "SNDR"]
    held = table.filter(estimator="DR").select(
        ((pl.col("low") <= pl.col("truth")) & (pl.col("truth") <= pl.col("high"))).sum()
    )
    counted = coverage_of(table).filter(estimator="DR").row(0, named=True)
    assert counted["held"] == held.item()
    assert counted["worlds"] == 6
    assert counted["held"] + counted["too_high"] + counted["too_low"] + counted["undefined"] == 6
    assert coverage_of(table, ["reward"])["worlds"].sum() == 24


def test_two_processes_find_what_one_finds() -> None:
    assert_frame_equal(coverage(7, resamples=50, workers=1), coverage(7, resamples=50, workers=2))


def test_a_dial_of_support_is_turned_for_the_same_worlds() -> None:
    table = refusal_worlds(3, steps=[0.0, 1.0], resamples=50)
    assert table.height == 3 * 2 * 2
    none_left = table.filter(missing=1.0)
    assert none_left["refused"].all()
    assert none_left["value"].null_count() == none_left.height
    counted = refusals_of(table)
    assert counted["worlds"].to_list() == [3, 3, 3, 3]
    last = counted.filter(missing=1.0)
    assert last["refused"].to_list() == [1.0, 1.0]
    assert last["share"].to_list() == [None, None], "there is no coverage of answers that were not given"
    lights = lights_of(table).filter(missing=1.0, light="support")
    assert lights["red"].to_list() == [1.0, 1.0]


def test_errors_are_those_of_the_logs() -> None:
    runs = error_runs(3, "digits", model="mean")
    table = errors_of(runs, "digits")
    snips = runs.filter(estimator="SNIPS")
    expected = ((snips["value"] - snips["truth"]).abs() / snips["truth"]).mean()
    row = table.row(by_predicate=pl.col("estimator") == "SNIPS", named=True)
    assert row["relative_error"] == pytest.approx(expected)
    assert row["seeds"] == 3
    assert row["published"] == 0.0228
    assert table.row(by_predicate=pl.col("estimator") == "clipped IPS", named=True)["published"] is None


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(UsageError, match="spread"):
        drawn_options(0, "ill")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="digits"):
        errors(1, "digit")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="workers"):
        over_seeds(lambda seed: [], range(2), 0, "Errors")


@pytest.mark.slow
def test_intervals_of_unbiased_estimators_hold_95_truths_of_100() -> None:
    table = coverage(1000, workers=CORES)
    assert table["undefined"].sum() == 0
    for name, share in table.select("estimator", "share").iter_rows():
        assert share == pytest.approx(0.95, abs=0.015), name


@pytest.mark.slow
def test_answers_are_right_at_every_step_and_refused_where_nothing_supports_them() -> None:
    table = refusals(300, workers=CORES)
    # A share of 300 has a standard error of .013: what is promised of many is asked of these within two of them.
    assert table.filter(pl.col("answered") >= 30).filter(pl.col("share") < 0.93 - 2 * 0.013).is_empty()
    assert (table.filter(missing=0.0)["refused"] <= 0.05).all()
    assert (table.filter(missing=1.0)["refused"] >= 0.95).all()
    assert (table.filter(pl.col("missing") >= 0.2)["refused"] >= 0.95).all()


@pytest.mark.slow
def test_where_overlap_is_thin_most_logs_are_refused_and_the_answers_are_right() -> None:
    table = refusals(1000, steps=[0.0], spread="thin overlap", workers=CORES)
    assert (table["refused"] > 0.5).all()
    # About 180 answers: a standard error of .017.
    assert (table["share"] >= 0.93 - 2 * 0.017).all()
