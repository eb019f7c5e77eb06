from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from experiment_tables import DAY, events, tables, times
from scipy import stats

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.experiment import (
    UserMetric,
    daily_looks,
    effect_versions,
    effects,
    effects_by,
    novelty,
    quantile_effects,
    read_experiment,
    read_user_table,
)
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.looks import daily_steps
from avrec_lib.evaluate.experiment.slices import as_groups, heterogeneity


@pytest.fixture(scope="module")
def data() -> ExperimentData:
    return read_experiment(*tables(1500, effect=0.5))


def own_table(columns: dict[str, np.ndarray], arms: int = 2) -> pl.DataFrame:
    users = len(next(iter(columns.values())))
    names = ["control", "new", "newer"][:arms]
    return pl.DataFrame({"user_id": np.arange(users).astype(str), "variant": np.array(names)[np.arange(users) % arms],
                         **columns})  # fmt: skip


def test_each_metric_stands_beside_the_control_with_difference_and_lift(data: ExperimentData) -> None:
    table = effects(data)
    row = table.row(by_predicate=pl.col("metric") == "clicks", named=True)
    means = dict(data.users.group_by("variant").agg(pl.col("clicks").mean()).rows())
    assert row["control"] == pytest.approx(means["control"])
    assert row["difference"] == pytest.approx(means["new"] - means["control"])
    assert row["lift"] == pytest.approx(means["new"] / means["control"] - 1)
    assert row["low"] < row["difference"] < row["high"]


def test_longer_watch_times_are_found_and_clicks_are_not(data: ExperimentData) -> None:
    p_values = dict(effects(data).select("metric", "p_adjusted").rows())
    assert p_values["watch_seconds"] < 0.001
    assert p_values["clicks"] > 0.05


def test_the_primary_metric_is_a_family_of_its_own(data: ExperimentData) -> None:
    table = effects(data, ["watch_seconds", "clicks", "sessions"], primary="watch_seconds")
    assert table["comparisons"].to_list() == [1, 2, 2]
    assert table["p_adjusted"][0] == table["p_value"][0]
    with pytest.raises(UsageError, match="not among the metrics"):
        effects(data, ["clicks"], primary="likes")


def test_several_arms_are_corrected_by_holm() -> None:
    rng = np.random.default_rng(0)
    table = effects(read_user_table(own_table({"revenue": rng.lognormal(size=600)}, arms=3), ["revenue"]))
    first, second = sorted(table["p_value"])
    assert sorted(table["p_adjusted"]) == pytest.approx([min(2 * first, 1), min(max(2 * first, second), 1)])


def test_the_bootstrap_agrees_with_the_delta_method(data: ExperimentData) -> None:
    asked = ["clicks", "click_through_rate", "watch_seconds"]
    delta, drawn = (effects(data, asked, cuped=True, interval=kind) for kind in ("delta", "bootstrap"))
    for end in ("low", "high", "lift_low", "lift_high"):
        off = (drawn[end] - delta[end]).abs() / (delta["high"] - delta["low"] if end in ("low", "high") else delta[
            "lift_high"] - delta["lift_low"])  # fmt: skip
        assert off.max() < 0.08  # type: ignore[operator]


def test_cuped_narrows_what_was_already_there(data: ExperimentData) -> None:
    row = effects(data, ["sessions"], cuped=True).row(0, named=True)
    assert row["narrower"] == pytest.approx(1 - np.sqrt(1 - row["correlation"] ** 2), abs=0.01)
    assert row["correlation"] > 0.5


def test_cuped_without_a_pre_period_says_that_it_cannot() -> None:
    bare = read_user_table(own_table({"revenue": np.arange(60.0)}), ["revenue"])
    with pytest.raises(DataError, match="CUPED cannot be used"):
        effects(bare, cuped=True)


def test_a_ceiling_is_taken_over_both_arms_together() -> None:
    amounts = np.concatenate([np.ones(198), [500.0, 1000.0]])
    plain, cut = (
        effects(read_user_table(own_table({"watch": amounts}), [UserMetric("w", "watch", winsorise=level)]))
        for level in (None, 0.99)
    )
    edge = np.quantile(amounts, 0.99)
    assert plain["difference"][0] == pytest.approx(5.0)  # (1000 − 500) / 100
    assert cut["difference"][0] == pytest.approx(0.0)
    assert cut["control"][0] == pytest.approx((99 + edge) / 100)


def test_a_ratio_has_no_ceiling_and_a_quantile_is_a_share() -> None:
    with pytest.raises(UsageError, match="a ratio has no ceiling"):
        UserMetric("rate", "clicks", "impressions", at_most=1.0)
    with pytest.raises(UsageError, match="winsorise is a quantile"):
        UserMetric("watch", "watch", winsorise=0.2)


def test_quantiles_of_ties_and_of_a_shift() -> None:
    rng = np.random.default_rng(0)
    values = rng.lognormal(size=4000)
    values[1::2] *= 1.5
    values[:400] = 0.0
    data = read_user_table(own_table({"watch": values}), ["watch"])
    table = quantile_effects(data, "watch", [0.05, 0.5])
    control, treated = values[::2], values[1::2]
    assert table["difference"].to_list() == pytest.approx([0.0, np.median(treated) - np.median(control)])
    twins = [
        stats.bootstrap((side,), np.median, method="percentile", n_resamples=2000, random_state=0).standard_error
        for side in (control, treated)
    ]
    width = (table["high"] - table["low"])[1]
    assert width == pytest.approx(2 * 1.96 * np.hypot(*twins), rel=0.1)
    with pytest.raises(UsageError, match="Quantiles lie between"):
        quantile_effects(data, "watch", [1.5])


def test_slices_are_corrected_and_asked_whether_they_differ() -> None:
    rng = np.random.default_rng(0)
    users = 3000
    country = np.array(["de", "fr", "cn"])[rng.integers(0, 3, users)]
    watch = rng.normal(10, 2, users) + (np.arange(users) % 2) * np.where(country == "cn", 1.0, 0.0)
    frame = own_table({"watch": watch, "country": country})
    table = effects_by(read_user_table(frame, ["watch"], attributes=["country"]), "watch", "country")
    found = {row["group"]: row for row in table.iter_rows(named=True)}
    assert found["cn"]["p_adjusted"] < 0.001 < found["de"]["p_adjusted"]
    assert table["heterogeneity"][0] < 0.001
    mine = frame.filter(pl.col("country") == "cn")
    means = dict(mine.group_by("variant").agg(pl.col("watch").mean()).rows())
    assert found["cn"]["difference"] == pytest.approx(means["new"] - means["control"])


def test_heterogeneity_is_cochrans_q() -> None:
    # Centre (1 + 3) / 2 = 2, Q = 1 + 1 = 2 on one degree of freedom.
    assert heterogeneity(np.array([1.0, 3.0]), np.array([1.0, 1.0])) == pytest.approx(stats.chi2.sf(2, 1))
    assert np.isnan(heterogeneity(np.array([1.0]), np.array([1.0])))


def test_a_small_group_has_no_test() -> None:
    frame = own_table({"watch": np.arange(100.0), "country": np.array(["de"] * 96 + ["fr"] * 4)})
    table = effects_by(read_user_table(frame, ["watch"], attributes=["country"]), "watch", "country")
    assert table.select("group", "small").rows() == [("de", False), ("fr", True)]
    assert table["p_value"][1] is None


@pytest.mark.parametrize("cuped", [False, True])
def test_days_that_add_up_are_the_moments_of_each_day(data: ExperimentData, cuped: bool) -> None:
    table = daily_looks(data, "watch_seconds", 1500, cuped=cuped, planned_days=14)
    assert table["day"][0] == date(2026, 3, 2)
    whole = effects(data, ["watch_seconds"], cuped=cuped).row(0, named=True)
    assert table["difference"][-1] == pytest.approx(whole["difference"])
    assert table["fixed_low"][-1] == pytest.approx(whole["low"])
    assert table["low"].null_count() == 3  # a quarter of 14 days is not over before the fourth
    ends = table.drop_nulls("low")
    assert (ends["low"] < ends["fixed_low"]).all() and (ends["high"] > ends["fixed_high"]).all()


def test_a_day_in_the_middle_is_what_a_shorter_log_says(data: ExperimentData) -> None:
    log, assignments = tables(1500, effect=0.5)
    cut = times(np.array([5.0 * DAY]))[0]
    shorter = read_experiment(log.filter(pl.col("timestamp") < cut), assignments)
    for metric in ("click_through_rate", "sessions"):
        day = daily_looks(data, metric, 1500).row(4, named=True)
        row = effects(shorter, [metric]).row(0, named=True)
        assert day["difference"] == pytest.approx(row["difference"])
        assert day["fixed_high"] == pytest.approx(row["high"])


def test_the_clock_is_that_of_the_correlations_of_users() -> None:
    # New users every day who act on their first day only: the clock is their number.
    rng = np.random.default_rng(0)
    users, days = 4000, 8
    day = rng.integers(0, days, users)
    name = np.array([f"u{number}" for number in range(users)])
    log = events(name, day * DAY + 3600.0, "play", rng.random(users))
    arms = np.array(["control", "new"])[rng.integers(0, 2, users)]
    who = pl.DataFrame({"user_id": name, "variant": arms, "assigned_at": times(day * DAY + 60.0)})
    raw = UserMetric("seconds", "watch_seconds")
    table = daily_looks(read_experiment(log, who, metrics=[raw]), "seconds", users, first_look=0.1)
    assert table["information"].to_list() == pytest.approx((np.arange(1, days + 1) / days).tolist(), rel=0.15)
    assert table["planned_end"].to_list() == [False] * 7 + [True]


def test_steps_of_a_user_begin_with_the_assignment() -> None:
    log = events(np.array(["a", "a", "b"]), np.array([DAY + 5.0, 2 * DAY, 10]), "play", np.array([3.0, 4, 5]))
    who = pl.DataFrame({"user_id": ["a", "b"], "variant": ["control", "new"], "assigned_at": times(np.zeros(2))})
    data = read_experiment(log, who)
    steps = daily_steps(data, UserMetric("seconds", "watch_seconds"), cuped=False)
    assert steps.state[:, 0].tolist() == [0.0, 3.0, 7.0, 5.0]
    assert steps.previous[:, 0].tolist() == [0.0, 0.0, 3.0, 0.0]
    assert steps.moments(2).count.tolist() == [[1, 1]] * 3


def test_one_row_a_user_has_no_days() -> None:
    data = read_user_table(own_table({"revenue": np.arange(60.0)}), ["revenue"])
    for look in (lambda: daily_looks(data, "revenue", 60), lambda: novelty(data, "revenue")):
        with pytest.raises(DataError, match="nothing is known day by day"):
            look()


def fading(slope: float, seed: int = 0) -> ExperimentData:
    """Users seen for ten days, whose daily effect changes by `slope` a day from 1."""
    rng = np.random.default_rng(seed)
    users, days = 800, 11
    arm = np.arange(users) % 2
    row, day = np.divmod(np.arange(users * days), days)
    watched = 20 + rng.normal(0, 1, users)[row] + rng.normal(0, 1, len(row)) + arm[row] * (1 + slope * day)
    name = np.array([f"u{number}" for number in range(users)])
    log = events(name[row], day * DAY + 3600.0, "play", watched)
    arms = np.array(["control", "new"])[arm]
    who = pl.DataFrame({"user_id": name, "variant": arms, "assigned_at": times(np.zeros(users))})
    return read_experiment(log, who, metrics=[UserMetric("seconds", "watch_seconds")])


def test_an_effect_that_fades_has_a_slope_and_one_that_lasts_has_none() -> None:
    gone = novelty(fading(-0.1), "seconds")
    assert gone.slope == pytest.approx(-0.1, abs=0.03)
    assert gone.p_value is not None and gone.p_value < 0.001
    stays = novelty(fading(0.0), "seconds")
    assert stays.low is not None and stays.high is not None and stays.low < 0 < stays.high
    # Days 0 to 9 are over before the last day of the log, day 10, begins.
    assert gone.days["since"].to_list() == list(range(10)) and gone.horizon == 9
    assert gone.days["difference"][0] == pytest.approx(1.0, abs=0.4)


def test_the_same_effect_is_measured_in_every_way() -> None:
    data = read_experiment(*tables(600, effect=0.5))
    table = effect_versions(data, "watch_seconds", resamples=200)
    assert table.select("version", "interval").unique().height == 8
    plain = effects(data, ["watch_seconds"]).row(0, named=True)  # its standard ceiling is the same quantile
    cut = table.filter(version="cut", interval="delta").row(0, named=True)
    assert (cut["difference"], cut["low"]) == (plain["difference"], plain["low"])
    ratio = effect_versions(data, "click_through_rate", resamples=200)
    assert ratio["version"].unique().sort().to_list() == ["CUPED", "as it is"]


def test_amounts_are_cut_into_ranges_in_order() -> None:
    groups, names = as_groups(pl.Series([*range(1, 10), None]))
    assert names == ["≤ 3", "3 – 6", "> 6"]
    assert groups.to_list() == [*["≤ 3"] * 3, *["3 – 6"] * 3, *["> 6"] * 3, "unknown"]
    assert as_groups(pl.Series([1, 2, 1]))[0].to_list() == ["1", "2", "1"]
    frame = pl.DataFrame({"user_id": np.arange(300).astype(str), "variant": ["control", "new"] * 150,
                          "watch": np.arange(300.0), "age": np.arange(300) // 3})  # fmt: skip
    table = effects_by(read_user_table(frame, ["watch"], attributes=["age"]), "watch", "age")
    assert table["group"].to_list() == ["≤ 33", "33 – 66", "> 66"]
