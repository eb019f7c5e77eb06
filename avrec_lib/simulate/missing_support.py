"""Actions that a logging policy never takes: how much of what another policy would do is in no log."""

from __future__ import annotations

import numpy as np

from avrec_lib.simulate.bandit_options import MissingBy


def without_support(
    logging: np.ndarray, target: np.ndarray, missing: float, missing_by: MissingBy, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Both policies (m, a), the first of which never takes actions that hold a share `missing` of what the second does.

    In each context actions go in an order (`BanditOptions.missing_by`) until their mass reaches `missing`; the one at
    the edge goes in as many contexts as it takes for the mean mass to be `missing`, up to one edge in m. The action
    that the target likes least stays, and the target gives it up: something must be left to be logged.
    """
    m, count = logging.shape
    rows = np.arange(m)
    last_resort = target.argmin(axis=1)
    target = target.copy()
    target[rows, last_resort] = 0
    target /= target.sum(axis=1, keepdims=True)

    rank = logging.copy() if missing_by == "preference" else np.broadcast_to(rng.random(count), (m, count)).copy()
    rank[rows, last_resort] = np.inf
    order = np.argsort(rank, axis=1)
    masses = np.take_along_axis(target, order, axis=1)
    reached = masses.cumsum(axis=1)
    gone = reached <= missing + 1e-12
    gone[:, -1] = False
    edge = np.minimum(gone.sum(axis=1), count - 1)
    edge_mass = masses[rows, edge]
    before = reached[rows, edge] - edge_mass
    # An edge goes with the probability that makes the mean right in its context; then the few that go by chance too
    # many or too few over all contexts are mended, the closest calls first.
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.where(edge_mass > 0, (missing - before) / edge_mass, 0.0)
    first = np.argsort(rng.random(m) - chance)
    short = missing * m - float(before.sum())
    goes = first[edge_mass[first].cumsum() <= short + 1e-9]
    gone[goes, edge[goes]] = edge[goes] < count - 1
    mask = np.zeros_like(gone)
    np.put_along_axis(mask, order, gone, axis=1)
    logging = np.where(mask, 0.0, logging)
    # A sharp softmax may have left nothing on what stays.
    logging[rows, last_resort] = np.where(logging.sum(axis=1) < 1e-12, 1.0, logging[rows, last_resort])
    return logging / logging.sum(axis=1, keepdims=True), target
