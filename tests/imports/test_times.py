from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avrec_lib.errors import DataError, UsageError
from avrec_lib.imports.times import detect_times, looks_like_times, read_times

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)).map(lambda time: time.replace(tzinfo=UTC))
WAYS = {
    "epoch s": (lambda time: str(int(time.timestamp())), "s"),
    "epoch s with a fraction": (lambda time: f"{time.timestamp():.3f}", "ms"),
    "epoch ms": (lambda time: str(round(time.timestamp() * 1000)), "ms"),
    "epoch us": (lambda time: str(microseconds(time)), "us"),
    "epoch ns": (lambda time: str(microseconds(time) * 1000), "us"),
    "JavaScript": (lambda time: f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z", "floor ms"),
    "Python": (lambda time: time.isoformat(), "us"),
    "Python without zone": (lambda time: time.replace(tzinfo=None).isoformat(sep=" "), "us"),
    "another zone": (lambda time: time.astimezone(timezone(timedelta(hours=8))).isoformat(), "us"),
    "database": (lambda time: f"{time:%Y-%m-%d %H:%M:%S}", "s"),
    "warehouse": (lambda time: f"{time:%Y-%m-%d %H:%M:%S} UTC", "s"),
    "minutes": (lambda time: f"{time:%Y-%m-%d %H:%M}", "minute"),
    "slashes": (lambda time: f"{time:%Y/%m/%d %H:%M:%S}", "s"),
    "day": (lambda time: f"{time:%Y-%m-%d}", "day"),
    "Twitter": (lambda time: f"{time:%a %b %d %H:%M:%S +0000 %Y}", "s"),
}


def microseconds(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def cut(time: datetime, to: str) -> datetime:
    steps = {
        "us": 1, "ms": 1000, "floor ms": 1000, "s": 1_000_000, "minute": 60_000_000, "day": 86_400_000_000
    }  # fmt: skip
    value = microseconds(time)
    rounded = round(value / 1000) * 1000 if to == "ms" else value - value % steps[to]
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=rounded)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=15, deadline=None)
@given(times=st.lists(MOMENTS, min_size=1, max_size=20))
def test_a_time_is_read_as_it_was_written(way, times):
    write, precision = WAYS[way]
    written = pl.Series([write(time) for time in times])
    reading = detect_times(written)
    assert reading is not None
    read = read_times(written, reading).to_list()
    allowed = timedelta(milliseconds=1 if precision == "ms" else 0)
    assert all(abs(one - cut(time, precision)) <= allowed for one, time in zip(read, times, strict=True))


@settings(max_examples=15, deadline=None)
@given(times=st.lists(MOMENTS, min_size=1, max_size=10))
def test_typed_times_are_taken_as_they_are(times):
    for values in (pl.Series(times), pl.Series(times).dt.convert_time_zone("Asia/Shanghai")):
        reading = detect_times(values)
        assert reading is not None
        assert read_times(values, reading).to_list() == times


def test_a_date_is_its_midnight_in_utc():
    reading = detect_times(pl.Series([date(2024, 2, 29)]))
    assert reading is not None
    assert read_times(pl.Series([date(2024, 2, 29)]), reading).to_list() == [datetime(2024, 2, 29, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (["1600000000", "5"], "seconds since 1970"),
        (["1600000000123"], "milliseconds since 1970"),
        (["1600000000123456"], "microseconds since 1970"),
        (["2020-09-13"], "ISO dates, taken as midnight UTC"),
        (["2020-09-13 10:11:12"], "ISO times, taken as UTC"),
        (["2020-09-13T10:11:12+02:00"], "ISO times with zone"),
        (["13.09.2020"], "times like %d.%m.%Y"),
        (["20200913"], "times like %Y%m%d"),
    ],
)
def test_it_is_said_how_times_are_read(values, note):
    reading = detect_times(pl.Series(values))
    assert reading is not None
    assert reading.note.text("en") == note


def test_what_cannot_be_read_is_null_and_other_iso_ways_still_are_read():
    reading = detect_times(pl.Series(["2020-09-13T10:11:12Z"]))
    assert reading is not None
    values = ["2020-09-13T10:11:12Z", "2020-09-13", " 2020-09-13 10:11", "2020-13-13T10:11:12Z", "soon", "", None]
    read = read_times(pl.Series(values), reading).to_list()
    assert [time and (time.day, time.hour) for time in read] == [(13, 10), (13, 0), (13, 10), None, None, None, None]


def test_an_epoch_out_of_all_bounds_is_null():
    reading = detect_times(pl.Series(["1600000000"]))
    assert reading is not None
    read = read_times(pl.Series(["99999999999999999999", "-99999999999999", "nan", "inf", "1e400"]), reading)
    assert read.null_count() == 5


def test_month_and_day_that_cannot_be_told_apart_are_asked_for():
    with pytest.raises(
        DataError, match=r"may be month/day or day/month\. Say which: --map timestamp=COLUMN:%m/%d/%Y or"
    ):
        detect_times(pl.Series(["01/02/2020", "03/04/2020"]))
    clear = detect_times(pl.Series(["01/02/2020", "13/04/2020"]))
    assert clear is not None
    assert clear.formats == ("%d/%m/%Y",)


def test_a_given_unit_or_format_is_taken():
    reading = detect_times(pl.Series(["17.14.11"]), "%y.%d.%m")
    assert reading is not None
    assert read_times(pl.Series(["17.14.11"]), reading).to_list() == [datetime(2017, 11, 14, tzinfo=UTC)]
    with pytest.raises(UsageError, match="'weeks' is no way to read times"):
        detect_times(pl.Series(["1"]), "weeks")


@pytest.mark.parametrize(
    ("values", "are"),
    [
        (["1", "2"], False),  # 1970
        (["x"], False),
        ([None], False),
        (["157766400"], False),  # 1975
        (["978300760"], True),  # 2000
        (["2020-01-01"], True),
        (["01/02/2020"], True),
    ],
)
def test_only_plausible_years_make_a_nameless_column_times(values, are):
    assert looks_like_times(pl.Series(values, dtype=pl.String)) == are
