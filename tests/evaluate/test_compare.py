from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.compare import (
    bootstrap_means,
    paired_difference,
    pairwise_differences,
    summarise,
)
from avrec_lib.schema import Values


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
