"""Which candidates a request gets: popular ones, ones of the observed taste, new ones, known ones, and a few at random.

What was clicked becomes more popular and is retrieved more. Items are drawn from tables of quantiles, made once a day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avrec_lib.simulate.catalogue import DAY, START_SECONDS, Catalogue
from avrec_lib.simulate.chance import Purpose, bits, uniform
from avrec_lib.simulate.options import WorldOptions

LOW = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Shelves:
    """What can be retrieved on one day: how many items are out, and tables to draw them from."""

    out: int
    popular: np.ndarray  # (m,) quantiles of popularity^power
    by_topic: np.ndarray  # (topics, m)
    newest: np.ndarray


def shelves_of(options: WorldOptions, catalogue: Catalogue, popularity: np.ndarray, day: int) -> Shelves:
    """The shelves at the beginning of `day`."""
    now = START_SECONDS + day * DAY
    out = catalogue.out_at(now)
    weight = popularity[:out] ** options.retrieval_power
    first_new = min(catalogue.out_at(now - options.new_days * DAY), out - 1)
    topic = catalogue.topic[:out]
    rows = np.arange(out)
    by_topic = [rows[topic == number] for number in range(catalogue.topics)]
    tables = [_quantiles(members, weight[members], 1024) if len(members) else rows[:1024] for members in by_topic]
    tables = [np.resize(table, 1024) for table in tables]
    size = 1 << int(np.ceil(np.log2(max(4 * out, 4096))))
    return Shelves(out, _quantiles(rows, weight, size), np.stack(tables), np.arange(first_new, out, dtype=np.int32))


def _quantiles(items: np.ndarray, weight: np.ndarray, size: int) -> np.ndarray:
    reach = np.cumsum(weight)
    at = np.searchsorted(reach, (np.arange(size) + 0.5) / size * reach[-1])
    return items[np.minimum(at, len(items) - 1)].astype(np.int32)


def retrieve(
    options: WorldOptions, shelves: Shelves, observed: np.ndarray, latest: np.ndarray, key: np.ndarray
) -> np.ndarray:
    """Candidates (n, a) of n requests, distinct in a row and in order of their rows; (a,) when everything is asked for.

    `observed` (n, topics) and `latest` (n, m: items chosen last, −1 for none) are what is known of those who ask.
    """
    if not options.candidates:
        return np.arange(shelves.out, dtype=np.int32)
    wanted = options.candidates
    counts = [
        round(wanted * share)
        for share in (options.popular_share, options.taste_share, options.new_share, options.known_share)
    ]
    ends = np.minimum(np.cumsum(counts), wanted)
    drawn = bits(key, Purpose.CANDIDATE, wanted)
    high, low = (drawn >> np.uint64(32)).astype(np.int64), (drawn & LOW).astype(np.int64)
    found = ((high * shelves.out) >> 32).astype(np.int32)
    found[:, : ends[0]] = shelves.popular[(high[:, : ends[0]] * len(shelves.popular)) >> 32]
    topical = slice(ends[0], ends[1])
    topic = _topics(observed, low[:, topical])
    found[:, topical] = shelves.by_topic[topic, (high[:, topical] * shelves.by_topic.shape[1]) >> 32]
    new = slice(ends[1], ends[2])
    found[:, new] = shelves.newest[(high[:, new] * len(shelves.newest)) >> 32]
    if ends[3] > ends[2]:
        own = slice(ends[2], ends[3])
        remembered = np.take_along_axis(latest, (high[:, own] * latest.shape[1]) >> 32, axis=1)
        found[:, own] = np.where(remembered >= 0, remembered, found[:, own])
    return _distinct(found, shelves.out, key)


def _topics(observed: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Topics (n, m) drawn in proportion to `observed` (n, topics), by 32-bit `numbers` (n, m)."""
    reach = np.cumsum(observed, axis=1)
    at = numbers * (reach[:, -1:].astype(np.float64) / 2**32)
    topic = np.zeros(numbers.shape, np.int64)
    for number in range(observed.shape[1] - 1):
        topic += at >= reach[:, number, None]
    return topic


def _distinct(found: np.ndarray, out: int, key: np.ndarray) -> np.ndarray:
    """Sort each row of `found` (n, a) and replace repeats by items drawn evenly, until there are none."""
    found.sort(axis=1)
    repeats = np.zeros(found.shape, bool)
    np.equal(found[:, 1:], found[:, :-1], out=repeats[:, 1:])
    rows = np.flatnonzero(repeats.any(1))
    attempt = 0
    while len(rows):
        part, again = found[rows], repeats[rows]
        fresh = uniform(key[rows], Purpose.REPAIR + 16 * (attempt + 1), found.shape[1])
        part[again] = (fresh[again] * out).astype(np.int32)
        part.sort(axis=1)
        found[rows] = part
        again[:, 0] = False
        np.equal(part[:, 1:], part[:, :-1], out=again[:, 1:])
        repeats[rows] = again
        rows, attempt = rows[again.any(1)], attempt + 1
    return found
