"""Items by their labels: one table from columns of one label and of many."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from avrec_lib.content.labels import attribute_labels
from avrec_lib.errors import UsageError


def test_each_label_stands_once_under_its_attribute() -> None:
    items = pl.DataFrame(
        {
            "item_id": ["a", "b"],
            "tags": [["fox", "fox", None, " "], None],
            "category": ["fox", None],
            "published_at": [datetime(1999, 12, 31, tzinfo=UTC), None],
        }
    )
    assert attribute_labels(items).rows() == [("a", "tags", "fox"), ("a", "category", "fox"), ("a", "decade", "1990")]


def test_any_column_of_the_table_is_an_attribute_and_others_are_refused() -> None:
    items = pl.DataFrame({"item_id": ["a"], "studio": [7]})
    assert attribute_labels(items, ["studio", "language"]).rows() == [("a", "studio", "7")]
    with pytest.raises(UsageError, match="studios"):
        attribute_labels(items, ["studios"])
