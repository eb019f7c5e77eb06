"""Single columns of a stranger's table in our types: ids, numbers, durations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from avrec_lib.data.note import Note
from avrec_lib.errors import UsageError
from avrec_lib.imports.column_names import UNIT_WORDS, words_of
from avrec_lib.imports.lines import LINE

if TYPE_CHECKING:
    from avrec_lib.imports.mapping import Match

MISSING = ("", "\\N", "NULL", "null", "NaN", "nan", "None")
"""What exports write where there is no value."""
NO_NUMBER = (*MISSING, "NA", "N/A", "n/a", "-")
SCALES = {
    0.001: Note("in milliseconds"), 1.0: Note("in seconds"), 60.0: Note("in minutes"), 3600.0: Note("in hours")
}  # fmt: skip
LIKELY_SECONDS = 10_000  # a median above it can only be milliseconds


def unit_of(match: Match, sample: pl.DataFrame) -> float:
    """Seconds in one of the units of a duration: as given, by the column's name, or by the size of its values."""
    if match.unit:
        if match.unit not in UNIT_WORDS:
            raise UsageError(
                "{unit} is no unit of time.", hint="Expected one of {known}.",
                unit=repr(match.unit), known="ms, s, min, h",
            )  # fmt: skip
        return UNIT_WORDS[match.unit]
    named = [UNIT_WORDS[word] for word in words_of(match.theirs) if word in UNIT_WORDS]
    if named:
        return named[-1]
    values = numbers(sample[match.theirs]).drop_nulls()
    middle = float(values.median() or 0)  # type: ignore[arg-type]
    if "runtime" in words_of(match.theirs) and middle < 400:
        return 60.0
    return 0.001 if middle > LIKELY_SECONDS else 1.0


def ids(values: pl.Series) -> pl.Series:
    """Ids as text without blanks around them; null where an export wrote that there is none.

    12.0 is 12, value by value: what stands near an id in its block must not change it.
    """
    text = values.cast(pl.String)
    # Three cheap looks spare most logs the search for each of the words.
    odd = (text < "!") | text.str.ends_with(" ")
    if odd.any() or (text >= "A").any():
        text = text.str.strip_chars()
        text = text.set(text.is_in(MISSING), None)
    dotted = text.str.ends_with(".0")
    if dotted.any():
        text = text.str.replace(r"^(-?\d+)\.0$", "${1}")
    return text


def numbers(values: pl.Series) -> pl.Series:
    """Values as floats: `4,5` is 4.5; null where there is none or where it cannot be read (see `unread`)."""
    if values.dtype != pl.String:
        return values.cast(pl.Float64, strict=False).fill_nan(None)
    read = values.cast(pl.Float64, strict=False)
    left = read.is_null() & values.is_not_null()
    if left.any():
        text = values.filter(left).str.strip_chars()
        text = text.str.replace(r"^([-+]?\d+),(\d{1,2}|\d{4,})$", "${1}.${2}")
        read = read.scatter(left.arg_true(), text.cast(pl.Float64, strict=False))
    return read.fill_nan(None)


def in_seconds(values: pl.Series, scale: float) -> pl.Series:
    """Durations in seconds; thousandths are divided, which keeps 18522 ms at 18.522 s."""
    return values / round(1 / scale) if scale < 1 else values if scale == 1 else values * scale


def unread(values: pl.Series, read: pl.Series) -> pl.Series:
    """Where `values` hold something that `read` has not."""
    left = read.is_null() & values.is_not_null()
    if values.dtype.is_float():
        left &= values.is_not_nan()
    if left.any() and values.dtype == pl.String:
        left &= ~values.str.strip_chars().is_in(NO_NUMBER).fill_null(value=True)
    return left


def blank_words(values: pl.Series) -> int:
    """How many `values` are words such as NULL or n/a, or NaN, for a number that is not there."""
    if values.dtype != pl.String:
        return int(values.is_nan().sum()) if values.dtype.is_float() else 0
    return int(values.str.strip_chars().is_in([word for word in NO_NUMBER if word]).sum())


def as_text(rows: pl.DataFrame) -> pl.DataFrame:
    """All columns but the line as text."""
    return rows.with_columns(pl.exclude(LINE).cast(pl.String, strict=False))
