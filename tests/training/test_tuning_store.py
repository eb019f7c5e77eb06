"""Trials in a folder: what was broken off goes on as if it had not been, and what is damaged is said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from dials import Dial, Hopeless, Picky, windows
from filelock import FileLock
from polars.testing import assert_frame_equal

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models.search_space import Whole
from avrec_lib.training.tuning import Tuning, tune, tune_all
from avrec_lib.training.tuning_store import JOURNAL, LOCK, opened

SPLITS = windows()
ROOT = Path(__file__).resolve().parents[2]


class Stop(BaseException):
    """Something that no code catches."""


def without_seconds(tuning: Tuning) -> pl.DataFrame:
    return tuning.trials.drop("seconds")


def same(one: Tuning, other: Tuning) -> None:
    assert_frame_equal(without_seconds(one), without_seconds(other))
    assert one.options == other.options
    assert_frame_equal(one.values, other.values)
    assert_frame_equal(one.default_values, other.default_values)


def stored_trials(folder: Path) -> list[int]:
    """How many trials each study of the journal holds."""
    import optuna

    with opened(folder) as store:
        names = optuna.get_all_study_names(store.storage)
        return sorted(len(store.study(name).trials) for name in names)


def test_what_is_kept_in_a_folder_is_what_would_be_found_without_one(tmp_path):
    kept = tune(Dial, SPLITS, budget=12, store=tmp_path / "a" / "store")
    same(kept, tune(Dial, SPLITS, budget=12))
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


@pytest.mark.parametrize("after", [1, 7, 13, 20])
def test_a_search_that_was_broken_off_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch, after):
    fits = 0

    def fit(self, train, items=None, users=None):
        nonlocal fits
        fits += 1
        if fits > after:
            raise Stop
        return self

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Dial, "fit", fit)
        tune(Dial, SPLITS, budget=15, store=tmp_path)
    same(tune(Dial, SPLITS, budget=15, store=tmp_path), tune(Dial, SPLITS, budget=15))
    assert stored_trials(tmp_path) == [15]


def test_a_finished_search_is_read_and_not_run(tmp_path):
    once = tune(Dial, SPLITS, budget=8, store=tmp_path)
    Dial.fits.clear()
    again = tune(Dial, SPLITS, budget=8, store=tmp_path)
    assert Dial.fits == []
    same(once, again)
    assert again.trials["seconds"].equals(once.trials["seconds"])


def test_more_budget_goes_on_and_less_looks_at_the_first_trials(tmp_path):
    tune(Dial, SPLITS, budget=5, store=tmp_path)
    same(tune(Dial, SPLITS, budget=14, store=tmp_path), tune(Dial, SPLITS, budget=14))
    same(tune(Dial, SPLITS, budget=3, store=tmp_path), tune(Dial, SPLITS, budget=3))
    assert stored_trials(tmp_path) == [14]


def test_values_that_are_gone_or_damaged_are_measured_again(tmp_path):
    once = tune(Dial, SPLITS, budget=8, store=tmp_path)
    files = sorted(tmp_path.glob("*/values-*.parquet"))
    files[0].write_bytes(b"no parquet")
    for file in files[1:]:
        file.unlink()
    same(once, tune(Dial, SPLITS, budget=8, store=tmp_path))


@pytest.mark.parametrize(
    "changed",
    [
        {"space": {"aim": Whole(0, 9)}},
        {"splits": windows(2)},
        {"seed": 1},
        {"k": 5},
        {"metric": "mrr"},
        {"fixed": {"pause": 0.001}},
        {"items": pl.DataFrame({"item_id": ["i1"]})},
        {"model": Picky},
    ],
    ids=["space", "splits", "seed", "k", "metric", "fixed", "items", "model"],
)
def test_another_question_begins_anew_beside_the_old_trials(tmp_path, changed):
    call = {"model": Dial, "splits": SPLITS, "budget": 2, "store": tmp_path}
    tune(**call)
    tune(**(call | changed))
    assert stored_trials(tmp_path) == [2, 2]


def test_all_models_share_a_folder(tmp_path):
    found = tune_all([Dial, Picky, Hopeless], SPLITS, budget=4, store=tmp_path)
    assert stored_trials(tmp_path) == [1, 4, 4]
    for name, tuning in tune_all([Dial, Picky, Hopeless], SPLITS, budget=4, store=tmp_path).items():
        same(tuning, found[name])


def test_a_last_line_that_was_torn_off_is_the_trial_that_was_running(tmp_path):
    whole = tune(Dial, SPLITS, budget=6, store=tmp_path)
    journal = tmp_path / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-20])
    assert stored_trials(tmp_path) == [5]
    same(tune(Dial, SPLITS, budget=6, store=tmp_path), whole)
    assert stored_trials(tmp_path) == [6]


def damaged(lines: list[str], how: str) -> list[str]:
    match how:
        case "no JSON":
            return [*lines[:2], "{{{", *lines[3:]]
        case "another JSON":
            return [*lines[:2], "{}", *lines[3:]]
        case "a value":
            trial = json.loads(lines[2])
            return [*lines[:2], json.dumps(trial | {"value": 0.99}), *lines[3:]]
        case "options":
            return [line.replace('"aim":3', '"aim":4') for line in lines]
        case "a trial missing":
            return [*lines[:2], *lines[3:]]
        case "bytes":
            return ["\x00\x01", *lines[1:]]
    raise AssertionError(how)


@pytest.mark.parametrize("how", ["no JSON", "another JSON", "a value", "options", "a trial missing", "bytes"])
def test_a_damaged_journal_is_one_clear_error(tmp_path, how):
    tune(Dial, SPLITS, budget=4, store=tmp_path)
    journal = tmp_path / JOURNAL
    before = journal.read_text()
    lines = damaged(before.splitlines(), how)
    assert lines != before.splitlines()
    journal.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"journal.log are damaged.*Remove the folder"):
        tune(Dial, SPLITS, budget=4, store=tmp_path)


def test_a_store_that_is_a_file_is_refused(tmp_path):
    file = tmp_path / "store"
    file.write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        tune(Dial, SPLITS, budget=2, store=file)
    with pytest.raises(UsageError, match="cannot be made"):
        tune(Dial, SPLITS, budget=2, store=file / "below")
    assert file.read_text() == "mine"


def test_two_processes_do_not_tune_in_one_folder(tmp_path):
    with FileLock(tmp_path / LOCK), pytest.raises(UsageError, match="Another process is tuning"):
        tune(Dial, SPLITS, budget=2, store=tmp_path)


@pytest.mark.slow
def test_a_tuning_that_is_killed_ends_with_exactly_its_budget(tmp_path):
    code = (
        "from pathlib import Path; from dials import Dial, windows; from avrec_lib.training.tuning import tune;"
        f"tune(Dial, windows(), budget=14, fixed={{'pause': 0.05}}, store=Path({str(tmp_path)!r}))"
    )
    paths = [str(ROOT), str(ROOT / "tests" / "data"), str(ROOT / "tests" / "training")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    killed = 0
    for lines in (3, 7, 11):
        process = subprocess.Popen([sys.executable, "-c", code], env=environment)
        journal = tmp_path / JOURNAL
        while process.poll() is None and (not journal.is_file() or journal.read_bytes().count(b"\n") < lines):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed >= 2
    assert 0 < stored_trials(tmp_path)[0] < 14
    resumed = tune(Dial, SPLITS, budget=14, fixed={"pause": 0.05}, store=tmp_path)
    assert stored_trials(tmp_path) == [14]
    same(resumed, tune(Dial, SPLITS, budget=14, fixed={"pause": 0.05}))
    (study,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert {path.name for path in tmp_path.iterdir()} == {JOURNAL, LOCK, study.name}
    assert all(path.name.startswith("values-") for path in study.iterdir())
