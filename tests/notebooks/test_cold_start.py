"""The cold-start notebook as a person runs it: with all that it asks for, without users, and without times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from workbench import SHARED, avrec, new_home, page, runs

COLD = "32_cold_start"
pytestmark = pytest.mark.slow


def cold(home: Path, *words: str) -> str:
    """The report of notebook 32 on these parameters."""
    given = [part for word in words for part in ("-p", word)]
    done = avrec(home, "run", "32", "--profile", "smoke", *given)
    assert done.returncode == 0, done.stdout + done.stderr
    return page(home, COLD)


def shared(tmp_path: Path, name: str, files: str) -> Path:
    if not (SHARED / files).is_dir():
        pytest.skip(f"{SHARED / files} is not here")
    home = new_home(tmp_path / "home")
    assert avrec(home, "data", "get", name, "--from", str(SHARED / files)).returncode == 0
    return home


def test_new_users_and_new_items_of_movielens(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    got = avrec(home, "data", "get", "movielens-100k")
    assert got.returncode == 0, got.stderr
    report = cold(home)
    assert "popularity in segment stands highest" in report
    assert "This log holds no survey" in report
    found = {(one["name"], one["model"], one["slice"]): one["value"] for one in runs(home, COLD)[-1]["results"]}
    assert found["ndcg@10", "popularity", "0 titles told"] == pytest.approx(0.366, abs=0.001)
    assert found["ndcg@10", "popularity of item segment", "new items by time"] == pytest.approx(0.259, abs=0.001)
    assert found["ndcg@10 minus naive Bayes", "graph + naive Bayes", "new items by lot"] > 0.03
    if (titles := SHARED / "ml-latest-small" / "movies.csv").is_file():
        assert "Its links agree with the items" in cold(home, f"titles={titles}")


def test_a_set_without_users_says_what_it_cannot_do(tmp_path: Path) -> None:
    report = cold(shared(tmp_path, "movielens-latest-small", "ml-latest-small"), "dataset=movielens-latest-small")
    assert "this data set has no age or gender" in report
    assert "Why nothing is said about" in report, "of the 1,857 new films all have equal scores by the bar"


def test_a_set_without_times_draws_by_lot(tmp_path: Path) -> None:
    home = shared(tmp_path, "lastfm-2k", "lastfm-2k")
    report = cold(home, "dataset=lastfm-2k")
    assert "its new items can be drawn by lot only" in report
    slices = {one["slice"] for one in runs(home, COLD)[-1]["results"]}
    assert "new items by lot" in slices
    assert "new items by time" not in slices


def test_a_survey_is_used_where_the_log_has_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    users, items, start = 200, 60, datetime(2024, 1, 1, tzinfo=UTC)
    rows = [("user_id", "item_id", "timestamp", "event", "query", "value")]
    for user in range(users):
        liked, joined = user % 3, start + timedelta(hours=user)
        rows.append((user, "", joined.isoformat(), "survey", f"TAG {liked}", 5))
        near = rng.permutation(np.arange(liked, items, 3))[:12]
        rows += [(user, item, (joined + timedelta(minutes=1 + n)).isoformat(), "play", "", "")
                 for n, item in enumerate(near)]  # fmt: skip
    (tmp_path / "log.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    clips = pl.DataFrame({"item_id": range(items), "title": [f"clip {n}" for n in range(items)],
                          "tags": [f"tag {n % 3}" for n in range(items)]})  # fmt: skip
    clips.write_csv(tmp_path / "clips.csv")
    home = new_home(tmp_path / "home")
    done = avrec(home, "data", "import", str(tmp_path / "log.csv"), "--items", str(tmp_path / "clips.csv"),
                 "--name", "clips")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = cold(home, "dataset=clips", "told=0,1,3", "k=5", "accept_red=all")
    assert "answers of new users to surveys" in report
    found = {(one["name"], one["model"], one["slice"]): one["value"] for one in runs(home, COLD)[-1]["results"]}
    assert found["ndcg@5", "stated interests", "0 titles told"] > 2 * found["ndcg@5", "popularity", "0 titles told"]
