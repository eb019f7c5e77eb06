from __future__ import annotations

import numpy as np
import pytest

from avrec_lib.simulate.chance import bits, keys, uniform


def test_the_generator_is_splitmix64() -> None:
    # The first outputs of the reference implementation for the seed 1234567.
    drawn = bits(np.array([1234567], np.uint64), 0, 5)[0]
    assert drawn.tolist() == [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
    ]  # fmt: skip


def test_the_luck_of_a_user_does_not_depend_on_who_else_is_there() -> None:
    everyone = uniform(keys(3, np.arange(100), day=4, turn=1), 2, 5)
    alone = uniform(keys(3, np.array([41]), day=4, turn=1), 2, 5)
    assert (everyone[41] == alone[0]).all()


@pytest.mark.parametrize("change", [{"seed": 4}, {"day": 5}, {"turn": 2}])
def test_another_seed_day_or_turn_is_other_luck(change: dict[str, int]) -> None:
    users = np.arange(1000)
    first = uniform(keys(**{"seed": 3, "users": users, "day": 4, "turn": 1}), 2)
    other = uniform(keys(**{"seed": 3, "users": users, "day": 4, "turn": 1} | change), 2)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.1


def test_numbers_are_even_between_0_and_1_and_independent_between_columns() -> None:
    drawn = uniform(keys(0, np.arange(20_000)), 7, 3)
    assert drawn.min() > 0 and drawn.max() < 1
    assert drawn.mean(0) == pytest.approx([0.5] * 3, abs=0.01)  # 5 standard errors
    assert drawn.var(0) == pytest.approx([1 / 12] * 3, abs=0.003)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.03


def test_a_column_does_not_depend_on_how_many_are_drawn() -> None:
    key = keys(0, np.arange(10))
    assert (uniform(key, 7, 3)[:, 1] == uniform(key, 7, 8)[:, 1]).all()
    assert (uniform(key, 7) == uniform(key, 7, 8)[:, 0]).all()
