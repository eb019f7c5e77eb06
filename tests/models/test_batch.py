"""Batch export: the lists of `recommend`, in any format, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from contract import checkerboard

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models import EASE, Popularity, batch
from avrec_lib.models.batch import write_recommendations
from avrec_lib.models.saving import open_model, save_models, saved_models

READERS = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".jsonl": pl.read_ndjson}


@pytest.fixture
def model() -> EASE:
    return EASE(regularisation=1.0).fit(checkerboard(12, 12, hide_diagonal=True))


@pytest.mark.parametrize("ending", list(READERS))
def test_the_file_holds_the_lists_of_recommend_however_users_fall_into_blocks(
    model: EASE, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "USERS_AT_ONCE", 5)
    users = [f"u{user}" for user in range(12)]
    written = write_recommendations(model, users, 3, tmp_path / f"recs{ending}")
    expected = model.recommend(users, 3)
    found = READERS[ending](tmp_path / f"recs{ending}")
    assert found.select("user_id", "item_id", "rank").rows() == expected.select("user_id", "item_id", "rank").rows()
    assert (written.users, written.known, written.rows) == (12, 12, expected.height)
    assert [path.name for path in tmp_path.iterdir()] == [f"recs{ending}"], "nothing is left beside it"


def test_without_users_all_of_training_are_asked_and_strangers_are_counted(model: EASE, tmp_path: Path) -> None:
    assert write_recommendations(model, None, 1, tmp_path / "all.csv").users == 12
    written = write_recommendations(model, ["u5", "u5", "nobody"], 1, tmp_path / "two.csv")
    assert (written.users, written.known, written.lists) == (2, 1, 1)
    assert write_recommendations(Popularity().fit(checkerboard(4, 4)), ["nobody"], 1, tmp_path / "one.csv").lists == 1


def test_what_cannot_be_written_leaves_the_old_file(model: EASE, tmp_path: Path) -> None:
    out = tmp_path / "recs.csv"
    out.write_text("old")
    with pytest.raises(DataError, match="nothing to recommend"):
        write_recommendations(model, ["nobody"], 1, out)
    with pytest.raises(UsageError, match="no user"):
        write_recommendations(model, [], 1, out)
    with pytest.raises(UsageError, match="Expected"):
        write_recommendations(model, None, 1, tmp_path / "recs.xlsx")
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["recs.csv"]


def test_several_models_are_saved_side_by_side_and_opened_by_name(model: EASE, tmp_path: Path) -> None:
    popularity = Popularity().fit(checkerboard(4, 4))
    save_models([model, popularity], tmp_path)
    found = saved_models(tmp_path)
    assert set(found) == {"EASE", "popularity"}
    assert open_model(found["EASE"]).recommend(["u5"], 3).equals(model.recommend(["u5"], 3))
