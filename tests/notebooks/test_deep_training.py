"""Notebook 31 as a person runs it: on real logs and in a simulated world, and the models it leaves."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from workbench import SHARED, avrec, new_home, page, runs

DEEP = "31_train_deep_models"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_home(tmp_path_factory.mktemp("deep"))
    got = avrec(folder, "data", "get", "movielens-100k")
    assert got.returncode == 0, got.stderr
    return folder


@pytest.mark.slow
def test_networks_are_checked_compared_and_saved(home: Path, tmp_path: Path) -> None:
    done = avrec(home, "run", "31", "--profile", "smoke", "-p", "check_epochs=4")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {(one["name"], one["model"]): one for one in runs(home, DEEP)[-1]["results"]}
    for model in ("popularity", "EASE", "transformer", "NeuMF", "LightGCN"):
        one = found["ndcg@10", model]
        assert one["low"] < one["value"] < one["high"] and one["n"] == 109
    assert ("ndcg@10 minus NeuMF", "NeuMF, deep alone") in found
    report = page(home, DEEP)
    assert "guessing alike costs ln 1,616" in report, "the likelihood by hand"
    assert "trained on 100 users alone" in report, "whether a network can learn at all"
    assert "was stopped at its last epoch while it still got better" in report, "two epochs are not enough"
    assert "items that training never met" in report, "new items"
    assert "there are no tasks but the choice itself" in report
    assert "interests that move" in report, "estimated from the order of choices"
    curves = pl.read_parquet(next((home / "data" / "artefacts").glob("*/curves.parquet")))
    assert {"train loss", "validation ndcg@10"} <= set(curves["curve"])
    out = tmp_path / "recs.parquet"
    done = avrec(home, "recommend", "31", "--model", "transformer", "--users", "1,405", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(out)["rank"].max() == 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("lastfm-2k", ["user_artists.dat", "--items", "artists.dat"], "this log has no times"),
        ("ml-latest-small", ["ratings.csv", "--items", "movies.csv"], "items that training never met"),
    ],
    ids=["lastfm-2k", "ml-latest-small"],
)
def test_it_runs_on_other_data_and_says_what_that_lacks(home: Path, name: str, files: list[str], said: str) -> None:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    words = [str(folder / word) if word.endswith((".dat", ".csv")) else word for word in files]
    assert avrec(home, "data", "import", *words, "--name", name).returncode == 0
    done = avrec(home, "run", "31", "--profile", "smoke", "-p", f"dataset={name}", "-p", "max_items=1000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in page(home, DEEP)


@pytest.mark.slow
def test_a_simulated_world_has_tasks_and_knows_whose_taste_moves(home: Path) -> None:
    got = avrec(home, "data", "get", "simulated-moving", "--users", "300", "--days", "10")
    assert got.returncode == 0, got.stderr
    done = avrec(home, "run", "31", "--profile", "smoke", "-p", "dataset=simulated-moving")
    assert done.returncode == 0, done.stdout + done.stderr
    report = page(home, DEEP)
    assert "taste that moves" in report
    assert "Networks that learn tasks together" in report and "MMoE" in report
