"""Packed sequences: places in the grid, runs cut out at random, batches of like length."""

from __future__ import annotations

import numpy as np
import torch

from avrec_lib.networks.packing import buckets, crops, packed, runs


def test_tokens_stand_in_the_grid_row_by_row_from_the_left():
    sequences = packed(np.array([7, 8, 9, 5, 6]), np.array([3, 2]), torch.device("cpu"))
    assert sequences.longest == 3
    assert sequences.grid().tolist() == [0, 1, 2, 3, 4]  # the sixth place is padding
    assert sequences.last().tolist() == [2, 4]
    short_first = packed(np.array([5, 7, 8, 9]), np.array([1, 3]), torch.device("cpu"))
    assert short_first.grid().tolist() == [0, 3, 4, 5]


def test_runs_are_consecutive_places():
    assert runs(np.array([10, 3]), np.array([2, 3])).tolist() == [10, 11, 3, 4, 5]


def test_a_crop_leaves_room_for_the_last_target_and_a_single_item_has_none():
    starts, ends = np.array([0, 1, 4]), np.array([1, 4, 104])
    seen = set()
    for seed in range(200):
        first, lengths = crops(starts, ends, longest=10, rng=np.random.default_rng(seed))
        assert lengths.tolist() == [2, 10]
        assert first[0] == 1 and first[1] >= 4 and first[1] + 10 < 104
        seen.add(int(first[1]))
    assert min(seen) < 10 and max(seen) > 85  # anywhere in the history


def test_batches_hold_every_sequence_once_and_waste_little():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 101, 2000)
    batches = buckets(lengths, 1024, rng)
    assert np.sort(np.concatenate(batches)).tolist() == list(range(2000))
    areas = [len(rows) * lengths[rows].max() for rows in batches]
    assert max(areas) <= 1024
    assert lengths.sum() / sum(areas) > 0.97
    again = buckets(lengths, 1024, np.random.default_rng(1))
    assert sorted(map(sorted, batches)) != sorted(map(sorted, again))  # others share a batch next time


def test_a_sequence_longer_than_a_batch_is_a_batch_by_itself():
    batches = buckets(np.array([50, 3, 3]), 10, np.random.default_rng(0))
    assert sorted(map(sorted, batches)) == [[0], [1, 2]]
