from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from avrec_lib.simulate.catalogue import topic_names
from avrec_lib.simulate.decisions import LOGGING
from avrec_lib.simulate.log import write_log
from avrec_lib.simulate.people import draw_people
from avrec_lib.simulate.run import begin, run
from avrec_lib.simulate.surveys import Survey
from avrec_lib.simulate.world import make_world

USERS, DAYS = 200, 4


def written(folder: Path, asks: bool) -> pl.DataFrame:
    folder.mkdir()
    platform = begin(make_world("video"), LOGGING, USERS, DAYS, seed=1)
    parts = write_log(platform, DAYS, folder, survey=Survey(platform) if asks else None)
    return pl.concat([pl.read_parquet(part) for part in parts], how="diagonal")


def test_a_survey_changes_nothing_that_anybody_does(tmp_path: Path) -> None:
    with_survey = written(tmp_path / "asked", True)
    done = with_survey.filter(pl.col("event").cast(pl.String) != "survey")
    alone = written(tmp_path / "not asked", False)
    assert done.select(alone.columns).equals(alone)
    assert with_survey["timestamp"].is_sorted()


def test_everyone_who_comes_says_once_before_the_first_request_what_the_platform_then_believes(tmp_path: Path) -> None:
    log = written(tmp_path / "log", True)
    said = log.filter(pl.col("event").cast(pl.String) == "survey")
    done = log.filter(pl.col("event").cast(pl.String) != "survey")
    topics = len(topic_names(make_world("video").options.topics))
    assert said.group_by("user_id").len()["len"].unique().to_list() == [topics]
    assert set(said["user_id"]) == set(done["user_id"])
    first = done.group_by("user_id").agg(first=pl.col("timestamp").min())
    assert (said.join(first, on="user_id")["timestamp"] <= said.join(first, on="user_id")["first"]).all()
    observed = draw_people(make_world("video"), USERS, 1).observed
    some = said["user_id"][0]
    row = int(some[1:])
    own = said.filter(user_id=some).sort("query")["value"].to_numpy()
    np.testing.assert_allclose(own, observed[row] / observed[row].sum(), rtol=1e-6)


def test_a_run_in_memory_asks_nobody() -> None:
    events = run(make_world("video"), LOGGING, 50, 2).events()
    assert "survey" not in events["event"].cast(pl.String)
