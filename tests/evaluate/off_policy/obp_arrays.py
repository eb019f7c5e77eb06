"""Small logs by formula, the same on every machine: what obp's numbers in `obp_numbers.json` are of."""

from __future__ import annotations

import numpy as np

ROUNDS, ACTIONS, DIMENSIONS, CODES = 200, 5, 2, 3
SLATES, PLACES = 60, 4
CLIP, THRESHOLD, SHRINKAGE = 1.5, 1.5, 2.0


def probabilities(rows: int, columns: int, shift: float) -> np.ndarray:
    """Rows that sum to one, no two alike."""
    row, column = np.arange(rows)[:, None], np.arange(columns)
    odds = np.exp(np.sin(shift + 0.7 * row + 2.1 * column) + np.cos(0.13 * row * (column + shift)))
    return odds / odds.sum(axis=1, keepdims=True)


def rounds() -> dict[str, np.ndarray]:
    """A log of single rounds: `action`, `reward`, `logging`, `target`, `predicted`, `codes`, `likelihoods`."""
    i = np.arange(ROUNDS)
    action = (7 * i + i // 11) % ACTIONS
    return {
        "action": action,
        "reward": (13 * i % 17 < 6) * (1 + i % 3 / 2),
        "logging": probabilities(ROUNDS, ACTIONS, 0.3),
        "target": probabilities(ROUNDS, ACTIONS, 1.9),
        "predicted": 0.5 + 0.4 * np.sin(0.31 * i[:, None] + np.arange(ACTIONS)),
        "codes": np.stack([(action + i // 4) % CODES, (2 * action + i // 9) % CODES], axis=1),
        # (actions, codes, dimensions), as obp wants it
        "likelihoods": np.stack([probabilities(ACTIONS, CODES, 0.2 + d) for d in range(DIMENSIONS)], axis=2),
    }


def slates(ragged: bool) -> dict[str, np.ndarray]:
    """Slates as rounds: also `slate`, `place`, and what stands above is in `logging` and `target`; ragged lack ends."""
    slate, place = np.divmod(np.arange(SLATES * PLACES), PLACES)
    kept = place <= (slate % PLACES if ragged else PLACES)
    n = np.arange(SLATES * PLACES)
    arrays = {
        "slate": slate,
        "place": place,
        "action": (3 * n + slate) % ACTIONS,
        "reward": (11 * n % 13 < 5) * (1 + n % 2 / 2),
        "logging": probabilities(len(n), ACTIONS, 0.9),
        "target": probabilities(len(n), ACTIONS, 2.4),
        "predicted": 0.8 + 0.3 * np.cos(0.17 * n[:, None] + np.arange(ACTIONS)),
    }
    return {name: array[kept] for name, array in arrays.items()}
