"""People who click: rankings of two rankers for many sessions, and models of what is clicked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CANDIDATES, SLOTS = 20, 8

ClickModel = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""From the attraction of each place (n, slots) to clicks (n, slots)."""


@dataclass(frozen=True)
class Sessions:
    """Rankings of both rankers (n, CANDIDATES), and how attractive each item is to the user (n, CANDIDATES)."""

    baseline: np.ndarray
    challenger: np.ndarray
    attraction: np.ndarray

    def attraction_of(self, items: np.ndarray) -> np.ndarray:
        """The attraction of each of `items` (n, slots)."""
        return np.take_along_axis(self.attraction, items, axis=1)


def sessions(rng: np.random.Generator, count: int, baseline_noise: float, challenger_noise: float) -> Sessions:
    """Users differ in how easily they click, items in their worth; a ranker sees that through noise of its own."""
    worth = rng.standard_normal((count, CANDIDATES))
    mood = rng.normal(-2.2, 0.8, (count, 1))
    attraction = 1 / (1 + np.exp(-(worth + mood)))
    noises = (baseline_noise, challenger_noise)
    rankings = [np.argsort(-(worth + noise * rng.standard_normal(worth.shape)), axis=1) for noise in noises]
    return Sessions(rankings[0], rankings[1], attraction)


def by_position(steepness: float) -> ClickModel:
    """Each place is looked at with probability 1 / place^steepness, and clicked independently of the others."""

    def click(attraction: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seen = np.arange(1, attraction.shape[1] + 1) ** -steepness
        return rng.random(attraction.shape) < attraction * seen

    return click


def cascade(go_on: float) -> ClickModel:
    """From the top downwards; after a click the user goes on with probability `go_on` (0: one click at most)."""

    def click(attraction: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        would = rng.random(attraction.shape) < attraction
        stops = would & (rng.random(attraction.shape) >= go_on)
        before: np.ndarray = np.cumsum(stops, axis=1) - stops
        return would & (before == 0)

    return click


CLICK_MODELS: dict[str, ClickModel] = {
    "independent, all places seen": by_position(0.0),
    "independent, 1 / place": by_position(1.0),
    "independent, 1 / place²": by_position(2.0),
    "cascade, goes on after half its clicks": cascade(0.5),
    "cascade, one click": cascade(0.0),
}
