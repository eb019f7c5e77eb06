from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from avrec_lib.cli import data_split, main
from avrec_lib.data.opening import open_dataset
from avrec_lib.data.split import split_windows
from avrec_lib.data.write import write_dataset

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def workbench(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of 40 users, a minute apart, now and then of an item that is new, written as the data set `small`."""
    monkeypatch.chdir(tmp_path)
    items = [f"late{n // 100}" if n % 10 == 0 else f"i{(n * 7 + n // 40) % 40}" for n in range(1200)]
    rows = [(f"u{n % 40}", items[n], START + timedelta(minutes=n)) for n in range(1200)]
    table = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    events = table.with_columns(event=pl.lit("rating"), value=pl.lit(3.0))
    write_dataset("small", {"events": events}, name="small", source="made", licence="none")


def test_what_is_written_is_what_avrec_splits(tmp_path: Path) -> None:
    assert main(["data", "split", "small", "--out", "mine", "--test-share", "0.3"]) == 0
    (split,) = split_windows(open_dataset("small"), test_share=0.3)
    for name in ("train", "queries", "truth", "seen"):
        assert pl.read_parquet(tmp_path / "mine" / f"{name}.parquet").equals(getattr(split, name)), name
    card = json.loads((tmp_path / "mine" / "split.json").read_text())
    assert card["data"] == {"name": "small", "fingerprint": open_dataset("small").card.fingerprint}
    assert card["windows"] == [{"protocol": split.protocol, "fingerprints": split.fingerprints()}]
    assert not (tmp_path / "mine" / "candidates.parquet").exists()


def test_every_option_reaches_the_split(tmp_path: Path) -> None:
    options = "--split leave_last_out --min-value 2 --k-core 3 --tie-rule item_id --no-exclude-seen --seed 5 --graded"
    assert main(["data", "split", "small", "--out", "mine", *options.split()]) == 0
    (window,) = json.loads((tmp_path / "mine" / "split.json").read_text())["windows"]
    expected = {"method": "leave_last_out", "min_value": 2.0, "k_core": 3, "tie_rule": "item_id",
                "exclude_seen": False, "graded": True}  # fmt: skip
    assert expected.items() <= window["protocol"].items()


def test_several_windows_go_to_folders_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "split", "small", "--out", "mine", "--split", "rolling_time", "--windows", "3"]) == 0
    folders = sorted(path.name for path in (tmp_path / "mine").iterdir())
    assert folders == ["split.json", "window_0", "window_1", "window_2"]
    sizes = [pl.read_parquet(tmp_path / "mine" / f"window_{n}" / "train.parquet").height for n in range(3)]
    assert sizes == sorted(sizes)
    assert "as column window" in capsys.readouterr().out


def test_candidates_are_written_where_the_split_has_some(tmp_path: Path) -> None:
    assert main(["data", "split", "small", "--out", "mine", "--split", "cold_item"]) == 0
    candidates = pl.read_parquet(tmp_path / "mine" / "candidates.parquet")["item_id"]
    assert not set(candidates) & set(pl.read_parquet(tmp_path / "mine" / "train.parquet")["item_id"])


def test_a_split_is_replaced_only_when_asked_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "split", "small", "--out", "mine"]
    assert main(words) == 0
    assert main([*words, "--test-share", "0.5"]) == 2
    assert "mine holds a split already. Replace it with --force." in capsys.readouterr().err
    assert main([*words, "--test-share", "0.5", "--force"]) == 0
    assert json.loads((tmp_path / "mine" / "split.json").read_text())["windows"][0]["protocol"]["test_share"] == 0.5


@pytest.mark.parametrize("name", ["my_model.bin", ".notes", "window_1/my_model.bin", "window_x/train.parquet", "old/"])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_split_beside_files_of_ones_own_is_not_replaced(
    tmp_path: Path, force: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "split", "small", "--out", "mine", "--split", "rolling_time", "--windows", "2"]
    assert main(words) == 0
    own = tmp_path / "mine" / name
    own.parent.mkdir(exist_ok=True)
    own.mkdir() if name.endswith("/") else own.write_text("weeks of training")
    before = sorted((tmp_path / "mine").rglob("*"))
    capsys.readouterr()
    assert main([*words, *force]) == 2
    said = capsys.readouterr().err
    assert "mine holds what no split writes: " in said and name.rstrip("/") in said
    assert sorted((tmp_path / "mine").rglob("*")) == before


def test_of_many_files_of_ones_own_a_few_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "split", "small", "--out", "mine"]) == 0
    for number in range(9):
        (tmp_path / "mine" / f"run{number}.log").touch()
    assert main(["data", "split", "small", "--out", "mine", "--force"]) == 2
    assert "no split writes: run0.log, run1.log, run2.log, … (9)." in capsys.readouterr().err


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["data", "split", "small", "--out", "mine"]) == 0
    write = data_split._write_tables

    def write_slowly(*arguments: Any) -> None:
        write(*arguments)
        (tmp_path / "mine" / "my_model.bin").write_text("just trained")

    monkeypatch.setattr(data_split, "_write_tables", write_slowly)
    assert main(["data", "split", "small", "--out", "mine", "--force"]) == 2
    assert (tmp_path / "mine" / "my_model.bin").read_text() == "just trained"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".mine")) == []


@pytest.mark.parametrize("method", ["rolling_time", "cold_item"])
def test_all_that_a_split_writes_can_be_replaced(method: str) -> None:
    words = ["data", "split", "small", "--out", "mine", "--split", method]
    assert main(words) == 0
    assert main([*words, "--force"]) == 0


@pytest.mark.parametrize(
    "card", ["", "{}", "[1]", "{broken", '{"data": {}, "windows": []}', '{"train": 0.8, "test": 0.2}']
)
def test_a_split_of_another_tool_is_no_split_of_ours(
    tmp_path: Path, card: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "split.json").write_text(card)
    assert main(["data", "split", "small", "--out", "theirs", "--force"]) == 2
    assert "theirs exists and is no split" in capsys.readouterr().err
    assert (tmp_path / "theirs" / "split.json").read_text() == card


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_what_is_no_split_is_never_replaced(
    tmp_path: Path, force: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("chapter 1")
    assert main(["data", "split", "small", "--out", "precious", *force]) == 2
    assert "precious exists and is no split" in capsys.readouterr().err
    assert (tmp_path / "precious" / "thesis.txt").read_text() == "chapter 1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["small", "--split", "global_tim"], "Did you mean global_time?"),
        (["small", "--tie-rule", "itemid"], "Did you mean item_id?"),
        (["small", "--test-share", "2"], "test_share must lie between 0 and 1"),
        (["smal"], "There is no data set named 'smal'"),
        (["small", "--min-value", "9"], "No event is left to split"),
    ],
)
def test_a_wrong_request_leaves_nothing_behind(
    tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    assert main(["data", "split", *words, "--out", "mine"]) == 2
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
