import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avrec_lib.imports.spool import Spool, drop_repeats


def filled(folder, rows: list[tuple[int, str]], held_bytes: int, size: int = 3) -> Spool:
    spool = Spool(folder, held_bytes)
    for start in range(0, len(rows), size):
        frame = pl.DataFrame(rows[start : start + size], {"hash": pl.UInt64, "text": pl.String}, orient="row")
        spool.add(frame)
    return spool


@pytest.mark.parametrize("held_bytes", [0, 100, 1 << 20])
def test_rows_come_back_in_order_from_memory_and_from_disk(tmp_path, held_bytes):
    rows = [(place, f"row {place}") for place in range(20)]
    spool = filled(tmp_path / "parts", rows, held_bytes)
    assert spool.all().collect().rows() == rows
    assert spool.rows == 20
    assert (tmp_path / "parts").exists() == (held_bytes < 1000)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab")), max_size=25),
    held_bytes=st.sampled_from([0, 1 << 20]),
    at_once=st.integers(1, 30),
)
def test_the_first_of_equal_rows_stays_and_equal_hashes_alone_are_no_repeat(
    tmp_path_factory, rows, held_bytes, at_once
):
    spool = filled(tmp_path_factory.mktemp("spool") / "parts", rows, held_bytes)
    repeats = drop_repeats(spool, ["hash"], ["text"], at_once)
    assert spool.all().collect().rows() == list(dict.fromkeys(rows))
    assert spool.rows + repeats.height == len(rows)
    seen: set[tuple[int, str]] = set()
    expected = [row for row in rows if row in seen or seen.add(row)]
    assert sorted(repeats.rows()) == sorted(expected)


def test_an_empty_spool_has_no_rows(tmp_path):
    spool = Spool(tmp_path)
    assert (spool.rows, spool.columns, spool.all().collect().height) == (0, [], 0)
    assert drop_repeats(spool, ["hash"], ["text"]).is_empty()
