from __future__ import annotations

import numpy as np
import pytest

from avrec_lib.calibrate.clicks import by_position, cascade, sessions
from avrec_lib.calibrate.interleaving import gain_over_ab, no_preference


def test_a_place_further_down_is_clicked_by_its_share() -> None:
    clicks = by_position(1.0)(np.full((100_000, 4), 0.8), np.random.default_rng(0))
    assert clicks.mean(axis=0) == pytest.approx(0.8 / np.array([1, 2, 3, 4]), abs=0.01)


def test_a_cascade_stops_at_a_click_unless_it_goes_on() -> None:
    attraction = np.full((100_000, 3), 0.5)
    once = cascade(0.0)(attraction, np.random.default_rng(0))
    assert once.sum(axis=1).max() == 1
    assert once.mean(axis=0) == pytest.approx([0.5, 0.25, 0.125], abs=0.01)
    on = cascade(0.5)(attraction, np.random.default_rng(0))
    assert on.mean(axis=0) == pytest.approx([0.5, 0.5 * 0.75, 0.5 * 0.75**2], abs=0.01)


def test_the_ranker_with_less_noise_shows_better_items() -> None:
    drawn = sessions(np.random.default_rng(0), 5000, 2.5, 1.0)
    means = [drawn.attraction_of(ranking[:, :8]).mean() for ranking in (drawn.baseline, drawn.challenger)]
    assert means[1] > means[0] * 1.1


def test_rankers_that_are_equally_good_are_rarely_told_apart() -> None:
    assert no_preference(500)["rate"].max() < 0.09  # type: ignore[operator]


@pytest.mark.slow
def test_interleaving_keeps_its_level() -> None:
    table = no_preference()
    assert table["kept"].all(), table


@pytest.mark.slow
def test_the_better_ranker_is_named_at_the_predicted_number_of_sessions() -> None:
    table = gain_over_ab()
    assert table["kept"].all(), table
    assert (table["gain"] > 1).all()
