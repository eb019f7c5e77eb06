"""The quick-start suite as a person runs it: the command, real data, and what lies in `reports/` afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from workbench import SHARED, avrec, new_home, page, runs

NOTEBOOKS = ["00_start_here", "10_explore_logs", "40_compare_recommenders"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbench on which the suite ran on MovieLens-100K, fetched from where pip finds it."""
    home = new_home(tmp_path_factory.mktemp("workbench"))
    done = avrec(home, "run", "quick-start", "--profile", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    return home


def test_every_notebook_leaves_a_run_a_page_and_an_executed_notebook_of_bearable_size(finished: Path) -> None:
    for notebook in NOTEBOOKS:
        (folder,) = (finished / "reports" / notebook).iterdir()
        record = json.loads((folder / "run.json").read_text("utf-8"))
        assert record["status"] == "ok"
        assert record["results"]
        assert (folder / "report.html").stat().st_size <= 300_000
        assert (folder / "executed.ipynb").stat().st_size <= 2_000_000
    assert (finished / "reports" / "index.html").is_file()


def test_the_comparison_finds_what_is_known_of_movielens_100k(finished: Path) -> None:
    (record,) = runs(finished, "40_compare_recommenders")
    found = {(result["name"], result["model"]): result for result in record["results"]}
    popular = found["ndcg@10", "popularity"]
    assert popular["n"] == 109  # users with events on both sides of the 80 % cut
    assert popular["value"] == pytest.approx(0.146, abs=0.001)
    assert popular["high"] - popular["value"] == pytest.approx(0.039, abs=0.008)
    assert found["ndcg@10", "EASE"]["value"] == pytest.approx(0.175, abs=0.002)
    gain = found["ndcg@10 minus popularity", "EASE"]
    assert gain["low"] < 0 < gain["high"], "109 users cannot part EASE from popularity"


def test_the_same_seed_gives_the_same_results(finished: Path) -> None:
    assert avrec(finished, "run", "40", "--profile", "smoke").returncode == 0
    first, second = runs(finished, "40_compare_recommenders")
    measured = {"s", "ms", "MiB"}
    same = [[result for result in run["results"] if result["unit"] not in measured] for run in (first, second)]
    assert same[0] == same[1]
    assert first["fingerprints"] == second["fingerprints"]


def test_resume_runs_nothing_twice_and_inline_leaves_one_file_to_mail(finished: Path) -> None:
    before = len(runs(finished, "00_start_here"))
    assert avrec(finished, "run", "00", "--profile", "smoke", "--resume", "--inline").returncode == 0
    assert len(runs(finished, "00_start_here")) == before
    (mail,) = (finished / "reports" / "00_start_here").glob("*/report-inline.html")
    assert "_assets/" not in mail.read_text("utf-8")


def test_two_runs_on_the_same_truth_can_be_paired_and_others_are_refused(finished: Path) -> None:
    assert avrec(finished, "run", "40", "--profile", "smoke", "-p", "regularisation=1000").returncode == 0
    assert avrec(finished, "run", "40", "--profile", "smoke", "-p", "test_share=0.1").returncode == 0
    first, *_, other, later = sorted(run["run_id"] for run in runs(finished, "40_compare_recommenders"))
    paired = avrec(finished, "compare", first, other)
    assert paired.returncode == 0, paired.stderr
    assert "regularisation" in paired.stdout
    refused = avrec(finished, "compare", first, later)
    assert refused.returncode == 2
    assert "truth" in refused.stderr
    assert "Traceback" not in refused.stderr


RAW = {
    "lastfm-2k": ["user_artists.dat", "--items", "artists.dat"],
    "ml-latest-small": ["ratings.csv", "--items", "movies.csv"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RAW)
def test_a_users_own_raw_files_are_imported_and_run_through_all_notebooks(name: str, tmp_path: Path) -> None:
    source = SHARED / name
    if not source.is_dir():
        pytest.skip(f"{source} is not here")
    home = new_home(tmp_path / "home")
    own = shutil.copytree(source, tmp_path / "own")
    words = [word if word.startswith("--") else str(own / word) for word in RAW[name]]
    imported = avrec(home, "data", "import", *words, "--name", "mine")
    assert imported.returncode == 0, imported.stdout + imported.stderr
    done = avrec(home, "run", "quick-start", "--profile", "smoke", "-p", "dataset=mine")
    assert done.returncode == 0, done.stdout + done.stderr
    said = "Split <strong>at random</strong>" in page(home, "40_compare_recommenders")
    assert said == (name == "lastfm-2k"), "without times the split is random, and the report says so"
