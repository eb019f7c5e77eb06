import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from avrec_lib.data.opening import open_dataset
from avrec_lib.data.scaling import Method, fit_scaling
from avrec_lib.data.split import split_dataset
from avrec_lib.errors import DataError, UsageError


def rows(*triples: tuple, column: str = "value") -> pl.DataFrame:
    types = {"user_id": pl.String, "item_id": pl.String, column: pl.Float64}
    return pl.DataFrame(list(triples), schema=types, orient="row")


TRAIN = rows(("ann", "x", 1), ("ann", "y", 3), ("bob", "x", 5), ("bob", "z", 5), ("cat", "x", 1), ("cat", "y", None))
# All values 1 3 5 5 1: mean 3, squares 4 0 4 4 4, variance 16 / 5.
DEVIATION = math.sqrt(16 / 5)
ALL = rows(("ann", "x", 5), ("bob", "x", 5), ("cat", "x", 2), ("new", "x", 5), ("ann", "x", None))


def scaled(method: Method) -> list[float | None]:
    return fit_scaling(TRAIN, method=method).apply(ALL)["value"].to_list()


def test_min_max_puts_training_between_0_and_1():
    assert scaled("min_max") == [1.0, 1.0, 0.25, 1.0, None]
    assert fit_scaling(TRAIN).apply(rows(("ann", "x", 9)))["value"].item() == 2.0  # (9 − 1) / 4: not clipped


def test_standard_counts_in_deviations_from_the_mean():
    assert scaled("standard") == pytest.approx([2 / DEVIATION, 2 / DEVIATION, -1 / DEVIATION, 2 / DEVIATION, None])


def test_log_is_the_logarithm_of_one_more_and_of_nothing_negative():
    assert scaled("log") == pytest.approx([math.log(6), math.log(6), math.log(3), math.log(6), None])
    assert fit_scaling(TRAIN, method="log").apply(rows(("ann", "x", -0.5)))["value"].item() is None


def test_user_mean_takes_each_users_own_and_for_strangers_that_of_all():
    # Means: ann 2, bob 5, cat 1; all 3.
    assert scaled("user_mean") == [3.0, 0.0, 1.0, 2.0, None]


def test_user_standard_takes_the_deviation_of_all_where_a_user_has_none():
    # ann deviates by 1; bob always gives 5, cat gave one value.
    assert scaled("user_standard") == pytest.approx([3.0, 0.0, 1 / DEVIATION, 2 / DEVIATION, None])


def test_duration_share_is_what_was_watched_of_the_item():
    items = pl.DataFrame({"item_id": ["x", "y"], "duration_seconds": [50.0, 0.0]})
    watched = rows(("ann", "x", 25), ("bob", "x", 100), ("bob", "y", 9), ("bob", "z", 9), column="watch_seconds")
    scaling = fit_scaling(watched, "watch_seconds", "duration_share", items=items)
    assert scaling.apply(watched)["watch_seconds"].to_list() == [0.5, 2.0, None, None]


def test_all_equal_has_no_scale():
    same = rows(*[("ann", "x", 0.1)] * 3, ("bob", "y", 0.1))
    for method in ("min_max", "standard", "user_standard"):
        assert fit_scaling(same, method=method).apply(same)["value"].to_list() == [None] * 4
    assert fit_scaling(same, method="user_mean").apply(same)["value"].to_list() == pytest.approx([0.0] * 4)


def test_what_is_no_number_neither_counts_nor_stays():
    odd = pl.concat([TRAIN, rows(("ann", "x", math.nan), ("bob", "x", math.inf))])
    scaling = fit_scaling(odd)
    assert (scaling.offset, scaling.spread, scaling.rows) == (1.0, 4.0, 5)
    assert scaling.apply(odd)["value"].to_list()[-2:] == [None, None]


def test_a_lazy_table_stays_lazy_and_everything_else_stays_as_it_was():
    scaling = fit_scaling(TRAIN.lazy(), method="user_mean")
    lazy = scaling.apply(ALL.lazy())
    assert isinstance(lazy, pl.LazyFrame)
    assert_frame_equal(lazy.collect(), scaling.apply(ALL))
    assert_frame_equal(scaling.apply(ALL).drop("value"), ALL.drop("value"))


VALUES = st.lists(st.tuples(st.sampled_from("abc"), st.just("x"), st.floats(-5, 5)), min_size=1, max_size=12)


@given(VALUES)
def test_the_numbers_are_those_of_plain_python(triples: list[tuple]):
    train = rows(*triples)
    values = [value for _, _, value in triples]
    mean = sum(values) / len(values)
    assert fit_scaling(train, method="standard").offset == pytest.approx(mean, abs=1e-9)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    assert fit_scaling(train, method="standard").spread == pytest.approx(deviation, abs=1e-7)
    own = {user: [value for name, _, value in triples if name == user] for user in {name for name, _, _ in triples}}
    expected = [value - sum(own[user]) / len(own[user]) for user, _, value in triples]
    assert fit_scaling(train, method="user_mean").apply(train)["value"].to_list() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("method", ["min_max", "standard", "log", "user_mean", "user_standard"])
def test_what_was_fitted_does_not_change_with_the_test_rows(workbench, method: Method):
    dataset = open_dataset("movielens-100k")
    split = split_dataset(dataset, "global_time")
    test = dataset.events.filter(pl.col("timestamp") >= split.queries["cut"].max())
    changed = dataset.events.with_columns(
        pl.when(pl.col("timestamp") >= split.queries["cut"].max()).then(1e6).otherwise("value").alias("value")
    )
    other = split_dataset(dataset.with_events(changed, "test values replaced"), "global_time")
    before, after = fit_scaling(split.train, method=method), fit_scaling(other.train, method=method)
    assert test.select(pl.len()).collect().item() > 10_000
    assert (before.offset, before.spread, before.rows) == (after.offset, after.spread, after.rows)
    assert_frame_equal(before.users, after.users)
    assert_frame_equal(before.apply(split.train), after.apply(split.train))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"column": "values"}, "Did you mean value"),
        ({"method": "minmax"}, "Did you mean min_max"),
        ({"method": "duration_share"}, "duration_share scales watch_seconds and needs items"),
    ],
)
def test_a_wrong_request_is_refused(arguments: dict, said: str):
    with pytest.raises(UsageError, match=said):
        fit_scaling(TRAIN, **arguments)


def test_without_training_values_nothing_can_be_fitted():
    with pytest.raises(DataError, match="No training row has a value in 'value'"):
        fit_scaling(rows(("ann", "x", None)))
    with pytest.raises(DataError, match="watch_seconds"):
        fit_scaling(TRAIN, "watch_seconds")
