import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avrec_lib.errors import DataError
from avrec_lib.imports.blocks import whole_lines
from avrec_lib.imports.dialect import FileFormat
from avrec_lib.imports.files import sniff
from avrec_lib.imports.lines import LINE, split_block

TABLE = FileFormat(Path("x"), "delimited", ("a", "b", "c"))
CLEAN = st.sampled_from(["1", "", "é", " sp ", "x,y", 'say "hi"', "two\nlines", "\u2028", '"', ",", "a\n\nb"])
ANY = st.sampled_from(["1", "", '"x,y"', '"open', 'close"', 'mid"dle', '"ab"c', '"two\nlines"', '""', '"', "é"])


def split(text: str) -> tuple[list[list[str]], list[int]]:
    block = text.encode()
    rows, broken = split_block(block, block.count(b"\n"), TABLE)
    return [[cell or "" for cell in row] for row in rows.drop(LINE).rows()], broken[LINE].to_list()


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.lists(CLEAN, min_size=3, max_size=3), min_size=1, max_size=12), quoting=st.sampled_from([0, 1]))
def test_well_written_csv_is_read_as_pythons_csv_module_reads_it(rows, quoting):
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows(rows)
    assert split(text.getvalue()) == ([list(row) for row in csv.reader(io.StringIO(text.getvalue()))], [])


@settings(max_examples=300, deadline=None)
@given(lines=st.lists(st.lists(ANY, min_size=1, max_size=5).map(",".join), min_size=1, max_size=15))
def test_no_line_is_counted_twice_and_every_line_of_three_plain_fields_is_a_row(lines):
    text = "\n".join(["7,8,9", *lines, "7,8,9"]) + "\n"
    block = text.encode()
    rows, broken = split_block(block, block.count(b"\n"), TABLE)
    numbers = rows[LINE].to_list() + broken[LINE].to_list()
    assert len(numbers) == len(set(numbers))
    assert rows[LINE].is_sorted()
    plain = [number for number, line in enumerate(text.split("\n")) if line.count(",") == 2 and '"' not in line]
    inside = {number for number in plain if number not in set(rows[LINE])}
    # Only a field that opened a quote before such a line and closed it after may have taken it in.
    assert not inside or any("\n" in cell for row in rows.drop(LINE).rows() for cell in row if cell)


def test_two_broken_lines_do_not_swallow_the_good_ones_between_them():
    rows, broken = split('1,"a,3\n4,5,6\n7,8,9\n"10,b,12\n')
    assert rows == [["4", "5", "6"], ["7", "8", "9"]]
    assert broken == [0, 3]


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.lists(CLEAN, min_size=3, max_size=3), min_size=1, max_size=20), size=st.integers(1, 60))
def test_blocks_of_any_size_make_up_the_file_and_cut_no_record(rows, size):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    raw = text.getvalue().encode()
    blocks = list(whole_lines(io.BytesIO(raw), TABLE, block_bytes=size))
    assert b"".join(blocks) == raw
    assert [row for block in blocks for row in split(block.decode())[0]] == list(
        csv.reader(io.StringIO(text.getvalue()))
    )


def test_a_last_line_without_an_end_is_a_line():
    assert list(whole_lines(io.BytesIO(b"1,2,3\n4,5,6"), TABLE, 4)) == [b"1,2,3\n", b"4,5,6\n"]


def test_a_broken_json_line_costs_one_line():
    file = FileFormat(Path("x"), "jsonl", ("u", "v"))
    block = b'{"u": 1, "v": "a"}\n{"u": 2,\n[3]\n\n{"v": 1.0, "u": [1, 2], "w": 0}\n{"u": true, "v": NaN}\n'
    rows, broken = split_block(block, block.count(b"\n"), file)
    assert rows.rows() == [(0, "1", "a"), (4, "[1, 2]", "1"), (5, "true", "NaN")]
    assert broken[LINE].to_list() == [1, 2, 3]


def test_a_json_block_reads_the_same_with_and_without_a_broken_line():
    file = FileFormat(Path("x"), "jsonl", ("u", "v"))
    good = b'{"u": 1.0, "v": "\xc3\xa9"}\n{"u": 1.5, "v": null}\n{"u": 12345678901234567890, "v": {"k": [1, "a"]}}\n'
    fast, _ = split_block(good, 3, file)
    slow, _ = split_block(good + b"{\n", 4, file)
    assert (
        fast.drop(LINE)
        .with_columns(pl.col("v").str.replace_all(" ", ""))
        .equals(slow.drop(LINE).with_columns(pl.col("v").str.replace_all(" ", "")))
    )


@pytest.mark.parametrize(
    ("text", "separator", "quoted", "header", "width"),
    [
        ("a,b\n1,2\n", ",", True, True, 2),
        ('a\tb\n1\t"Weird Al" Yankovic\n2\t12" remix\n', "\t", False, True, 2),
        ('"a"\t"b"\n"1"\t"2"\n', "\t", True, True, 2),
        ("a;b\n1;2,5\n2;3,5\n", ";", False, True, 2),
        ("1::1193::5::978300760\n1::661::3::978302109\n", "::", False, False, 4),
        ("196\t242\t3\t881250949\n", "\t", False, False, 4),
        ("ann,x\nbob,y\nann,z\n", ",", True, False, 2),
        ('id,text\n1,"a, b, c"\n2,"d, e"\n', ",", True, True, 2),
        ('id,text\n1,"one ""two"" three"\n', ",", True, True, 2),
    ],
)
def test_a_dialect_is_told_from_the_text(tmp_path, text, separator, quoted, header, width):
    (tmp_path / "t.txt").write_text(text)
    file = sniff(tmp_path / "t.txt")
    assert file is not None
    assert (file.separator, file.quoted, file.header, len(file.columns)) == (separator, quoted, header, width)


def test_columns_without_a_name_and_with_the_same_one_get_their_own(tmp_path):
    (tmp_path / "t.csv").write_text(",id,id,source_line\n0,1,2,3\n")
    file = sniff(tmp_path / "t.csv")
    assert file is not None
    assert file.columns == ("column_1", "id", "id_2", "source_line_")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bytes(range(256)) * 8, "is a binary file, not a table"),
        (b"PK\x03\x04" + bytes(200), "is a zip or Excel file, not a table of text"),
        (b"a,b\r1,2\r3,4\r", "ends its lines as old Macintosh programs do. Mend it with: tr '\\r' '\\n' < "),
        (b"a\n1\n2\n", "is no table: no separator among"),
        (b'[{"a": 1},\n{"a": 2}]', "holds no JSON lines. Expected one JSON object a line"),
    ],
)
def test_what_is_no_table_is_said_in_one_sentence(tmp_path, content, said):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError) as raised:
        sniff(tmp_path / "t.csv")
    assert said in raised.value.text("en")
