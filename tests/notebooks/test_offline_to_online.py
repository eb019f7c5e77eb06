"""Notebook 52 as a person runs it: both worlds, a real log beside them, a policy that changes nothing, a wrong word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from workbench import avrec, new_home, smoke

NOTEBOOK = "52_offline_to_online"
METHODS = ["truth", "A/B test", "off-policy, true rewards", "predicted A/B", "off-policy", "reward model alone",
           "offline ranking"]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_home(tmp_path_factory.mktemp("offline_to_online"))


def crossed(home: Path, *words: str) -> tuple[int, str, list[dict[str, Any]]]:
    """Exit code, report and results of notebook 52 on these parameters."""
    return smoke(home, NOTEBOOK, *words)


@pytest.mark.slow
@pytest.mark.parametrize("world", ["video", "music"])
def test_both_worlds_go_from_the_log_to_the_truth(home: Path, world: str) -> None:
    code, report, results = crossed(home, f"world={world}")
    assert code == 0
    assert [one["model"] for one in results] == METHODS
    assert all(one["low"] <= one["value"] <= one["high"] for one in results)
    # Avoiding what people know helps where nobody repeats, and hurts where everybody does.
    lifts = {one["model"]: one for one in results}
    assert (lifts["truth"]["value"] > 0) == (world == "video")
    assert (lifts["off-policy"]["value"] > 0) == (world == "video")
    for said in ("A request is not a user", "Who picked the winner?", "shapes lie within a factor of 1.5",
                 "Read every day, the fixed test errs"):  # fmt: skip
        assert said in report


@pytest.mark.slow
def test_a_log_of_ones_own_stands_beside_the_world_and_no_change_is_no_difference(home: Path) -> None:
    got = avrec(home, "data", "get", "simulated", "--world", "music", "--users", "100", "--days", "4")
    assert got.returncode == 0, got.stderr
    code, report, results = crossed(home, "real_log=simulated-music", "new_policy=nothing", "metric=watch_seconds")
    assert code == 0
    assert "simulated-music" in report
    lifts = {one["model"]: one for one in results}
    assert lifts["offline ranking"]["value"] == 0
    assert lifts["off-policy"]["value"] == pytest.approx(0, abs=1e-9)
    assert lifts["truth"]["value"] == pytest.approx(0, abs=1e-9), "twins under the same policy are the same"


def test_a_wrong_word_is_refused_before_anything_runs(home: Path) -> None:
    done = avrec(home, "run", "52", "-p", "world=film")
    assert done.returncode == 2
    assert "video" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
