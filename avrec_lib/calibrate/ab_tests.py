"""Do the tests of an A/B experiment keep what they promise? Many experiments without an effect, and with one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from avrec_lib.calibrate.draws import ONCE, STAYING, Paths, once, staying
from avrec_lib.calibrate.rates import Rate, blocks, rate_table
from avrec_lib.evaluate.experiment.border import BROKEN
from avrec_lib.evaluate.experiment.checks import sample_ratio_p
from avrec_lib.evaluate.experiment.estimates import estimate
from avrec_lib.evaluate.experiment.moments import Moments, from_sums
from avrec_lib.evaluate.experiment.sequential import mixture, sequence
from avrec_lib.evaluate.power import ALPHA

DAYS, USERS_A_DAY, USERS_STAYING = 14, 100, 400
LEVEL_WITHIN = 0.008
CASES = (*ONCE, *STAYING)


def level(runs: int = 10_000, seed: int = 0) -> pl.DataFrame:
    """A/A tests of two weeks: how often each test finds an effect that is not there, as `rates.rate_table`.

    The fixed test reads the last day and promises 5 % ± 0.8 %; the confidence sequence is read on every day and
    promises at most 5 % by the upper end of its interval; the fixed test read on every day promises nothing.
    """
    rates = []
    for case in CASES:
        fixed, peeked, sequential = _found(case, runs, 0.0, seed)
        rates += [
            Rate(case, "fixed, read once", fixed, runs, ALPHA - LEVEL_WITHIN, ALPHA + LEVEL_WITHIN),
            Rate(case, "sequential, read every day", sequential, runs, most=ALPHA, by_limit=True),
            Rate(case, "fixed, read every day", peeked, runs),
        ]
    return rate_table(rates)


def power(runs: int = 10_000, seed: int = 0, fixed_power: float = 0.8, least_share: float = 0.6) -> pl.DataFrame:
    """Tests with an effect that the fixed test finds with `fixed_power`: how often does the sequence find it in time?

    Columns case, lift, fixed, sequential (powers), share (sequential / fixed), share_low (the lower end of sequential
    over the upper one of fixed), runs, least, kept.
    """
    rows = []
    for case in CASES:
        lift = _lift_for(case, fixed_power, seed)
        fixed, _, sequential = _found(case, runs, lift, seed + 1)
        powers = Rate(case, "fixed", fixed, runs), Rate(case, "sequential", sequential, runs)
        share = sequential / max(fixed, 1)
        share_low = powers[1].interval()[0] / powers[0].interval()[1]
        rows.append((case, lift, fixed / runs, sequential / runs, share, share_low, runs, least_share,
                     share >= least_share))  # fmt: skip
    columns = ["case", "lift", "fixed", "sequential", "share", "share_low", "runs", "least", "kept"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def cuped(runs: int = 10_000, seed: int = 0, users: int = 1000, within: float = 0.1) -> pl.DataFrame:
    """A/A tests with a pre-period: does CUPED keep the level, and cut the variance by the squared correlation?

    Columns case, correlation (of the population), rate, low, high (of false effects, exact 95 %), cut (1 − variance of
    the difference with CUPED / without, over the runs), promised (the mean over runs of the squared correlation that
    the test measured; of skewed amounts that of a sample lies above the population's), off (cut / promised − 1), runs,
    kept (level within ± 0.8 % and cut within ± `within`).
    """
    rows = []
    rng = np.random.default_rng(seed)
    for case, exponential in (("scores, normal", False), ("watch time, log-normal", True)):
        for shared in (0.6, 0.75, 0.9):
            alarms, plain, adjusted, squares = 0, [], [], []
            for size in blocks(runs):
                control, treatment = _with_covariate(rng, size, users, shared, exponential)
                found = estimate(control, treatment, cuped=True)
                alarms += int((found.p_value() <= ALPHA).sum())
                plain.append(estimate(control, treatment).difference)
                adjusted.append(found.difference)
                squares.append(found.correlation**2)
            true = np.expm1(shared) / np.expm1(1.0) if exponential else shared
            cut = 1 - np.concatenate(adjusted).var() / np.concatenate(plain).var()
            rate = Rate(case, "cuped", alarms, runs, ALPHA - LEVEL_WITHIN, ALPHA + LEVEL_WITHIN)
            promised = float(np.concatenate(squares).mean())
            off = cut / promised - 1
            kept = bool(rate.kept) and abs(off) <= within
            rows.append((case, true, alarms / runs, *rate.interval(), cut, promised, off, runs, kept))
    columns = ["case", "correlation", "rate", "low", "high", "cut", "promised", "off", "runs", "kept"]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(pl.col("kept").cast(pl.Boolean))


def broken_assignment(runs: int = 10_000, seed: int = 0) -> pl.DataFrame:
    """How often the sample-ratio check speaks, as `rates.rate_table`: of sound assignments for at most 3 in 1,000, of
    those that lose enough users for 99 in 100.
    """
    cases = (
        ("sound, 1,000 users", 1_000, 0.0, False), ("sound, 100,000 users", 100_000, 0.0, False),
        ("2 % of one arm lost, 100,000 users", 100_000, 0.02, False),
        ("5 % of one arm lost, 100,000 users", 100_000, 0.05, True),
        ("10 % of one arm lost, 20,000 users", 20_000, 0.10, True),
        ("20 % of one arm lost, 5,000 users", 5_000, 0.20, True),
        ("1 % of one arm lost, 2,000,000 users", 2_000_000, 0.01, True),
    )  # fmt: skip
    rng, rates = np.random.default_rng(seed), []
    for case, users, lost, promised in cases:
        second = rng.binomial(users, 0.5, runs)
        counts = np.stack([users - second, rng.binomial(second, 1 - lost)], axis=-1).astype(np.float64)
        spoke = int((sample_ratio_p(counts, np.array([0.5, 0.5])) < BROKEN).sum())
        rates.append(Rate(case, "sample ratio", spoke, runs, 0.99 if promised else None, None if lost else 0.003))
    return rate_table(rates)


def _found(case: str, runs: int, lift: float, seed: int) -> tuple[int, int, int]:
    """In how many runs an effect was found: by the fixed test on the last day, on any day, and by the sequence."""
    shape = mixture()
    found = np.zeros(3, dtype=np.int64)
    for paths in _paths(case, runs, lift, seed):
        ends = sequence(paths.found, shape.reach(paths.clock, paths.at_end))
        outside = (ends[0] > 0) | (ends[1] < 0)
        with np.errstate(invalid="ignore"):
            fixed = paths.found.p_value() <= ALPHA
        found += [fixed[:, -1].sum(), fixed.any(axis=1).sum(), outside.any(axis=1).sum()]
    return int(found[0]), int(found[1]), int(found[2])


def _paths(case: str, runs: int, lift: float, seed: int) -> Iterator[Paths]:
    rng = np.random.default_rng([seed, CASES.index(case)])
    for size in blocks(runs):
        if case in ONCE:
            yield once(ONCE[case], size, DAYS, USERS_A_DAY, lift, DAYS * USERS_A_DAY, rng)
        else:
            yield staying(STAYING[case](rng, size, USERS_STAYING, DAYS), lift, rng)


def _lift_for(case: str, fixed_power: float, seed: int) -> float:
    """The lift that is (z + z) standard errors away from none, where a lift also widens its own arm."""
    from scipy.special import ndtri

    ends = [paths.found.at(-1) for paths in _paths(case, 1000, 0.0, seed + 2)]
    error = np.concatenate([end.error for end in ends]).mean()
    base = np.concatenate([end.control for end in ends]).mean()
    apart, lift = (ndtri(1 - ALPHA / 2) + ndtri(fixed_power)) * error / base, 0.0
    for _ in range(50):
        lift = apart * np.sqrt((1 + (1 + lift) ** 2) / 2)
    return float(lift)


def _with_covariate(
    rng: np.random.Generator, runs: int, users: int, shared: float, exponential: bool
) -> tuple[Moments, Moments]:  # fmt: skip
    """Moments of both arms: the amount and that before it, normal with correlation `shared`, or their exponentials."""
    older = rng.standard_normal((runs, users))
    newer = shared * older + np.sqrt(1 - shared**2) * rng.standard_normal((runs, users))
    if exponential:
        older, newer = np.exp(older), np.exp(newer)
    treated = rng.random((runs, users)) < 0.5
    sides = []
    for mine in (~treated, treated):
        columns = np.stack([newer, np.ones_like(newer), older, np.ones_like(newer)], axis=-1) * mine[..., None]
        sides.append(from_sums(mine.sum(axis=1), columns.sum(axis=1), np.swapaxes(columns, 1, 2) @ columns))
    return sides[0], sides[1]
