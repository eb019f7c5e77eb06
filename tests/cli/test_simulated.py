from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from avrec_lib.cli import main


@pytest.mark.parametrize("words", [["simulated", "--world", "music"], ["simulated-music"]], ids=["option", "name"])
def test_a_simulated_log_is_got_by_its_world(home: Path, capsys, words: list[str]) -> None:
    assert main(["data", "get", *words, "--users", "50", "--days", "3"]) == 0
    assert "simulated-music: " in capsys.readouterr().out
    card = json.loads((home / "data" / "simulated-music" / "dataset.json").read_text("utf-8"))
    assert "50 users of seed 0, 3 days" in card["source"]


def test_a_world_in_which_some_tastes_move_can_be_asked_for_and_says_whose(home: Path, capsys) -> None:
    ask = ["data", "get", "simulated", "--users", "40", "--days", "2", "--drifting-share", ".5", "--jumps", ".1"]
    truth = home / "data" / "simulated-video" / "user_truth.parquet"
    assert main(ask) == 0
    assert "user_truth.parquet says whose taste moves" in capsys.readouterr().out
    assert 0 < pl.read_parquet(truth)["drifting"].sum() < 40
    truth.unlink()  # as in a folder that is older than this file
    assert main(ask) == 0 and truth.is_file()


def test_the_same_one_is_not_run_again_and_another_takes_its_place(home: Path, capsys) -> None:
    ask = ["data", "get", "simulated", "--users", "40", "--days", "2"]
    path = home / "data" / "simulated-video" / "dataset.json"
    assert main(ask) == 0
    first = path.read_text("utf-8")
    assert main(ask) == 0
    assert "is already here" in capsys.readouterr().err
    assert main([*ask, "--seed", "4"]) == 0
    assert path.read_text("utf-8") != first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["simulated", "--world", "vidoe"], "There is no world named 'vidoe'. Did you mean video?"),
        (["simulated-video", "--world", "music"], "'simulated-video' is not of the world 'music'."),
        (["ml-100k", "--users", "5", "--seed", "1"], "--users, --seed: only a simulated data set takes this"),
        (["ml-100k", "--drifting-share", ".5"], "--drifting-share: only a simulated data set takes this"),
        (["simulated", "--users", "0"], "Invalid value for '--users'"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_exit_code_2(home: Path, capsys, words: list[str], said: str) -> None:
    assert main(["data", "get", *words]) == 2
    assert said in capsys.readouterr().err


def test_the_list_says_how_to_simulate_one(home: Path, capsys) -> None:
    assert main(["data", "list"]) == 0
    assert "avrec data get simulated --world video" in capsys.readouterr().out
