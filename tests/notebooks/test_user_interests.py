"""Notebook 11 as a person runs it: with times, without times, and with people who said what they like."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from workbench import SHARED, avrec, new_home, smoke

INTERESTS = "11_user_interests"
pytestmark = pytest.mark.slow


def test_interests_of_movielens_move_by_choice_and_fade(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    got = avrec(home, "data", "get", "movielens-100k")
    assert got.returncode == 0, got.stderr
    code, report, results = smoke(home, INTERESTS)
    assert code == 0
    found = {(one["name"], one["model"], one["slice"]): one for one in results}
    moved = found["moved over chance", None, "choice"]
    assert moved["low"] > 0.05, "neighbours in the log are alike"
    full, thin = (found["ndcg@10", "item-KNN", f"thinned {share}"]["value"] for share in ("1.0", "0.2"))
    assert thin < full / 2
    assert found["cross_entropy", "P(U | user)", None]["value"] < found["cross_entropy", "P(U)", None]["value"]
    assert "<strong>This log holds no survey</strong>" in report
    assert re.search(r"(\d\.\d{6}) by hand and \1 by the library", report)


def test_a_log_without_times_says_what_it_cannot_tell(tmp_path: Path) -> None:
    if not (SHARED / "lastfm-2k").is_dir():
        pytest.skip(f"{SHARED / 'lastfm-2k'} is not here")
    home = new_home(tmp_path / "home")
    assert avrec(home, "data", "get", "lastfm-2k", "--from", str(SHARED / "lastfm-2k")).returncode == 0
    code, report, results = smoke(home, INTERESTS, "dataset=lastfm-2k", "most_users=150")
    assert code == 0
    assert "<strong>cannot be said of this log</strong>" in report
    assert "<strong>This log tells nothing of the context</strong>" in report
    assert {one["slice"] for one in results if one["name"] == "ndcg@10"} >= {"thinned 0.2", "noised 0.5"}


def test_simulated_people_do_as_they_say_more_than_as_strangers_say(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    assert avrec(home, "data", "get", "simulated", "--users", "250", "--days", "15").returncode == 0
    code, report, results = smoke(home, INTERESTS, "dataset=simulated-video")
    assert code == 0
    assert "<strong>This log holds no survey</strong>" not in report
    assert "<strong>own answers is better than strangers' answers</strong>" in report.replace("&#39;", "'")
    assert any(one["name"] == "moved over chance" and one["slice"] == "sitting" for one in results)
