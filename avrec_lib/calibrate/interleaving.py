"""Does interleaving prefer the better ranker, and what does it save over an A/B test? It depends on people's clicks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from avrec_lib.calibrate.clicks import CLICK_MODELS, SLOTS, ClickModel, Sessions, sessions
from avrec_lib.calibrate.rates import Rate, blocks, rate_table
from avrec_lib.evaluate.interleave import preferences, queries_needed, team_draft
from avrec_lib.evaluate.power import ALPHA, users_needed

LEVEL_WITHIN = 0.008
NOISE = 1.0
GAPS = {"small": 1.25, "middle": 1.6, "large": 2.5}
"""Noise of the baseline; the challenger's is NOISE."""
PILOT, AT_ONCE = 400_000, 50_000
POWER_ASKED, RIGHT = 0.97, 0.95
"""The power planned for, and the share of tests that must name the better ranker."""
PILOT_ERRORS = 1.645
"""A pilot is not exact: interleaving is planned for a preference so many standard errors below the one it showed."""


def no_preference(runs: int = 10_000, seed: int = 0, sessions_each: int = 100) -> pl.DataFrame:
    """A/A tests of two rankers that are equally good but do not agree: how often is one preferred?

    As `rates.rate_table`: 5 % ± 0.8 % in each click model, a session a user.
    """
    found = dict.fromkeys(CLICK_MODELS, 0)
    for part, size in enumerate(blocks(runs)):
        rng = np.random.default_rng([seed, part])
        drawn = sessions(rng, size * sessions_each, NOISE, NOISE)
        for name, scores in _scores(drawn, rng):
            _, low, high = preferences(scores.reshape(sessions_each, size))
            found[name] += int(((low > 0) | (high < 0)).sum())
    return rate_table(
        Rate(name, "interleaving", count, runs, ALPHA - LEVEL_WITHIN, ALPHA + LEVEL_WITHIN)
        for name, count in found.items()
    )  # fmt: skip


def gain_over_ab(runs: int = 10_000, seed: int = 0) -> pl.DataFrame:
    """For each click model and gap between the rankers: sessions that interleaving and an A/B test take, and whether
    the better one is named at the number that interleaving predicts.

    Columns clicks, gap, preference, interleaving, ab (sessions to find it with POWER_ASKED), gain (ab / interleaving),
    gain_low, gain_high (95 %, from the error of the A/B effect alone), right (share of `runs` tests of so many sessions
    that name the better one), wrong (that name the other), right_low, least, kept. Both numbers are planned from a
    pilot of PILOT sessions, interleaving for the lower end of its preference, the A/B test for the effect itself; the
    tests draw theirs from as many other sessions. The A/B test compares clicks by session.
    """
    rows = []
    for place, (gap, noise) in enumerate(GAPS.items()):
        pilot = _pilot(noise, np.random.default_rng([seed, place, 0]))
        fresh = _pilot(noise, np.random.default_rng([seed, place, 1]))
        rng = np.random.default_rng([seed, place, 2])
        for name, (scores, clicks) in pilot.items():
            mean = float(scores.mean())
            sd = float(scores.std())
            needed = queries_needed(mean - PILOT_ERRORS * sd / np.sqrt(len(scores)), sd, power=POWER_ASKED)
            effect, error = _paired(clicks)
            spread = 2 * float(np.sqrt(clicks.var(axis=1).mean()))
            sizes = (effect, effect + 1.96 * error, effect - 1.96 * error)
            ends = [users_needed(size, spread, POWER_ASKED) for size in sizes]
            right, wrong = _named(fresh[name][0], needed or 0, runs, rng)
            rate = Rate(f"{name}, {gap}", "right", right, runs, RIGHT)
            gains = [None if end is None or not needed else end / needed for end in ends]
            if effect - 1.96 * error <= 0:
                gains[2] = None
            rows.append((name, gap, mean, needed, ends[0], gains[0], gains[1], gains[2], right / runs, wrong / runs,
                         rate.interval()[0], RIGHT, rate.kept))  # fmt: skip
    columns = ["clicks", "gap", "preference", "interleaving", "ab", "gain", "gain_low", "gain_high", "right", "wrong",
               "right_low", "least", "kept"]  # fmt: skip
    return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)


def _named(scores: np.ndarray, needed: int, runs: int, rng: np.random.Generator) -> tuple[int, int]:
    """How many of `runs` tests of `needed` sessions, drawn from `scores` with replacement, name either: better, worse.

    A test is known by its wins, losses and ties.
    """
    from scipy.special import stdtrit

    shares = np.array([(scores > 0).mean(), (scores < 0).mean()])
    counts = rng.multinomial(needed, [*shares, 1 - shares.sum()], runs)
    mean = (counts[:, 0] - counts[:, 1]) / needed
    error = np.sqrt(((counts[:, 0] + counts[:, 1]) / needed - mean**2) / (needed - 1))
    reach = stdtrit(needed - 1, 1 - ALPHA / 2) * error
    return int((mean - reach > 0).sum()), int((mean + reach < 0).sum())


def _pilot(noise: float, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By click model: scores of PILOT interleaved sessions, and the clicks of the same on either list (2, PILOT)."""
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in CLICK_MODELS}
    for size in blocks(PILOT, AT_ONCE):
        drawn = sessions(rng, size, noise, NOISE)
        for name, scores in _scores(drawn, rng):
            parts[name].append((scores, _clicks(drawn, CLICK_MODELS[name], rng)))
    return {
        name: (np.concatenate([one for one, _ in pairs]), np.concatenate([two for _, two in pairs], axis=1))
        for name, pairs in parts.items()
    }  # fmt: skip


def _scores(drawn: Sessions, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """By click model: +1, 0 or −1 for each session, interleaved once for all models."""
    items, teams = team_draft(drawn.baseline, drawn.challenger, SLOTS, rng)
    attraction = drawn.attraction_of(items)
    for name, click in CLICK_MODELS.items():
        clicked = click(attraction, rng)
        yield name, np.sign((clicked & (teams == 1)).sum(axis=1) - (clicked & (teams == 0)).sum(axis=1))


def _clicks(drawn: Sessions, click: ClickModel, rng: np.random.Generator) -> np.ndarray:
    """Clicks of each session on the list of either ranker, (2, n), by the same moods and dice."""
    seed = int(rng.integers(2**63))
    return np.stack([
        click(drawn.attraction_of(ranking[:, :SLOTS]), np.random.default_rng(seed)).sum(axis=1)
        for ranking in (drawn.baseline, drawn.challenger)
    ]).astype(np.float64)  # fmt: skip


def _paired(clicks: np.ndarray) -> tuple[float, float]:
    """The effect on clicks a session and its standard error, both lists shown to the same users."""
    difference = clicks[1] - clicks[0]
    return float(difference.mean()), float(difference.std() / np.sqrt(len(difference)))
