"""A small experiment with a known effect: assignments and events by day, skewed watch time, users with habits."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = 86_400


def tables(
    users: int = 2000, days: int = 14, effect: float = 0.0, seed: int = 0, days_before: int = 7,
    variants: tuple[str, ...] = ("control", "new"),
) -> tuple[pl.DataFrame, pl.DataFrame]:  # fmt: skip
    """Events (user_id, timestamp, event, watch_seconds) and assignments (user_id, variant, assigned_at).

    Users are assigned over the first three days and active on about every third day with a habit of their own; watch
    times are log-normal, those of other arms than the control longer by a share `effect`.
    """
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, len(variants), users)
    entered = rng.random(users) * 3 * DAY
    habit = rng.beta(1.2, 2.4, users)
    row, day = np.nonzero(rng.random((users, days + days_before)) < habit[:, None])
    moment = (day - days_before + rng.uniform(0.3, 0.9, len(row))) * DAY
    treated = (moment >= entered[row]) & (arm[row] > 0)
    watched = rng.lognormal(3 + habit[row], 1.0) * np.where(treated, 1 + effect, 1)
    clicked = rng.random(len(row)) < 0.3
    name = np.array([f"u{number}" for number in range(users)])
    shown = events(name[row], moment, "impression")
    parts = [shown, events(name[row][clicked], moment[clicked] + 1, "click")]
    parts.append(events(name[row][clicked], moment[clicked] + 2, "play", watched[clicked]))
    assignments = pl.DataFrame({"user_id": name, "variant": np.array(variants)[arm], "assigned_at": times(entered)})
    return pl.concat(parts).sort("timestamp"), assignments


def events(users: np.ndarray, seconds: np.ndarray, kind: str, watched: np.ndarray | None = None) -> pl.DataFrame:
    """Events of one kind, `seconds` after START."""
    watch = pl.Series(np.full(len(users), np.nan) if watched is None else watched).fill_nan(None)
    return pl.DataFrame({"user_id": users, "timestamp": times(seconds), "event": [kind] * len(users),
                         "watch_seconds": watch})  # fmt: skip


def times(seconds: np.ndarray) -> pl.Series:
    """`seconds` after START as UTC times."""
    moments = (START.timestamp() + np.asarray(seconds, dtype=np.float64)) * 1e6
    return pl.Series(moments.astype(np.int64)).cast(pl.Datetime("us", "UTC"))
