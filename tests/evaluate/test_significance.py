from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avrec_lib.errors import UsageError
from avrec_lib.evaluate import significance
from avrec_lib.evaluate.significance import MANY_USERS, adjusted, sign_flip_p_values

some_p_values = st.lists(st.floats(0, 1) | st.just(float("nan")), max_size=12)


def p_by_enumeration(differences: list[float]) -> float:
    """Of all ways to flip signs, the share whose sum lies at least as far from 0."""
    seen = abs(sum(differences))
    flipped = [abs(sum(sign * one for sign, one in zip(signs, differences, strict=True)))
               for signs in product([1, -1], repeat=len(differences))]  # fmt: skip
    return sum(one >= seen - 1e-9 for one in flipped) / len(flipped)


@given(st.lists(st.sampled_from([-1, -0.63, -0.5, -1 / 3, 0, 0, 0.1, 1 / 3, 0.5, 0.63, 1]), min_size=1, max_size=9))
def test_of_few_users_p_is_exact(differences: list[float]) -> None:
    p_value = sign_flip_p_values(np.array(differences)[:, None])[0]
    assert p_value == pytest.approx(p_by_enumeration(differences))


def test_drawn_flips_agree_with_all_flips() -> None:
    differences = np.random.default_rng(1).normal(0.3, 1, (12, 4))
    exact = sign_flip_p_values(differences, permutations=2**12)
    drawn = sign_flip_p_values(differences, permutations=2**12 - 1, seed=5)
    np.testing.assert_allclose(drawn, exact, atol=4 * 0.5 / np.sqrt(2**12))
    assert (drawn != exact).any()


def test_all_columns_flip_together_and_each_has_the_p_it_has_alone() -> None:
    differences = np.random.default_rng(2).normal(0.1, 1, (40, 3)) * [1, 1e-6, 1e6]
    together = sign_flip_p_values(differences, permutations=999)
    alone = [sign_flip_p_values(differences[:, [column]], permutations=999)[0] for column in range(3)]
    assert together.tolist() == alone


def test_p_is_never_zero_and_no_difference_has_p_one() -> None:
    sums = np.column_stack([np.full(200, 0.01), np.zeros(200)])
    assert sign_flip_p_values(sums, permutations=999).tolist() == [1 / 1000, 1]
    assert np.isnan(sign_flip_p_values(np.zeros((0, 1)))).all()


@given(some_p_values)
def test_holm_steps_down_as_written_in_the_textbook(p_values: list[float]) -> None:
    known = sorted(p for p in p_values if p == p)
    steps = {}
    for place, p in enumerate(known):
        steps[p] = max([*steps.values(), min(1, p * (len(known) - place))])
        # Equal p-values share the first step, which is the largest factor of theirs.
        steps[p] = max(steps[p], min(1, p * (len(known) - known.index(p))))
    expected = [steps.get(p, float("nan")) for p in p_values]
    np.testing.assert_allclose(adjusted(np.array(p_values, dtype=float), "holm"), expected)


@given(some_p_values)
def test_benjamini_hochberg_rejects_up_to_the_last_p_under_the_line(p_values: list[float]) -> None:
    known = sorted(p for p in p_values if p == p)
    under = [p for rank, p in enumerate(known, start=1) if p <= 0.05 * rank / len(known)]
    expected = [p == p and bool(under) and p <= under[-1] for p in p_values]
    corrected = adjusted(np.array(p_values, dtype=float), "benjamini-hochberg")
    assert (corrected <= 0.05).tolist() == expected
    assert np.isnan(corrected).tolist() == [p != p for p in p_values]


def test_an_unknown_correction_is_refused_with_the_nearest_name() -> None:
    assert adjusted(np.array([0.01, np.nan]), "none").tolist()[0] == 0.01
    with pytest.raises(UsageError, match="Did you mean holm"):
        adjusted(np.array([0.1]), "Holm")  # type: ignore[arg-type]


def test_of_many_users_the_normal_p_agrees_with_drawn_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    users = MANY_USERS + 1
    gains = np.linspace(0, 3, 6) / np.sqrt(users)
    smooth = rng.normal(gains, 1, (users, 6))
    hits = np.where(rng.random((users, 6)) < 0.15, rng.choice([-1.0, 1.0], (users, 6)), 0.0)
    differences = np.hstack([smooth, hits, np.zeros((users, 1))])
    normal = sign_flip_p_values(differences)
    monkeypatch.setattr(significance, "MANY_USERS", users)
    drawn = sign_flip_p_values(differences, permutations=2000)
    np.testing.assert_allclose(normal, drawn, atol=0.003 + 4 * 0.5 / np.sqrt(2000))
    small = normal < 0.1
    assert small.any()
    np.testing.assert_allclose(normal[small], drawn[small], atol=0.003 + 4 * 0.3 / np.sqrt(2000))
    assert normal[-1] == 1
    assert (normal > 0).all()


def test_a_user_who_dominates_many_is_flipped_and_not_taken_for_normal() -> None:
    """One user of a million among 20,000 of ± 1: whether a sum is as large is what the others decide, like a coin."""
    differences = np.tile([[1.0], [-1.0]], (MANY_USERS // 2 + 1, 2))
    differences[0, 0] = 1e6
    p_values = sign_flip_p_values(differences, permutations=200)
    # The normal p of one user alone would be 2 Φ(−1) = .317 without any doubt.
    assert p_values.tolist() == [sign_flip_p_values(differences[:, [0]], permutations=200)[0], 1.0]
    assert p_values[0] > 0.4


def test_symmetry_is_tested_and_not_the_mean() -> None:
    """Skewed differences with a true mean of 0 are called significant far too often: what `fewest` is there for."""
    skewed = np.random.default_rng(7).lognormal(0, 1.5, (50, 1000)) - np.exp(1.5**2 / 2)
    symmetric = skewed * np.random.default_rng(8).choice([-1, 1], skewed.shape)
    found = [(sign_flip_p_values(table, permutations=999) <= 0.05).mean() for table in (skewed, symmetric)]
    assert found[0] > 0.1
    assert found[1] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)
