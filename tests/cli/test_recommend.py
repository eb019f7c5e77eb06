"""`avrec recommend` on the models that a run has left."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from avrec_lib.cli import main
from avrec_lib.models import EASE, Popularity
from avrec_lib.models.promises import checkerboard
from avrec_lib.models.saving import save_models
from avrec_lib.paths import artefacts_folder, reports_folder
from avrec_lib.report.run_record import Parameter, RunRecord

RUN = "20260101-000000-abcd"


@pytest.fixture(autouse=True)
def run(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = reports_folder() / "30_train_recommenders" / RUN
    folder.mkdir(parents=True)
    RunRecord(RUN, "30_train_recommenders", "ok", "2026-01-01T00:00:00Z").write(folder)
    train = checkerboard(12, 12, hide_diagonal=True)
    save_models([Popularity().fit(train), EASE(regularisation=1.0).fit(train)], artefacts_folder() / RUN / "models")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["recommend", *words])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_it_writes_the_lists_of_a_model_of_the_newest_run(capsys, tmp_path: Path) -> None:
    code, text = said(capsys, "30", "--model", "EASE", "--users", "u5,u6,nobody", "--k", "2", "--out", "recs.parquet")
    assert (code, pl.read_parquet("recs.parquet")["user_id"].unique().sort().to_list()) == (0, ["u5", "u6"])
    assert "1 of the 3 users are not known to this model." in text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ids.txt", "u5\n\nu6\n"),
        ("ids.csv", "user_id,age\nu5,1\nu6,2\n"),
        ("ids.jsonl", '{"user_id":"u5"}\n{"user_id":"u6"}'),
    ],
)
def test_users_may_stand_in_a_file(capsys, name: str, content: str) -> None:
    Path(name).write_text(content)
    code, text = said(capsys, RUN, "--model", "popularity", "--users", name, "--out", "recs.csv", "--json")
    assert code == 0
    assert json.loads(text)["lists"] == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("30", "--out", "recs.csv"), "has saved 2 models. Choose one with --model: EASE, popularity."),
        (("30", "--out", "recs.csv", "--model", "EASY"), "Did you mean"),
        (("31", "--out", "recs.csv", "--model", "EASE"), "run"),
        (("30", "--out", "recs.xls", "--model", "EASE"), "Expected .parquet, .csv, .jsonl"),
        (("30", "--out", "recs.csv", "--model", "EASE", "--users", "a.csv"), "has no column user_id"),
        (("30", "--out", "recs.csv", "--model", "EASE", "--users", "b.csv"), "There is no file b.csv"),
        (("30", "--out", "recs.csv", "--model", "EASE", "--users", "x,y"), "nothing to recommend to any of these 2"),
    ],
    ids=["which model", "unknown model", "unknown run", "unknown format", "wrong column", "no file", "strangers"],
)
def test_bad_requests_are_one_sentence_and_write_nothing(capsys, words, sentence: str) -> None:
    Path("a.csv").write_text("uid\nu5\n")
    code, text = said(capsys, *words)
    assert code == 2
    assert sentence in text
    assert text.count("\n") == 1
    assert not list(Path().glob("recs*"))


def test_a_model_with_a_changed_byte_is_refused(capsys) -> None:
    file = artefacts_folder() / RUN / "models" / "ease" / "arrays.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    code, text = said(capsys, "30", "--model", "EASE", "--out", "recs.csv")
    assert code == 2
    assert "its checksum differs. Train the model again." in text


def test_a_notebook_means_its_newest_run_that_saved_models_and_its_way_with_seen_items(capsys) -> None:
    folder = reports_folder() / "30_train_recommenders"
    parameters = {"exclude_seen": Parameter(False, "command line")}
    RunRecord(RUN, "30_train_recommenders", "ok", "2026-01-01T00:00:00Z", parameters=parameters).write(folder / RUN)
    failed = folder / "20260102-000000-abcd"
    failed.mkdir()
    RunRecord(failed.name, "30_train_recommenders", "failed", "2026-01-02T00:00:00Z").write(failed)
    code, text = said(capsys, "30", "--model", "EASE", "--users", "u5", "--out", "recs.csv", "--json")
    assert code == 0
    assert json.loads(text)["exclude_seen"] is False
    code, text = said(capsys, failed.name, "--model", "EASE", "--out", "recs.csv")
    assert code == 2
    assert "has saved no model" in text
