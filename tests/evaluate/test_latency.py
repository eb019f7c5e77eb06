"""Single requests: asked one at a time, the slow one in twenty is what counts."""

from __future__ import annotations

import time
from typing import Any

import polars as pl
import pytest

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.split import Split, split_windows
from avrec_lib.data.write import write_dataset
from avrec_lib.evaluate.latency import p95_milliseconds
from avrec_lib.models.promises import checkerboard


class Slow:
    """Takes 40 ms for two users of ten, and 1 ms for the others."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def recommend(self, queries: pl.DataFrame, k: int, candidates: Any = None, **options: Any) -> pl.DataFrame:
        assert queries.height == 1
        self.asked.append(queries["user_id"].item())
        time.sleep(0.04 if len(self.asked) % 5 == 0 else 0.001)
        return pl.DataFrame()


@pytest.fixture
def split(tmp_path) -> Split:
    write_dataset(tmp_path / "log", {"events": checkerboard(40, 12)}, name="log", source="made here", licence="none")
    return split_windows(Dataset.open(tmp_path / "log"), "leave_last_out")[0]


def test_the_slow_requests_are_what_counts(split):
    model = Slow()
    assert p95_milliseconds(model, split, 5, requests=20) >= 40
    assert len(model.asked) == 22 and len(set(model.asked)) == 20  # two of them before the clock


def test_more_requests_than_queries_ask_each_once(split):
    model = Slow()
    p95_milliseconds(model, split, 5, requests=1000)
    assert len(model.asked) == split.queries.height + 2


def test_no_request_no_number(split):
    assert p95_milliseconds(Slow(), split, 5, requests=0) is None
