"""`avrec evaluate` on a log with planted taste: users of four kinds, each choosing among fifteen items of their own."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from avrec_lib.cli import main
from avrec_lib.data.opening import open_dataset
from avrec_lib.data.split import split_windows
from avrec_lib.data.write import write_dataset
from avrec_lib.evaluate.compare import summarise
from avrec_lib.evaluate.ranking import ranking_values

START = datetime(2024, 1, 1, tzinfo=UTC)
KINDS, ITEMS = 4, 15


def kind_of(column: str, size: int) -> pl.Expr:
    number = pl.col(column).str.slice(1).cast(pl.Int64)
    return number % KINDS if size == 1 else number // size


@pytest.fixture(autouse=True)
def workbench(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = []
    for user in range(132):
        first_day = 0 if user < 120 else 54  # the last dozen are new at the end
        for _ in range(6):  # sittings of five choices, at any time of two months
            start = int(rng.integers(first_day * 24 * 60, 60 * 24 * 60))
            for step in range(5):
                item = user % KINDS * ITEMS + int(ITEMS * rng.random() ** 2)
                minute = start + 3 * step + int(rng.integers(0, 2))
                rows.append((f"u{user}", f"i{item}", START + timedelta(minutes=minute)))
    table = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    events = table.unique(["user_id", "item_id"], maintain_order=True).with_columns(event=pl.lit("play"))
    write_dataset("taste", {"events": events}, name="taste", source="made", licence="none")


@pytest.fixture
def lists() -> pl.DataFrame:
    """Every item that a user who asks has not seen, with `own`: is it of the user's kind?"""
    (split,) = split_windows(open_dataset("taste"))
    items = pl.DataFrame({"item_id": [f"i{item}" for item in range(KINDS * ITEMS)]})
    pairs = split.queries.select("user_id").join(items, how="cross").join(
        split.seen, on=["user_id", "item_id"], how="anti", maintain_order="left"
    )  # fmt: skip
    own = kind_of("user_id", 1) == kind_of("item_id", ITEMS)
    return pairs.with_columns(own=own, place=pl.col("item_id").str.slice(1).cast(pl.Float64))


@pytest.fixture
def good(lists: pl.DataFrame) -> Path:
    """Own items first, the liked ones of them first."""
    scored = lists.select("user_id", "item_id", score=pl.col("own").cast(pl.Float64) - pl.col("place") / 100)
    scored.write_parquet("good.parquet")
    return Path("good.parquet")


@pytest.fixture
def bad(lists: pl.DataFrame) -> Path:
    lists.select("user_id", "item_id", score=pl.col("place") * 37 % 60).write_csv("bad.csv")
    return Path("bad.csv")


def judged(*words: str | Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["evaluate", *map(str, words), "--data", "taste", "--resamples", "200", "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_means_are_those_of_the_library(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = judged(good, "--k", "5,10", "--metrics", "ndcg,mrr", capsys=capsys)
    assert code == 0
    (split,) = split_windows(open_dataset("taste"))
    ordered = pl.read_parquet(good).sort("user_id", "score", descending=[False, True]).with_columns(
        query_id="user_id", rank=pl.int_range(1, pl.len() + 1).over("user_id")
    )  # fmt: skip
    for users, asked in (("known", split.warm_queries), ("new", split.cold_queries)):
        values = ranking_values(ordered, split.truth, asked, k=[5, 10], metrics=["ndcg", "mrr"], model="good")
        for row in summarise(values, resamples=200).to_dicts():
            same = {"model": "good", "users_are": users, "metric": row["metric"], "k": row["k"]}
            (ours,) = [one for one in found["results"] if same.items() <= one.items()]
            for name in ("value", "low", "high", "n", "undefined"):
                assert ours[name] == pytest.approx(row[name]), (name, same)
    assert {row["model"] for row in found["results"]} == {"popularity", "good"}
    assert found["windows"] == [{"protocol": split.protocol, "fingerprints": split.fingerprints()}]


def test_of_two_files_the_second_is_held_against_the_first(
    good: Path, bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = judged(bad, good, "--fail-under", "ndcg@10=.5", capsys=capsys)
    verdicts = {(row["model"], row["baseline"], row["metric"]): row["verdict"] for row in found["differences"]}
    assert verdicts["good", "bad", "ndcg"] == "better"
    assert ("bad", "good", "ndcg") not in verdicts
    assert [(one["model"], one["met"]) for one in found["requirements"]] == [("good", True)]
    assert code == 0
    code, found = judged(good, bad, "--fail-under", "ndcg@10=.5", capsys=capsys)
    assert [(one["model"], one["met"]) for one in found["requirements"]] == [("bad", False)]
    assert code == 1


def test_a_bar_for_the_lower_end_is_stricter_than_one_for_the_mean(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found = judged(good, capsys=capsys)
    (row,) = [one for one in found["results"]
              if (one["model"], one["metric"], one["users_are"]) == ("good", "ndcg", "known")]  # fmt: skip
    between, below = f"ndcg@10={(row['low'] + row['value']) / 2}", f"ndcg@10={row['low'] - 0.001}"
    assert judged(good, "--fail-under", between, capsys=capsys)[0] == 0
    assert judged(good, "--fail-under-low", below, capsys=capsys)[0] == 0
    code, found = judged(good, "--fail-under", between, "--fail-under-low", between, capsys=capsys)
    assert [(one["of"], one["met"]) for one in found["requirements"]] == [("mean", True), ("low", False)]
    assert code == 1


def test_a_person_reads_card_means_differences_and_verdicts(
    good: Path, bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--fail-under", "ndcg@10=.99", "--fail-under", "recall@10=0.5"]
    assert main(["evaluate", str(bad), str(good), "--data", "taste", *words]) == 1
    said = capsys.readouterr().out
    for part in (
        "Split by time at 2024-02-", "The protocol card is amber", "Users known from training", "NDCG@10",
        "good is better than bad: NDCG@10 is", "good − popularity", "0.99 is asked: not met, and the whole interval",
        "0.5 is asked: met, and the whole interval",
    ):  # fmt: skip
        assert part in said, part
    assert "**" not in said


def test_it_speaks_chinese(good: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVREC_LANGUAGE", "zh")
    assert main(["evaluate", str(good), "--data", "taste", "--fail-under", "ndcg@10=.99"]) == 1
    said = capsys.readouterr().out
    assert "训练中已知的用户" in said
    assert "要求 0.99：未达到，整个区间也是如此。" in said


def test_what_is_odd_in_a_file_is_said_under_its_name(lists: pl.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    ranked = lists.select("user_id", "item_id", rank=pl.int_range(pl.len()).over("user_id"))
    strangers = pl.DataFrame({"user_id": ["nobody"] * 3, "item_id": ["i1", "i2", "i3"], "rank": [0, 1, 2]})
    pl.concat([ranked, strangers]).write_csv("mine.csv")
    assert main(["evaluate", "mine.csv", "--data", "taste"]) == 0
    said = capsys.readouterr().out
    assert "mine (mine.csv)\n" in said
    assert "users who are not asked here: 3 (" in said
    assert "The ranks of the file start at 0: all " in said


def test_what_is_red_in_a_file_stops_unless_it_is_accepted(
    lists: pl.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    few = lists.select("user_id", "item_id", rank=pl.int_range(1, pl.len() + 1).over("user_id"))
    few.filter(pl.col("user_id") == few["user_id"][0]).write_csv("mine.csv")
    assert main(["evaluate", "mine.csv", "--data", "taste"]) == 1
    said = capsys.readouterr().err
    assert "The lists of mine in mine.csv would mislead." in said
    words = re.search(r"go on with --accept-red (known_users_without_list\S*)\.", said)
    assert words is not None
    assert main(["evaluate", "mine.csv", "--data", "taste", "--accept-red", words[1]]) == 0
    assert main(["evaluate", "mine.csv", "--data", "taste", "--accept-red", "training_later_than_test"]) == 1


def test_a_red_card_stops_unless_it_is_accepted(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", str(good), "--data", "taste", "--split", "random"]
    assert main(words) == 1
    said = capsys.readouterr()
    assert "The protocol card is red" in said.err
    assert "--accept-red known_users_without_list,training_later_than_test." in said.err
    assert "NDCG@10" not in said.out
    both = "known_users_without_list,training_later_than_test"
    for accepted in (both, f"ties_in_time, {both},short_lists", "all"):
        assert main([*words, "--accept-red", accepted]) == 0
        assert "because accept_red let pass: training_later_than_test." in capsys.readouterr().out
    assert main([*words, "--accept-red", "known_users_without_list", "--accept-red", "training_later_than_test"]) == 0
    assert main([*words, "--accept-red", "training_later_than_test"]) == 1  # the file is red too
    assert main([*words, "--accept-red", "training_later"]) == 2
    assert "Did you mean training_later_than_test?" in capsys.readouterr().err


def test_a_script_sees_the_red_card_it_was_stopped_by(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = judged(good, "--split", "random", capsys=capsys)
    assert code == 1
    assert found["card"]["level"] == "red"
    assert "results" not in found


def test_a_metric_may_be_written_as_it_is_printed(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = judged(good, "--metrics", "NDCG", "--fail-under", "NDCG@10=0.01", capsys=capsys)
    assert code == 0
    assert [bar["name"] for bar in found["requirements"]] == ["ndcg@10"]


def test_several_windows_are_read_from_one_file(capsys: pytest.CaptureFixture[str]) -> None:
    splits = split_windows(open_dataset("taste"), "rolling_time", windows=2)
    parts = [split.truth.select("query_id", "item_id", window=split.window,
                                rank=pl.int_range(1, pl.len() + 1).over("query_id")) for split in splits]  # fmt: skip
    pl.concat(parts).write_parquet("perfect.parquet")
    code, found = judged(
        "perfect.parquet", "--split", "rolling_time", "--windows", "2", "--accept-red", "all", capsys=capsys
    )
    assert code == 0
    assert len(found["windows"]) == 2
    perfect = [row for row in found["results"] if (row["model"], row["metric"]) == ("perfect", "ndcg")]
    assert [row["value"] for row in perfect] == [1.0, 1.0]
    assert [row["n"] for row in perfect] == [
        sum(split.warm_queries.height for split in splits), sum(split.cold_queries.height for split in splits)
    ]  # fmt: skip


def test_new_users_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    (split,) = split_windows(open_dataset("taste"), "cold_user")
    ranked = split.truth.with_columns(rank=pl.int_range(1, pl.len() + 1).over("query_id"))
    ranked.select("user_id", "item_id", "rank").write_parquet("perfect.parquet")
    code, found = judged("perfect.parquet", "--split", "cold_user", "--accept-red", "all", capsys=capsys)
    assert code == 0
    assert {row["users_are"] for row in found["results"]} == {"new"}
    values = {row["metric"]: row["value"] for row in found["results"] if row["model"] == "perfect"}
    assert (values["ndcg"], values["hit_rate"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["good.parquet", "--data", "tast"], "There is no data set named 'tast'"),
        (["nowhere.parquet", "--data", "taste"], "There is no file nowhere.parquet. Did you mean good.parquet?"),
        (["good.parquet"], "Missing option '--data'"),
        (["--data", "taste"], "Missing argument 'RECS…'"),
        (["good.parquet", "--data", "taste", "--k", "ten"], "k is one or more whole numbers from 1"),
        (["good.parquet", "--data", "taste", "--k", "0"], "k is one or more whole numbers from 1"),
        (
            ["good.parquet", "--data", "taste", "--k", "10,9999999999"],
            "k is 9,999,999,999, but lists are judged down to",
        ),
        (["good.parquet", "--data", "taste", "--metrics", "ndgc"], "Did you mean ndcg?"),
        (
            ["good.parquet", "--data", "taste", "--fail-under", "mrr@10=.1"],
            "Add it: --metrics ndcg,recall,hit_rate,mrr.",
        ),
        (["good.parquet", "--data", "taste", "--split", "rolling_time"], "has no column window"),
        (["good.parquet", "good.parquet", "--data", "taste"], "is given twice"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_exit_code_2(
    good: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_broken_file_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    Path("recs.csv").write_text("user_id,movieId,rank\nu1,i1,1\n")
    assert main(["evaluate", "recs.csv", "--data", "taste"]) == 2
    assert "Rename movieId → item_id" in capsys.readouterr().err
