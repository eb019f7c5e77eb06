"""Notebook 30 as a person runs it, and the models it leaves for `avrec recommend`."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from workbench import SHARED, avrec, new_home, page, runs

TRAIN = "30_train_recommenders"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_home(tmp_path_factory.mktemp("training"))
    got = avrec(folder, "data", "get", "movielens-100k")
    assert got.returncode == 0, got.stderr
    return folder


@pytest.mark.slow
def test_the_shelf_is_tuned_compared_and_saved(home: Path, tmp_path: Path) -> None:
    done = avrec(home, "run", "30", "--profile", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {(one["name"], one["model"]): one for one in runs(home, TRAIN)[-1]["results"]}
    for model in ("popularity", "EASE", "transitions + EASE", "stacked blend", "hybrid"):
        one = found["ndcg@10", model]
        assert one["low"] < one["value"] < one["high"]
        assert one["n"] == 109
    assert ("ndcg@10 minus popularity", "hybrid") in found
    report = page(home, TRAIN)
    assert "of the gap" in report, "what diversity costs"
    assert "Fall of NDCG@10 when a feature is shuffled" in report
    out = tmp_path / "recs.parquet"
    done = avrec(home, "recommend", "30", "--model", "hybrid", "--users", "1,2,405", "--out", str(out))
    assert done.returncode == 0, done.stderr
    lists = pl.read_parquet(out)
    assert lists["rank"].max() == 10
    assert lists["user_id"].n_unique() >= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("lastfm-2k", ["user_artists.dat", "--items", "artists.dat"]),
        ("ml-latest-small", ["ratings.csv", "--items", "movies.csv"]),
    ],
    ids=["lastfm-2k", "ml-latest-small"],
)
def test_it_runs_on_other_data_and_says_what_that_lacks(home: Path, name: str, files: list[str]) -> None:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    words = [str(folder / word) if word.endswith((".dat", ".csv")) else word for word in files]
    assert avrec(home, "data", "import", *words, "--name", name).returncode == 0
    done = avrec(home, "run", "30", "--profile", "smoke", "-p", f"dataset={name}", "-p", "max_items=1000")
    assert done.returncode == 0, done.stdout + done.stderr
    timeless = "needs to know what came after what, and this log has no times" in page(home, TRAIN)
    assert timeless == (name == "lastfm-2k")
