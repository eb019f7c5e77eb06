from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.compare import (
    INTERVAL_METHOD,
    PAIRED_INTERVAL_METHOD,
    bootstrap_means,
    by_window,
    paired_difference,
    pairwise_differences,
    summarise,
    with_verdicts,
)
from avrec_lib.schema import Values
from avrec_lib.strings import say


def values_of(model: str, numbers: list[float | None], users: list[str] | None = None) -> pl.DataFrame:
    queries = [f"q{n}" for n in range(len(numbers))]
    table = pl.DataFrame({"query_id": queries, "user_id": users or queries, "value": numbers}, strict=False)
    constants = {"model": model, "seed": 0, "window": 0, "metric": "ndcg", "k": 10}
    table = table.with_columns(pl.lit(value).alias(name) for name, value in constants.items())
    return table.select(Values.column_names()).cast(Values.create_empty().schema)


def test_the_mean_counts_only_defined_values() -> None:
    row = summarise(values_of("m", [1.0, 0.0, None])).row(0, named=True)
    assert (row["value"], row["n"], row["undefined"]) == (0.5, 2, 1)


def test_a_single_user_has_no_interval() -> None:
    row = summarise(values_of("m", [1.0, 0.0], users=["one", "one"])).row(0, named=True)
    assert (row["value"], row["low"], row["high"]) == (0.5, None, None)


def test_nothing_defined_is_null_and_not_zero() -> None:
    row = summarise(values_of("m", [None, None])).row(0, named=True)
    assert (row["value"], row["low"], row["n"], row["undefined"]) == (None, None, 0, 2)


def test_the_interval_is_as_wide_as_the_normal_one() -> None:
    numbers = np.random.default_rng(1).normal(0.3, 0.2, 400)
    row = summarise(values_of("m", list(numbers)), resamples=4000).row(0, named=True)
    half = 1.96 * numbers.std() / np.sqrt(400)
    assert row["high"] - row["low"] == pytest.approx(2 * half, rel=0.06)


def test_queries_of_one_user_stay_together() -> None:
    numbers = [float(user % 2) for user in range(40) for _ in range(25)]
    users = [f"u{user}" for user in range(40) for _ in range(25)]
    together = summarise(values_of("m", numbers, users)).row(0, named=True)
    apart = summarise(values_of("m", numbers)).row(0, named=True)
    assert (together["high"] - together["low"]) / (apart["high"] - apart["low"]) == pytest.approx(5, rel=0.15)


def test_the_same_seed_gives_the_same_resamples() -> None:
    sums, counts = np.arange(20.0).reshape(10, 2), np.ones((10, 2))
    once, again = (bootstrap_means(sums, counts, resamples=50, seed=3) for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_a_small_steady_gain_is_seen_only_when_paired() -> None:
    base = np.random.default_rng(0).random(200)
    old, new = values_of("old", list(base)), values_of("new", list(base + 0.01))
    apart = summarise(pl.concat([old, new]))
    assert apart["low"][1] < apart["high"][0]
    row = paired_difference(old, new).row(0, named=True)
    assert (row["difference"], row["verdict"]) == (pytest.approx(0.01), "better")


def test_runs_of_different_seeds_are_paired_and_several_seeds_are_averaged() -> None:
    old = values_of("old", [0.0, 0.0])
    new = pl.concat([values_of("new", [1.0, 0.0]), values_of("new", [0.0, 0.0])])
    new = new.with_columns(seed=pl.Series([1, 1, 2, 2]))
    assert paired_difference(old, new).select("difference", "n").row(0) == (0.25, 2)


def test_two_sides_without_a_common_query_are_refused() -> None:
    with pytest.raises(UsageError):
        paired_difference(values_of("a", [1.0]), values_of("b", [1.0]).with_columns(query_id=pl.lit("other")))


def test_every_pair_of_models_is_compared_once() -> None:
    table = pl.concat([values_of("a", [0.0, 1.0]), values_of("b", [0.0, 1.0]), values_of("c", [1.0, 1.0])])
    pairs = pairwise_differences(table).select("model", "baseline", "difference")
    assert pairs.rows() == [("b", "a", 0.0), ("c", "a", 0.5), ("c", "b", 0.5)]
    with pytest.raises(UsageError):
        pairwise_differences(values_of("alone", [1.0]))


def test_values_that_are_all_the_same_have_no_interval() -> None:
    row = summarise(values_of("m", [0.0] * 40)).row(0, named=True)
    assert (row["value"], row["low"], row["high"]) == (0.0, None, None)


def test_large_values_keep_their_spread() -> None:
    numbers = 1e6 + np.random.default_rng(0).normal(0, 1, 20_000)
    spread = bootstrap_means(numbers[:, None], np.ones((20_000, 1)), resamples=2000).std()
    assert spread == pytest.approx(1 / np.sqrt(20_000), rel=0.05)


def test_a_side_of_two_models_is_refused_and_what_has_no_partner_is_counted() -> None:
    old, new = values_of("old", [0.0, 1.0, 1.0]), values_of("new", [0.0, 1.0])
    assert paired_difference(old, new)["unpaired"].to_list() == [1]
    with pytest.raises(UsageError, match="one side holds"):
        paired_difference(old, pl.concat([old, new]))


def noisy(seed: int, users: int = 200, gain: float = 0.0) -> list[float]:
    return list(np.random.default_rng(seed).random(users) * 0.5 + gain)


def test_the_family_is_every_row_of_the_table() -> None:
    table = pl.concat([values_of(name, noisy(seed)) for seed, name in enumerate("abc")])
    both = pl.concat([table, table.with_columns(metric=pl.lit("recall"), value=pl.col("value") ** 2)])
    rows = pairwise_differences(both)
    assert rows["comparisons"].unique().to_list() == [6]
    assert (rows["p_adjusted"] >= rows["p_value"]).all()
    alone = pairwise_differences(both, correction="none")
    assert alone["p_adjusted"].to_list() == alone["p_value"].to_list()
    assert (alone["smallest_detectable"] < rows["smallest_detectable"]).all()


def test_rows_judged_together_are_corrected_together() -> None:
    old = values_of("old", noisy(0))
    parts = [paired_difference(old, values_of("new", noisy(seed))) for seed in (1, 2, 3)]
    together = with_verdicts(pl.concat(parts))
    assert together["comparisons"].to_list() == [3, 3, 3]
    assert together["p_adjusted"].max() >= max(part["p_adjusted"][0] for part in parts)


def test_every_row_is_what_the_pair_gives_alone() -> None:
    sides = [values_of(name, noisy(seed)) for seed, name in enumerate("abc")]
    together = pairwise_differences(pl.concat(sides), correction="none").drop("model", "baseline")
    alone = [paired_difference(sides[a], sides[b], correction="none") for a, b in ((0, 1), (0, 2), (1, 2))]
    assert_frame_equal(together, pl.concat(alone), rel_tol=1e-4)


def test_a_zone_around_zero_makes_small_differences_equivalent() -> None:
    base = noisy(0, 400)
    moved = [value + (0.0005 if place % 2 else -0.0004) for place, value in enumerate(base)]
    sides = values_of("old", base), values_of("new", moved)
    row = paired_difference(*sides, equivalence_zone=0.01).row(0, named=True)
    assert row["zone"] == pytest.approx(0.01 * np.mean(base))
    assert row["verdict"] == "equivalent"
    assert paired_difference(*sides, equivalence_zone=0).row(0, named=True)["verdict"] != "equivalent"
    for wrong in (-0.1, 1.0, float("nan")):
        with pytest.raises(UsageError, match="equivalence_zone"):
            paired_difference(*sides, equivalence_zone=wrong)


def test_the_direction_of_a_metric_turns_the_words() -> None:
    sides = values_of("old", noisy(0)), values_of("new", noisy(0, gain=0.2))
    words = [paired_difference(*sides, better={"ndcg": way})["verdict"][0] for way in ("higher", "lower", None)]
    assert words == ["better", "worse", "different"]


def test_a_difference_that_is_the_same_for_every_user_needs_no_interval() -> None:
    row = paired_difference(values_of("old", [0.5] * 50), values_of("new", [0.75] * 50)).row(0, named=True)
    assert (row["difference"], row["low"], row["p_value"], row["verdict"]) == (0.25, None, 1 / 10_001, "better")


def test_a_metric_undefined_for_one_side_decides_nothing() -> None:
    row = paired_difference(values_of("old", [0.5] * 40), values_of("new", [None] * 40)).row(0, named=True)
    assert (row["difference"], row["n"], row["undefined"], row["p_value"]) == (None, 0, 40, None)
    assert (row["unpaired"], row["comparisons"], row["verdict"]) == (0, 0, "cannot be decided with this data")


def test_one_user_decides_nothing_and_is_no_comparison() -> None:
    sides = (values_of(name, [start, 0.5], users=["one", "one"]) for name, start in (("old", 0.1), ("new", 0.9)))
    row = paired_difference(*sides).row(0, named=True)
    assert (row["users"], row["n"], row["low"], row["p_value"]) == (1, 2, None, None)
    assert row["verdict"] == "cannot be decided with this data"


def test_a_pair_without_a_common_query_is_a_row_without_numbers() -> None:
    far = values_of("far", [1.0, 0.0]).with_columns(query_id=pl.col("query_id") + "x")
    table = pairwise_differences(pl.concat([values_of("a", [0.0, 1.0]), values_of("b", [1.0, 0.0]), far]))
    facts = table.filter(model="far").select("difference", "n", "unpaired", "verdict").unique().rows()
    assert facts == [(None, 0, 4, "cannot be decided with this data")]


def test_models_without_any_common_query_are_refused() -> None:
    far = values_of("far", [1.0, 0.0]).with_columns(query_id=pl.col("query_id") + "x")
    with pytest.raises(UsageError, match="share no value"):
        pairwise_differences(pl.concat([values_of("a", [0.0, 1.0]), far]))


def test_models_that_agree_everywhere_do_the_same() -> None:
    row = paired_difference(values_of("old", noisy(0)), values_of("new", noisy(0))).row(0, named=True)
    assert (row["difference"], row["identical"], row["differing"], row["verdict"]) == (0.0, True, 0, "the same")


def test_many_rows_are_measured_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pl.concat([values_of(name, noisy(seed, 40)) for seed, name in enumerate("abcd")])
    whole = pairwise_differences(table)
    monkeypatch.setattr("avrec_lib.evaluate.compare._CELLS_AT_ONCE", 4 * 40 + 39)
    assert_frame_equal(pairwise_differences(table), whole, rel_tol=1e-4)


def test_an_interval_that_ends_at_zero_holds_zero() -> None:
    # 21 hits gained and 9 lost among 60 users: resampled means are multiples of 1/60, some exactly 0.
    old = values_of("old", [0.0] * 21 + [1.0] * 9 + [0.1] * 30)
    new = values_of("new", [1.0] * 21 + [0.0] * 9 + [0.1] * 30)
    row = paired_difference(old, new, resamples=3000).row(0, named=True)
    assert row["low"] == 0 or abs(row["low"]) > 1e-6


def test_windows_are_clustered_by_user_and_shown_one_by_one() -> None:
    windows = [values_of("m", numbers).with_columns(window=pl.lit(place, dtype=pl.Int32))
               for place, numbers in enumerate(([0.1, 0.3], [0.3, 0.5], [0.8, 0.6]))]  # fmt: skip
    table = by_window(pl.concat(windows))
    assert table["value"].to_list() == pytest.approx([0.2, 0.4, 0.7])
    assert table["windows"].to_list() == [3, 3, 3]
    assert table["sd_of_windows"][0] == pytest.approx(np.std([0.2, 0.4, 0.7], ddof=1))
    whole = summarise(pl.concat(windows)).row(0, named=True)
    assert (whole["value"], whole["n"], whole["users"]) == (pytest.approx(13 / 30), 6, 2)
    assert by_window(windows[0])["sd_of_windows"].to_list() == [None]


def test_a_pair_is_of_the_same_window() -> None:
    old = values_of("old", [0.0, 1.0])
    later = old.with_columns(window=pl.lit(1, dtype=pl.Int32), value=1 - pl.col("value"))
    both = pl.concat([old, later])
    row = paired_difference(both, both.with_columns(model=pl.lit("new"))).row(0, named=True)
    assert (row["n"], row["users"], row["verdict"]) == (4, 2, "the same")


def test_an_empty_table_has_no_rows_and_no_pairs() -> None:
    empty = Values.create_empty()
    assert summarise(empty).height == by_window(empty).height == 0
    with pytest.raises(UsageError):
        pairwise_differences(empty)


@given(st.lists(st.tuples(*[st.sampled_from([None, 0.0, 0.25, 1.0])] * 2, st.integers(0, 4)), min_size=1, max_size=20))
def test_numbers_of_a_pair_agree_with_a_loop(cells: list[tuple[float | None, float | None, int]]) -> None:
    users = [f"u{user}" for *_, user in cells]
    sides = [values_of(name, [cell[place] for cell in cells], users) for place, name in enumerate(("old", "new"))]
    row = paired_difference(*sides, resamples=50).row(0, named=True)
    pairs = [(old, new, user) for old, new, user in cells if old is not None and new is not None]
    assert (row["n"], row["users"]) == (len(pairs), len({user for *_, user in pairs}))
    assert row["undefined"] == len(cells) - len(pairs)
    assert row["differing"] == len({user for old, new, user in pairs if old != new})
    if pairs:
        assert row["difference"] == pytest.approx(sum(new - old for old, new, _ in pairs) / len(pairs))
        assert row["baseline_mean"] == pytest.approx(sum(old for old, *_ in pairs) / len(pairs))
    else:
        assert row["difference"] is row["baseline_mean"] is None


def test_a_missing_column_and_no_resamples_are_refused_with_their_names() -> None:
    table = pl.concat([values_of("a", [0.1, 0.2]), values_of("b", [0.3, 0.1])])
    for ask in (summarise, pairwise_differences):
        with pytest.raises(DataError, match="no column window"):
            ask(table.drop("window"))
        with pytest.raises(UsageError, match="but one of them is 0"):
            ask(table, resamples=0)


def test_only_the_pairs_that_are_asked_for_are_compared():
    values = pl.concat(values_of(name, [0.1 * n for n in range(40)]) for name in "abc")
    table = pairwise_differences(values, of=["c"])
    assert table.select("model", "baseline").rows() == [("c", "a"), ("c", "b")]
    assert table["comparisons"].unique().to_list() == [2]


def test_the_method_that_is_recorded_names_the_percentiles_that_are_used() -> None:
    for method in (INTERVAL_METHOD, PAIRED_INTERVAL_METHOD):
        assert "expanded percentile bootstrap over users" in method
        assert say(method, "zh") != method


def test_a_few_users_who_carry_a_mean_or_a_difference_are_told() -> None:
    """5 of 200 gain 1: skewness (1 − 2p) / √(p(1 − p)) of p = 1/40 is 6.0849, and 25 times its square 925.6."""
    old, new = values_of("old", [0.0] * 200), values_of("new", [1.0] * 5 + [0.0] * 195)
    assert summarise(pl.concat([old, new]))["fewest"].to_list() == [30, 926]
    assert by_window(new).select("users", "fewest").rows() == [(200, 926)]
    alone = paired_difference(old, new).row(0, named=True)
    assert (alone["fewest"], alone["verdict"]) == (926, "cannot be decided with this data")
    many = values_of("old", [0.0] * 1000), values_of("new", [1.0] * 25 + [0.0] * 975)
    assert pairwise_differences(pl.concat(many)).select("users", "fewest", "verdict").rows() == [(1000, 926, "better")]


def test_what_decides_is_not_corrected_for_what_is_only_looked_at() -> None:
    table = pl.concat([values_of(name, noisy(seed)) for seed, name in enumerate("abc")])
    square = table.with_columns(metric=pl.lit("square"), value=pl.col("value") ** 2)
    whole = table.with_columns(metric=pl.lit("whole"), k=pl.lit(None, dtype=pl.Int32))
    both = pl.concat([table, square, whole])
    rows = pairwise_differences(both, decides=("ndcg", 10))
    assert dict(rows.select("metric", "comparisons").unique().rows()) == {"ndcg": 3, "square": 6, "whole": 6}
    of_ndcg = rows.filter(metric="ndcg")
    assert_frame_equal(of_ndcg, pairwise_differences(table), rel_tol=1e-4)
    rest = pairwise_differences(pl.concat([square, whole]))
    assert_frame_equal(rows.filter(pl.col("metric") != "ndcg"), rest, rel_tol=1e-4, check_row_order=False)
    without_k = pairwise_differences(both, decides=("whole", None))
    assert without_k.filter(metric="whole")["comparisons"].to_list() == [3, 3, 3]
    assert_frame_equal(with_verdicts(rows), pairwise_differences(both))
    with pytest.raises(UsageError, match="NDCG@5 is to decide, but the values hold NDCG@10, square@10, whole"):
        pairwise_differences(both, decides=("ndcg", 5))
