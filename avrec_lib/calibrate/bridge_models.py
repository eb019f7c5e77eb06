"""What a platform would expect of a candidate at a place: small models of clicks and watching, cross-fitted by user."""

from __future__ import annotations

import numpy as np

from avrec_lib.calibrate.bridge_log import BridgeLog
from avrec_lib.simulate.options import PLATFORMS

FOLDS, STEPS, PENALTY = 2, 6, 3.0


def modelled_rewards(log: BridgeLog, seed: int = 0) -> dict[str, np.ndarray]:
    """Expected rewards (n, slots, a) by metric, of models that have not seen the user of the request.

    Clicks: a logistic regression on place, platform and the features of the candidate. Watch seconds: the same times
    the seconds that a click leads to, a regression of their logarithm on the features, brought to the right mean.
    """
    fold = np.random.default_rng(seed).permutation(log.user_count)[log.users] % FOLDS
    clicks = np.empty((len(log), log.slots, log.features.shape[1]))
    seconds = np.empty((len(log), log.features.shape[1]))
    shown = np.take_along_axis(log.features, log.places[:, :, None], axis=1)
    for number in range(FOLDS):
        train, held_out = fold != number, fold == number
        centre, spread = shown[train].mean(axis=(0, 1)), shown[train].std(axis=(0, 1))
        scale = np.where(spread > 0, spread, 1.0)
        known, asked = (shown[train] - centre) / scale, (log.features[held_out] - centre) / scale
        clicked = log.rewards["clicks"][train]
        clicks[held_out] = _clicks(log, train, held_out, known, asked, clicked)
        seconds[held_out] = _seconds(log, train, held_out, known, asked, clicked)
    return {"clicks": clicks, "watch_seconds": clicks * seconds[:, None, :]}


def _clicks(
    log: BridgeLog, train: np.ndarray, held_out: np.ndarray, known: np.ndarray, asked: np.ndarray, clicked: np.ndarray
) -> np.ndarray:  # fmt: skip
    n, slots, _ = known.shape
    place = np.broadcast_to(np.eye(slots), (n, slots, slots))
    device = _devices(log, train)
    rows = np.concatenate([place, np.broadcast_to(device[:, None], (n, slots, device.shape[1])), known], axis=2)
    weights = _logistic(rows.reshape(n * slots, -1), clicked.ravel(), slots)
    of_request = _devices(log, held_out) @ weights[slots : slots + device.shape[1]]
    logits = asked @ weights[slots + device.shape[1] :] + of_request[:, None]
    chances: np.ndarray = 1 / (1 + np.exp(-(logits[:, None, :] + weights[:slots, None])))
    return chances


def _seconds(
    log: BridgeLog, train: np.ndarray, held_out: np.ndarray, known: np.ndarray, asked: np.ndarray, clicked: np.ndarray
) -> np.ndarray:  # fmt: skip
    row, slot = np.nonzero(clicked)
    watched = log.rewards["watch_seconds"][train][row, slot]
    if len(watched) < 2 * known.shape[2]:
        return np.full(asked.shape[:2], watched.mean() if len(watched) else 0.0)
    rows = np.column_stack([np.ones(len(row)), _devices(log, train)[row], known[row, slot]])
    gram = rows.T @ rows + PENALTY * np.diag([0.0] + [1.0] * (rows.shape[1] - 1))
    weights = np.linalg.solve(gram, rows.T @ np.log(watched))
    fitted = np.exp(rows @ weights)
    devices = len(PLATFORMS) - 1
    of_request = weights[0] + _devices(log, held_out) @ weights[1 : 1 + devices]
    expected: np.ndarray = np.exp(np.minimum(asked @ weights[1 + devices :] + of_request[:, None], 9))
    return expected * (watched.sum() / fitted.sum())


def _devices(log: BridgeLog, rows: np.ndarray) -> np.ndarray:
    """A column for each platform but the first."""
    return (log.rounds.platform[rows][:, None] == np.arange(1, len(PLATFORMS))).astype(np.float64)


def _logistic(rows: np.ndarray, happened: np.ndarray, free: int) -> np.ndarray:
    """Coefficients by Newton's method with a small pull to 0, but not of the first `free` columns."""
    penalty = PENALTY * (np.arange(rows.shape[1]) >= free) + 0.1
    rate = (happened.sum() + 0.5) / (len(happened) + 1)
    weights = np.where(np.arange(rows.shape[1]) < free, np.log(rate / (1 - rate)), 0.0)
    centre = np.where(penalty < PENALTY, weights, 0.0)
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (happened - chance) - penalty * (weights - centre)
        curve = (rows * (chance * (1 - chance))[:, None]).T @ rows + np.diag(penalty)
        weights = weights + np.linalg.solve(curve, slope)
    return weights
