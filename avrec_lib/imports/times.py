"""Times as people write them: ISO with and without zone, dates, epoch seconds to nanoseconds, day/month/year."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from avrec_lib.data.note import Note
from avrec_lib.errors import DataError, UsageError
from avrec_lib.schema import TIME

EPOCH_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": -1_000}  # microseconds each; ns is divided
SINCE_1970 = {
    "s": Note("seconds since 1970"), "ms": Note("milliseconds since 1970"),
    "us": Note("microseconds since 1970"), "ns": Note("nanoseconds since 1970"),
}  # fmt: skip
LATEST = 253_402_300_799  # the last second of the year 9999
ISO_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z",
    "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M",
    "%Y-%m-%d", "%Y/%m/%d %H:%M:%S%.f", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y-%m-%d %H:%M:%S%.f %Z",
)  # fmt: skip
OTHER_FORMATS = (
    "%Y%m%d%H%M%S", "%Y%m%d", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y",
    "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m %d, %Y", "%b %d, %Y", "%d %b %Y", "%d %B %Y", "%B %d, %Y",
    "%d-%b-%Y", "%a %b %d %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z",
)  # fmt: skip
FIXED = {"%Y%m%d": 8, "%Y%m%d%H%M%S": 14}
SWAPPED = {"%m/%d": "%d/%m", "%d/%m": "%m/%d"}
COMMON = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(?:\.(\d{3}|\d{6}|\d{9}))?(Z|\+00:00|\+0000| UTC)?")


@dataclass(frozen=True)
class TimeReading:
    """How one column's times are read: an epoch `unit`, or `formats` tried in order; `note` says it to a person."""

    unit: str = ""
    formats: tuple[str, ...] = ()
    typed: bool = False
    note: Note = field(default_factory=lambda: Note("times"))


def detect_times(values: pl.Series, given: str = "") -> TimeReading | None:
    """How the sampled `values` are to be read, or None when they are no times.

    `given` is what a person said: s, ms, us, ns, or a format like %d.%m.%Y. Raises UsageError when it is neither.
    """
    if given:
        return _given_reading(given)
    if values.dtype == pl.Date or isinstance(values.dtype, pl.Datetime):
        zone = getattr(values.dtype, "time_zone", None)
        return TimeReading(typed=True, note=Note("times with zone") if zone else Note("times, taken as UTC"))
    text = values.cast(pl.String).str.strip_chars().drop_nulls()
    text = text.filter(text != "").unique(maintain_order=True).head(2000)
    if text.is_empty():
        return None
    numbers = text.cast(pl.Float64, strict=False)
    written = any(_share_read(text, form) > 0.9 for form in ("%Y%m%d", "%Y%m%d%H%M%S"))
    if numbers.null_count() <= len(text) * 0.5 and not written:
        return _epoch_reading(numbers.drop_nulls())
    return _written_reading(text)


def looks_like_times(values: pl.Series) -> bool:
    """Whether `values` are times whatever their column is called: ISO, or an epoch of the years 1990 to 2100."""
    try:
        reading = detect_times(values)
    except DataError:  # times, though not clear which
        return True
    if reading is None or not reading.unit:
        return reading is not None
    years = read_times(values, reading).drop_nulls().dt.year()
    return len(years) > 0 and bool(years.is_between(1990, 2100).all())


def _given_reading(given: str) -> TimeReading:
    if given in EPOCH_UNITS:
        return TimeReading(unit=given, note=SINCE_1970[given])
    if "%" in given:
        return TimeReading(formats=(given,), note=Note("times like {form}", {"form": given}))
    raise UsageError(
        "{given} is no way to read times.", hint="Expected s, ms, us, ns or a format such as %d.%m.%Y.",
        given=repr(given),
    )  # fmt: skip


def _epoch_reading(numbers: pl.Series) -> TimeReading | None:
    middle = float(numbers.abs().median() or 0)  # type: ignore[arg-type]
    for unit, limit in (("s", 1e11), ("ms", 1e14), ("us", 1e17), ("ns", 1e20)):
        if middle < limit:
            return TimeReading(unit=unit, note=SINCE_1970[unit])
    return None


def _written_reading(text: pl.Series) -> TimeReading | None:
    """The formats that together read most values: the best first, then what it cannot read."""
    chosen: list[str] = []
    left = text
    while len(left) and len(chosen) < 3:
        best = max((*ISO_FORMATS, *OTHER_FORMATS), key=lambda form: _share_read(left, form))
        if _share_read(left, best) < (0.5 if not chosen else 0.01):
            break
        chosen.append(best)
        left = left.filter(read_written(left, (best,)).is_null())
    if not chosen or len(left) > len(text) * 0.5:
        return None
    return TimeReading(formats=tuple(chosen), note=_written_note(chosen[0], text))


def _written_note(form: str, text: pl.Series) -> Note:
    swapped = next((form.replace(old, new) for old, new in SWAPPED.items() if form.startswith(old)), "")
    if swapped and _share_read(text, swapped) == _share_read(text, form):
        raise DataError(
            "Times like {value} may be month/day or day/month.",
            hint="Say which: --map timestamp=COLUMN:{form} or --map timestamp=COLUMN:{swapped}.",
            value=repr(text[0]), form=form, swapped=swapped,
        )  # fmt: skip
    if form not in ISO_FORMATS:
        return Note("times like {form}", {"form": form})
    if "%H" not in form:
        return Note("ISO dates, taken as midnight UTC")
    return Note("ISO times with zone") if "z" in form.lower() else Note("ISO times, taken as UTC")


def _share_read(text: pl.Series, form: str) -> float:
    read = read_written(text, (form,))
    return 1 - read.null_count() / len(read)


def read_written(text: pl.Series, formats: Sequence[str]) -> pl.Series:
    """`text` as UTC times by the first of `formats` that fits each value, null where none does."""
    result = pl.Series(text.name, [None], dtype=TIME).new_from_index(0, len(text))
    for form in formats:
        missing = result.is_null() & text.is_not_null()
        if not missing.any():
            break
        some = text if missing.all() else text.filter(missing)
        read = some.str.to_datetime(form, strict=False, time_unit="us")
        if form in FIXED:  # the parser takes 2020101 for a date, and an epoch for a year of many digits
            read = read.set(some.str.len_chars() != FIXED[form], None)
        read = read.dt.replace_time_zone("UTC") if read.dtype == pl.Datetime("us") else read.dt.convert_time_zone("UTC")
        result = read if missing.all() else result.scatter(missing.arg_true(), read)
    return result


def read_times(values: pl.Series, reading: TimeReading) -> pl.Series:
    """`values` as UTC times with microseconds, null where they cannot be read."""
    if reading.typed:
        return _typed_times(values)
    if reading.unit:
        return _epoch_times(values, reading.unit)
    text = values.cast(pl.String)
    common = reading.formats[0] in ISO_FORMATS and "-%d" in reading.formats[0] and "%S" in reading.formats[0]
    result = _common_times(text) if common else read_written(text, reading.formats)
    left = result.is_null() & text.is_not_null()
    if not left.any():
        return result
    # A line may be written otherwise than the sample: every ISO way is unmistakable, so it is tried.
    again = read_written(text.filter(left).str.strip_chars(), (*reading.formats, *ISO_FORMATS))
    return result.scatter(left.arg_true(), again)


def _typed_times(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Date:
        return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if getattr(values.dtype, "time_zone", None) is None:
        return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return values.dt.convert_time_zone("UTC").cast(TIME)


def _epoch_times(values: pl.Series, unit: str) -> pl.Series:
    whole = values.cast(pl.Int64, strict=False)
    scale = EPOCH_UNITS[unit]
    limit = min(LATEST * (1_000_000 // scale if scale > 0 else 1_000_000_000), 2**63 - 1)
    result = whole.set(~whole.is_between(-limit, limit), None)
    result = result * scale if scale > 0 else result // -scale
    left = result.is_null() & values.is_not_null()
    if left.any():  # 1600000000.0, 1.6e9, ' 1600000000'
        some = values.filter(left)
        some = some.str.strip_chars() if some.dtype == pl.String else some
        numbers = some.cast(pl.Float64, strict=False)
        numbers = numbers.set(~(numbers.abs() <= limit), None)
        numbers = numbers * scale if scale > 0 else numbers / -scale
        result = result.scatter(left.arg_true(), numbers.round().cast(pl.Int64))
    return result.cast(TIME)


def _common_times(text: pl.Series) -> pl.Series:
    """Times shaped like the first one, five times as fast as by a general format; null for another shape."""
    shape = COMMON.fullmatch(str(text.first(ignore_nulls=True)))
    if shape is None:
        return pl.Series(text.name, [None], dtype=TIME).new_from_index(0, len(text))
    middle, digits, zone = shape.groups(default="")
    form = f"%Y-%m-%d{middle}%H:%M:%S" + (f".%{len(digits)}f" if digits else "") + zone
    return text.str.to_datetime(form, strict=False, time_unit="us", cache=False).dt.replace_time_zone("UTC")
