"""The evaluation notebooks as a person runs them: the card that stops, one's own systems, the audit, known numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from workbench import SHARED, avrec, new_home, page, runs

from avrec_lib.data.dataset import Dataset

COMPARE, AUDIT, REPRODUCE = "40_compare_recommenders", "41_audit_protocol", "42_reproduce_reference_numbers"
STRANGERS = Path(__file__).parent.parent / "models" / "strangers.py"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbench with MovieLens-100K, fetched from where pip finds it."""
    folder = new_home(tmp_path_factory.mktemp("evaluation"))
    got = avrec(folder, "data", "get", "movielens-100k")
    assert got.returncode == 0, got.stderr
    return folder


def compare(home: Path, *words: str) -> tuple[int, str]:
    """Exit code and report of notebook 40 on these parameters."""
    given = [part for word in words for part in ("-p", word)]
    done = avrec(home, "run", "40", "--profile", "smoke", *given)
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.returncode, page(home, COMPARE)


def movielens(home: Path) -> Dataset:
    return Dataset.open(home / "data" / "movielens-100k")


def test_a_red_card_stops_the_notebook_and_says_why(home: Path) -> None:
    code, report = compare(home, "split=leave_last_out")
    assert code == 1
    assert "The protocol card is red" in report
    assert "a factor of 2." in report, "the swing over tie rules"
    assert "41.3" in report, "the share of training that is later than the test"
    assert not [result for result in runs(home, COMPARE)[-1]["results"] if result["metric"] == "ndcg"]


@pytest.mark.slow
def test_who_accepts_red_gets_the_numbers_under_a_banner(home: Path) -> None:
    code, report = compare(home, "split=leave_last_out", "accept_red=all")
    assert code == 0
    assert "avrec-banner" in report
    found = {(one["name"], one["model"]): one for one in runs(home, COMPARE)[-1]["results"]}
    assert found["ndcg@10", "popularity"]["value"] == pytest.approx(0.044, abs=0.001)
    assert found["ndcg@10", "EASE"]["value"] == pytest.approx(0.073, abs=0.002)


@pytest.mark.slow
def test_shuffled_times_turn_the_card_red(home: Path, tmp_path: Path) -> None:
    events = movielens(home).events.select("user_id", "item_id", "value", "timestamp").collect()
    shuffled = events.with_columns(pl.col("timestamp").shuffle(seed=4))
    shuffled.write_csv(tmp_path / "shuffled.csv")
    assert avrec(home, "data", "import", str(tmp_path / "shuffled.csv"), "--name", "shuffled").returncode == 0
    code, report = compare(home, "dataset=shuffled")
    assert code == 1
    assert "The times look shuffled" in report


def test_two_files_are_the_old_system_against_the_new_one_beside_the_shelf(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "split"
    made = avrec(home, "data", "split", "movielens-100k", "--split", "random", "--out", str(folder))
    assert made.returncode == 0, made.stderr
    train, queries = (pl.read_parquet(folder / f"{name}.parquet") for name in ("train", "queries"))
    popular = train.group_by("item_id").len().sort("len", "item_id", descending=[True, False])["item_id"]
    for name, items in {"old": popular[200:210], "new": popular[:10]}.items():
        rows = queries.select("user_id").join(items.to_frame().with_row_index("rank", offset=1), how="cross")
        rows.write_csv(tmp_path / f"{name}.csv")
    files = f"ranked={tmp_path / 'old.csv'},{tmp_path / 'new.csv'}"
    code, report = compare(home, files, "shelf=popularity", "split=random", "accept_red=all")
    assert code == 0
    assert "new is better than old" in report
    judged = avrec(
        home, "evaluate", str(tmp_path / "new.csv"), "--data", "movielens-100k", "--split", "random",
        "--accept-red", "all", "--fail-under", "ndcg@10=.9",
    )  # fmt: skip
    assert judged.returncode == 1
    assert "0.9" in judged.stdout + judged.stderr


@pytest.mark.slow
def test_a_class_of_ones_own_is_held_to_the_contract_first(home: Path) -> None:
    code, report = compare(home, f"models={STRANGERS}:Neighbours", "shelf=popularity")
    assert code == 0
    assert "neighbours" in report
    code, report = compare(home, f"models={STRANGERS}:SaysNaN", "shelf=popularity")
    assert code == 1
    assert "promise" in report


@pytest.mark.slow
@pytest.mark.parametrize("words", [
    ["split=rolling_time", "windows=3", "shelf=popularity,iALS", "seeds=0,1"],
    ["split=cold_user"],
    ["split=cold_item"],
    ["k=5,3000", "metrics=mrr,map,precision,f1"],
    ["graded=true", "min_value=4", "k_core=5", "cleaning=standard"],
], ids=lambda words: " ".join(words))  # fmt: skip
def test_every_way_to_ask_leaves_a_report(words: list[str], home: Path) -> None:
    code, report = compare(home, *words)
    assert code == 0, report[-2000:]


@pytest.mark.slow
def test_a_log_of_clips_is_judged_by_watch_time_too(home: Path, tmp_path: Path) -> None:
    clips(tmp_path)
    imported = avrec(home, "data", "import", str(tmp_path / "log.csv"), "--items", str(tmp_path / "clips.csv"),
                     "--name", "clips")  # fmt: skip
    assert imported.returncode == 0, imported.stdout + imported.stderr
    code, report = compare(home, "dataset=clips", "shelf=popularity,item-KNN", "exclude_seen=false")
    assert code == 0, report[-2000:]
    for title in ("Watch time against clips of the same length", "Share of the clips met that were skipped"):
        assert title in report


def clips(folder: Path) -> None:
    """A short-video log: people in sessions, lengths from 10 to 300 seconds, some clips skipped."""
    rng = np.random.default_rng(5)
    users, visits, seen = 80, 12, 8
    person, visit, _ = (part.ravel() for part in np.indices((users, visits, seen)))
    taste = rng.integers(0, 4, users)
    clip = np.where(rng.random(person.size) < 0.7, taste[person] * 15, 0) + rng.integers(0, 15, person.size)
    lengths = np.geomspace(10, 300, 60).round()[rng.permutation(60)]
    skipped = rng.random(person.size) < 0.25
    watched = np.where(skipped, 1.5, lengths[clip] * rng.beta(2, 2, person.size)).round(1)
    days = rng.random((users, visits)) * 40
    start = datetime(2024, 3, 1, tzinfo=UTC)
    pauses = rng.integers(20, 200, (users, visits, seen)).cumsum(axis=2).ravel()
    times = [
        start + timedelta(days=days[p, v], seconds=int(pause))
        for p, v, pause in zip(person, visit, pauses, strict=True)
    ]
    pl.DataFrame(
        {"user_id": person, "item_id": clip, "timestamp": times, "watch_seconds": watched,
         "event": np.where(skipped, "skip", "play")}
    ).sort("timestamp").write_csv(folder / "log.csv")  # fmt: skip
    pl.DataFrame(
        {"item_id": np.arange(60), "title": [f"clip {n}" for n in range(60)], "duration_seconds": lengths}
    ).write_csv(folder / "clips.csv")


@pytest.mark.slow
def test_the_audit_shows_how_far_split_and_ties_move_a_number(home: Path) -> None:
    assert avrec(home, "run", "41", "--profile", "smoke").returncode == 0
    found = {(one["slice"], one["model"]): one["value"] for one in runs(home, AUDIT)[-1]["results"]}
    assert found["random", "EASE"] > 5 * found["leave_last_out", "EASE"]
    report = page(home, AUDIT)
    assert "leave_last_out</strong> would stop a report" in report
    assert "global_time, rolling_time, cold_user" in report


@pytest.mark.slow
def test_all_reference_numbers_are_reached(home: Path) -> None:
    done = avrec(home, "run", "42", "--profile", "smoke")
    assert done.returncode == 0
    assert "20 of 20 reference numbers are reached" in page(home, REPRODUCE)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lastfm-2k", "ml-latest-small"])
def test_the_evaluation_notebooks_run_on_other_data(name: str, tmp_path: Path) -> None:
    if not (SHARED / name).is_dir():
        pytest.skip(f"{SHARED / name} is not here")
    home = new_home(tmp_path / "home")
    dataset = {"ml-latest-small": "movielens-latest-small"}.get(name, name)
    assert avrec(home, "data", "get", dataset, "--from", str(SHARED / name)).returncode == 0
    small = ["-p", "max_items=500", "-p", f"dataset={dataset}"]
    for notebook in ("40", "41", "42"):
        done = avrec(home, "run", notebook, "--profile", "smoke", *small)
        assert done.returncode == 0, done.stdout + done.stderr
    said = "leave_last_out</strong> cannot be asked of this log" in page(home, AUDIT)
    assert said == (name == "lastfm-2k"), "without times nobody knows what came last, and the report says so"
