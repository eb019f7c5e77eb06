"""What a file of recommendations may look like, and what is said when it does not."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.ranked_file import read_ranked_file

TEXT = "user_id,item_id,rank\n7,x,1\n7,y,2\n8,x,1\n"
ROWS = [("7", "x", 1.0), ("7", "y", 2.0), ("8", "x", 1.0)]


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def rows_of(path: Path) -> list[tuple[str, str, float]]:
    return read_ranked_file(path).rows.select("user_id", "item_id", "rank").rows()


def test_csv_tsv_json_lines_and_parquet_say_the_same(tmp_path: Path) -> None:
    table = pl.DataFrame({"user_id": [7, 7, 8], "item_id": ["x", "y", "x"], "rank": [1, 2, 1]})
    table.write_parquet(tmp_path / "recs.parquet")
    table.write_ndjson(tmp_path / "recs.jsonl")
    write(tmp_path / "recs.csv", TEXT)
    write(tmp_path / "recs.tsv", TEXT.replace(",", "\t"))
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    for name in ("recs.parquet", "recs.jsonl", "recs.csv", "recs.tsv", "packed.csv.gz"):
        assert rows_of(tmp_path / name) == ROWS, name


def test_a_folder_holds_the_parts_of_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "recs.parquet"
    folder.mkdir()
    for user in (7, 8):
        pl.DataFrame({"user_id": [user], "item_id": ["x"], "rank": [1]}).write_parquet(folder / f"part-{user}.parquet")
    assert rows_of(folder) == [("7", "x", 1.0), ("8", "x", 1.0)]
    assert read_ranked_file(folder).model == "recs"


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        (pl.Series([12.0, 7.0]), ["12", "7"]),
        (pl.Series([12, 7], dtype=pl.UInt8), ["12", "7"]),
        (pl.Series([" 12", "7.0"]), ["12", "7"]),
        (pl.Series(["a", "b"], dtype=pl.Categorical), ["a", "b"]),
        (pl.Series(["007", "b"]), ["007", "b"]),
    ],
)
def test_ids_of_any_type_become_text(tmp_path: Path, ids: pl.Series, text: list[str]) -> None:
    pl.DataFrame({"user_id": ids, "item_id": ids, "rank": [1, 1]}).write_parquet(tmp_path / "recs.parquet")
    rows = read_ranked_file(tmp_path / "recs.parquet").rows
    assert rows["item_id"].to_list() == rows["user_id"].to_list() == text


def test_rows_that_name_nobody_or_nothing_are_counted(tmp_path: Path) -> None:
    file = read_ranked_file(write(tmp_path / "recs.csv", TEXT + "8,,2\n,y,2\nno row at all\n"))
    assert (file.rows.height, file.without_ids, file.unreadable) == (3, 2, 1)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("uid,item_id,rank", "no column query_id/user_id. Rename uid → user_id."),
        ("user_id,movieId,rank", "Rename movieId → item_id."),
        ("userId,asin,pos", "Rename asin → item_id, userId → user_id, pos → rank."),
        ("user_id,item_id,prediction", "Rename prediction → score."),
        ("qid,item_id,rank", "Rename qid → query_id."),
        ("user_id,item_id,colour", "no column rank/score. It has user_id, item_id, colour; expected"),
        ("user_id,item_id", "no column rank/score. It has user_id, item_id; expected"),
    ],
)
def test_a_missing_column_is_named_with_the_one_that_is_probably_meant(tmp_path: Path, header: str, said: str) -> None:
    row = ",".join("12"[place % 2] for place, _ in enumerate(header.split(",")))
    with pytest.raises(DataError) as caught:
        read_ranked_file(write(tmp_path / "recs.csv", f"{header}\n{row}\n{row}\n"))
    assert said in caught.value.text("en")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("recs.csv", b"", "is empty"),
        ("recs.csv", b"user_id,item_id,rank\n", "has no rows"),
        ("recs.csv", b"7,x,1\n7,y,2\n", "does not name the columns"),
        ("recs.csv", b"user_id\n7\n8\n", "Expected Parquet, CSV, TSV or JSON lines"),
        ("recs.json", b'[{"user_id": 1,\n"item_id": 2}]\n', "holds no JSON lines. Expected Parquet"),
        ("recs.xlsx", b"PK\x03\x04" + b"\0" * 900, "is a zip or Excel file, not a table of text. Expected Parquet"),
        ("recs.parquet", b"PAR1 broken PAR1", "cannot be read"),
        ("recs.csv.gz", gzip.compress(TEXT.encode(), mtime=0)[:-9], "cannot be unpacked"),
        ("recs.jsonl", b'{"user_id": 1, "item_id": ["a", "b"], "rank": 1}\n', "holds lists. Expected one row an item"),
    ],
)
def test_what_is_no_such_table_is_refused_in_one_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_ranked_file(tmp_path / name)
    assert said in caught.value.text("en")
    assert name in caught.value.text("en")


def test_a_list_of_items_in_one_cell_is_refused(tmp_path: Path) -> None:
    lists = pl.DataFrame({"user_id": ["a"], "item_id": [["x", "y"]], "rank": [1]})
    lists.write_parquet(tmp_path / "recs.parquet")
    with pytest.raises(DataError, match="explode"):
        read_ranked_file(tmp_path / "recs.parquet")


def test_a_file_that_is_not_there_is_wrong_usage_with_the_nearest_one(tmp_path: Path) -> None:
    write(tmp_path / "recs.csv", TEXT)
    with pytest.raises(UsageError, match=r"Did you mean .*recs\.csv"):
        read_ranked_file(tmp_path / "rec.csv")


@pytest.mark.parametrize(
    ("name", "model"), [("recs.parquet", "recs"), ("new.v2.csv.gz", "new.v2"), ("als.tsv", "als"), ("plain", "plain")]
)
def test_a_file_names_its_system(tmp_path: Path, name: str, model: str) -> None:
    assert read_ranked_file(write(tmp_path / name, TEXT)).model == model
