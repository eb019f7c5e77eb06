"""Recommenders as policies on a log: learned before the cut, asked about after it, in slates given what is above."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import DataError
from avrec_lib.evaluate.off_policy.from_dataset import logged_rounds
from avrec_lib.training.logged_policies import policies_on_log

WORTH = {"soup": 0.6, "rice": 0.3, "cake": 0.1, "kale": 0.02}
N = 600


def shop(folder: Path, slots: int) -> Dataset:
    """Requests an hour apart, slates drawn evenly without repetition, clicks by worth."""
    rng = np.random.default_rng(4)
    names, rows = list(WORTH), []
    for request in range(N):
        time = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=request)
        for place, item in enumerate(rng.permutation(4)[:slots]):
            shown = {"user_id": f"u{request % 40}", "item_id": names[item], "request_id": f"r{request}",
                     "position": place, "timestamp": time}  # fmt: skip
            rows.append(shown | {"event": "impression", "propensity": 1 / (4 - place), "policy": "even"})
            if rng.random() < WORTH[names[item]]:
                rows.append(shown | {"event": "click", "propensity": None, "policy": "even"})
    return write_dataset(folder / "shop", {"events": pl.DataFrame(rows)}, name="shop", source="made", licence="none")


def test_policies_learn_from_the_rounds_before_the_cut_and_are_asked_about_the_later_ones(tmp_path: Path) -> None:
    data = shop(tmp_path, slots=1)
    found = policies_on_log(data, logged_rounds(data), ["popularity"], train_share=0.5, epsilon=0.2)
    assert len(found.rounds.log) == N // 2
    (target,) = found.targets
    assert target.probabilities is not None
    assert target.probabilities.sum(axis=1) == pytest.approx(1)
    names = found.rounds.log.action_ids.tolist()
    soup, kale = (target.probabilities[0, names.index(item)] for item in ("soup", "kale"))
    assert soup > 0.3 > kale >= 0.2 / 4


def test_in_slates_the_probability_is_that_of_an_item_given_those_above(tmp_path: Path) -> None:
    data = shop(tmp_path, slots=2)
    found = policies_on_log(data, logged_rounds(data), ["popularity"], epsilon=0.0)
    (target,) = found.targets
    log = found.rounds.log
    assert target.probabilities is None
    # By Plackett and Luce: what a second place has, over what the first left.
    tops = log.positions == 0
    chance = dict(zip(log.action_ids[log.actions[tops]], target.of_logged[tops], strict=True))
    assert sum(chance.values()) == pytest.approx(1)
    first, second = (log.action_ids[log.actions[log.positions == place]] for place in (0, 1))
    expected = [chance[below] / (1 - chance[above]) for above, below in zip(first, second, strict=True)]
    np.testing.assert_allclose(target.of_logged[log.positions == 1], expected)


def test_a_log_without_times_or_without_an_earlier_choice_says_so(tmp_path: Path) -> None:
    data = shop(tmp_path, slots=1)
    rounds = logged_rounds(data)
    with pytest.raises(DataError, match="need the times of its rounds"):
        policies_on_log(data, type(rounds)(rounds.log, rounds.rounds.drop("timestamp"), ()), ["popularity"])
    late = data.with_events(data.events.filter(pl.col("event") == "impression"), note="no clicks")
    with pytest.raises(DataError, match="nothing was chosen"):
        policies_on_log(late, rounds, ["popularity"])
