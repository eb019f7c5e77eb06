"""Notebook 51 as a person runs it: simulated tests, tables and events of one's own, Open Bandit, and bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from workbench import SHARED, avrec, new_home, smoke

NOTEBOOK = "51_analyse_ab_test"
OWN = ("control=old", "primary=watch", "guardrails=clicks=0.1", "winsorised=watch")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_home(tmp_path_factory.mktemp("ab_test"))


def analyse(home: Path, *words: str) -> tuple[int, str, list[dict[str, Any]]]:
    """Exit code, report and results of notebook 51 on these parameters."""
    return smoke(home, NOTEBOOK, *words)


def own_table(users: int = 3000) -> pl.DataFrame:
    """One row a user: an arm that gains a third, one with a title nobody would like, and gaps."""
    rng = np.random.default_rng(5)
    arm = np.array(["old", "new", "<script>alert(1)</script>"])[rng.integers(0, 3, users)]
    before = rng.lognormal(3, 0.8, users)
    watch = 0.6 * before + rng.lognormal(3, 0.8, users) * np.where(arm == "new", 1.5, 1)
    return pl.DataFrame({
        "user_id": [f"u{number}" for number in range(users)], "variant": arm, "before_watch": before,
        "watch": pl.Series(watch).set(pl.Series(np.arange(users) % 40 == 3), None),
        "clicks": rng.poisson(6, users), "shown": 30 + rng.poisson(20, users),
        "country": np.array(["CN", "DE", "SE"])[rng.integers(0, 3, users)],
    })  # fmt: skip


def test_a_table_of_ones_own_with_a_third_arm_and_a_flip_is_decided(home: Path, tmp_path: Path) -> None:
    rows = own_table()
    flip = rows.head(1).with_columns(variant=pl.lit("old" if rows["variant"][0] != "old" else "new"))
    pl.concat([rows, flip]).write_csv(tmp_path / "own.csv")
    code, report, results = analyse(home, f"source={tmp_path / 'own.csv'}", *OWN, "metrics=ctr = clicks / shown",
                                    "slices=country", "smallest_effect=0.1")  # fmt: skip
    assert code == 0
    assert "<strong>Ship: new.</strong>" in report
    assert "1 users (&lt; 0.1 %) were seen in more than one arm" in report
    assert "watch is undefined for 75 users" in report
    assert "<script>alert(1)</script>" not in report
    assert "PosixPath" not in report
    assert {one["name"] for one in results} == {"lift of watch", "lift of clicks", "lift of ctr"}
    best = next(one for one in results if one["headline"])
    assert (best["model"], best["name"]) == ("new", "lift of watch")


def test_a_red_light_stops_before_any_effect(home: Path, tmp_path: Path) -> None:
    rows = own_table().filter((pl.col("variant") != "new") | (pl.int_range(pl.len()) % 3 > 0))
    rows.write_csv(tmp_path / "lost.csv")
    code, report, results = analyse(home, f"source={tmp_path / 'lost.csv'}", *OWN)
    assert code == 1
    assert "users are lost or added on the way" in report
    assert not results


@pytest.mark.slow
@pytest.mark.parametrize("world", ["video", "music"])
def test_a_simulated_test_is_decided_as_the_truth_says(home: Path, world: str) -> None:
    code, report, _ = analyse(home, f"world={world}")
    assert code == 0
    assert "<strong>Ship: popular and personal.</strong>" in report
    assert "uniform: the rule says <strong>don't ship</strong>, and with the truth known" in report


@pytest.mark.slow
def test_a_red_light_that_is_accepted_leaves_a_banner_and_decides_nothing(home: Path) -> None:
    code, report, _ = analyse(home, "lost=0.2", "accept_red=sample_ratio")
    assert code == 0
    assert "shown because accept_red let pass: sample_ratio" in report
    assert "<strong>Cannot tell.</strong>" in report


@pytest.mark.slow
def test_events_beside_assignments_are_watched_by_day(home: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    start, arm = np.datetime64("2026-03-02", "us"), rng.integers(0, 2, 900)
    row, day = np.nonzero(rng.random((900, 24)) < rng.beta(2, 3, 900)[:, None])
    moment = start + (((day - 10) * 24 + rng.uniform(8, 22, len(day))) * 3.6e9).astype("timedelta64[us]")
    watched = rng.lognormal(3, 1, len(row)) * np.where((arm[row] > 0) & (day >= 10), 1.6, 1)
    events = pl.DataFrame({"user_id": row, "timestamp": moment, "event": "play", "watch_seconds": watched})
    events.write_csv(tmp_path / "events.csv")
    who = pl.DataFrame({"user_id": np.arange(900), "variant": np.array(["control", "new"])[arm]})
    who.with_columns(assigned_at=pl.lit(start)).write_csv(tmp_path / "who.csv")
    code, report, _ = analyse(home, f"source={tmp_path / 'events.csv'}", f"assignments={tmp_path / 'who.csv'}",
                              "guardrails=active_days=0.3", "reading=sequential")  # fmt: skip
    assert code == 0
    assert "<strong>Ship: new.</strong>" in report
    assert "Days on which it would have found an effect" in report


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the data sets beside the checkout")
def test_open_bandit_knows_no_users_and_says_what_that_means(home: Path) -> None:
    got = avrec(home, "data", "get", "open-bandit", "--from", str(SHARED / "open-bandit"))
    assert got.returncode == 0, got.stderr
    asked = ("source=open-bandit", "control=random", "primary=click_through_rate", "guardrails=[]")
    code, report, _ = analyse(home, *asked)
    assert code == 1
    assert "requests_as_users=true" in report
    code, report, _ = analyse(home, *asked, "requests_as_users=true")
    assert code == 0
    assert "the log knows no persons" in report
    assert "<strong>Cannot tell.</strong>" in report
