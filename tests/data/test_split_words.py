"""How a split is said: every method has its sentence, and the sentence its numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import polars as pl
import pytest

from avrec_lib.data.split import SplitMethod, split_windows
from avrec_lib.data.split_words import HOW, split_in_words
from avrec_lib.data.write import write_dataset

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    rows = [
        (f"u{u}", f"i{(u * 3 + n * n) % 17 + (n > 9) * 20}", START + timedelta(days=n + 30 * (u == 8), minutes=u))
        for u in range(9)
        for n in range(12)
    ]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    folder = tmp_path_factory.mktemp("data") / "log"
    return write_dataset(
        folder, {"events": events.with_columns(event=pl.lit("play"))}, name="log", source="made here", licence="none"
    )


@pytest.mark.parametrize("method", [name for name in get_args(SplitMethod) if name != "auto"])
def test_every_method_is_said(dataset, method):
    splits = split_windows(dataset, method, windows=2, exclude_seen=False)
    how, asked = split_in_words(splits)
    assert how.template == HOW[method]
    for note in (how, asked):
        assert "{" not in note.text("en") + note.text("zh")


def test_the_numbers_of_all_windows_are_added_up(dataset):
    splits = split_windows(dataset, "rolling_time", windows=3, test_share=0.5)
    how, asked = split_in_words(splits)
    assert how.values["windows"] == 3
    assert how.values["test"] == sum(split.protocol["test_events"] for split in splits)
    assert asked.values["warm"] + asked.values["cold"] == sum(split.queries.height for split in splits)


def test_choices_without_a_time_are_counted_in_words(dataset):
    for split_rows, said in ((dataset.events, False), (dataset.events.with_columns(
        timestamp=pl.when(pl.int_range(pl.len()) % 4 > 0).then("timestamp")), True)):  # fmt: skip
        _, asked = split_in_words(split_windows(replace(dataset, other_events=split_rows)))
        assert ("27 choices have no time" in asked.text("en")) == said
        assert ("27 次选择没有时间" in asked.text("zh")) == said
