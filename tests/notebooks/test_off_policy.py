"""Notebook 50 as a person runs it: simulated logs, digits, Open Bandit, a log of one's own, and bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from workbench import SHARED, avrec, new_home, smoke

NOTEBOOK = "50_estimate_off_policy"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_home(tmp_path_factory.mktemp("off_policy"))


def estimate(home: Path, *words: str, worlds: int = 0) -> tuple[int, str, list[dict[str, Any]]]:
    """Exit code, report and results of notebook 50 on these parameters."""
    return smoke(home, NOTEBOOK, f"worlds={worlds}", *words)


def own_log(folder: Path, rounds: int = 6000) -> tuple[Path, Path]:
    """A log in Parquet with a title nobody would like, and the whole distributions of two other policies."""
    rng = np.random.default_rng(5)
    names = np.array(["soup", "noodles", "<script>alert(1)</script>"])
    warm = rng.random(rounds)
    logging = np.array([0.5, 0.3, 0.2])
    taken = rng.choice(3, rounds, p=logging)
    clicks = rng.random(rounds) < np.where(taken == 0, 0.2 + 0.4 * warm, 0.2)
    log = pl.DataFrame({
        "round_id": [f"r{number}" for number in range(rounds)],
        "user_id": [f"u{number // 4}" for number in range(rounds)],
        "item_id": names[taken], "click": clicks.astype(int), "propensity": logging[taken], "context_warm": warm,
    })  # fmt: skip
    log.write_parquet(folder / "rounds.parquet")
    wishes = {"more soup": [0.8, 0.1, 0.1], "no soup": [0.0, 0.5, 0.5]}
    others = pl.concat(
        log.select("round_id").join(pl.DataFrame({"item_id": names, "probability": wish}), how="cross")
        .with_columns(policy=pl.lit(name)) for name, wish in wishes.items()
    )  # fmt: skip
    others.write_parquet(folder / "policies.parquet")
    return folder / "rounds.parquet", folder / "policies.parquet"


def test_a_log_and_policies_of_ones_own_are_answered(home: Path, tmp_path: Path) -> None:
    rounds, policies = own_log(tmp_path)
    code, report, results = estimate(home, f"source={rounds}", f"policy_file={policies}")
    assert code == 0
    assert "more soup would earn more than what was logged" in report
    assert "no soup would earn less than what was logged" in report
    assert "<script>alert(1)</script>" not in report
    values = {one["model"]: one for one in results if one["name"] == "value"}
    # Soup earns .2 + .4 · mean(warm) = .4 and all else .2.
    assert values["more soup"]["low"] < 0.8 * 0.4 + 0.2 * 0.2 < values["more soup"]["high"]
    assert values["no soup"]["low"] < 0.2 < values["no soup"]["high"]


@pytest.mark.slow
def test_a_simulated_log_holds_the_truth_and_shows_how_often_it_would(home: Path) -> None:
    code, report, results = estimate(home, worlds=6)
    assert code == 0
    assert "would earn" in report
    assert "Refused with full support" in report
    assert {one["model"] for one in results} == {"target", "uniform"}


@pytest.mark.slow
def test_what_was_never_tried_is_refused_with_what_logging_it_takes(home: Path) -> None:
    code, report, results = estimate(home, "missing_support=0.6")
    assert code == 0
    assert "These logs cannot tell what target would earn" in report
    assert "rounds needed" in report or "explored, %" in report
    assert next(one for one in results if one["model"] == "target")["value"] is None


@pytest.mark.slow
def test_digits_as_a_bandit(home: Path) -> None:
    code, report, results = estimate(home, "source=digits")
    assert code == 0
    assert "random forest would earn more than what was logged" in report
    assert results[0]["low"] < 0.87 < results[0]["high"] + 0.03


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the data sets beside the checkout")
def test_open_bandit_small_has_too_few_clicks_and_says_so(home: Path) -> None:
    got = avrec(home, "data", "get", "open-bandit", "--from", str(SHARED / "open-bandit"))
    assert got.returncode == 0, got.stderr
    code, report, _ = estimate(home, "source=open-bandit", "logging_policy=random", "platform=men")
    assert code == 0
    assert "These logs cannot tell what bts would earn" in report
    assert "rounds were rewarded, and for this policy they are worth" in report


def test_a_wrong_column_is_one_clear_error(home: Path, tmp_path: Path) -> None:
    own_log(tmp_path)
    pl.read_parquet(tmp_path / "rounds.parquet").rename({"propensity": "propensty"}).write_parquet(
        tmp_path / "odd.parquet"
    )
    code, report, _ = estimate(home, f"source={tmp_path / 'odd.parquet'}")
    assert code == 1
    assert "propensty" in report
