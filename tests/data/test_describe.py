from datetime import UTC, datetime

import pytest

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.describe import describe
from avrec_lib.imports.importers import import_log

pytestmark = pytest.mark.usefixtures("home")

LOG = (
    "uid,vid,ts,action,watch_ms\n"
    "ann,x,1600000000,view,1500\nann,y,1600000060,like,\nbob,x,1600086400,view,900\nann,x,1600000120,view,10\n"
    "bob,,1600000000,search,\ncat,z,yesterday,view,5\n"
)


@pytest.fixture
def small(tmp_path) -> Dataset:
    (tmp_path / "log.csv").write_text(LOG)
    (tmp_path / "items.csv").write_text("vid,title\nx,Soup\n")
    return import_log(tmp_path / "log.csv", items=[tmp_path / "items.csv"]).dataset


def test_counts_span_density_and_medians(small):
    seen = describe(small)
    assert seen.counts == {"users": 2, "items": 2, "events": 5, "item_rows": 1}
    assert (seen.first, seen.last) == (
        datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC), datetime(2020, 9, 14, 12, 26, 40, tzinfo=UTC)
    )  # fmt: skip
    assert (seen.pairs, seen.density) == (3, 3 / (2 * 2))
    assert seen.kinds == {"play": 3, "like": 1, "search": 1}
    assert seen.per_user == {"median": 2.5, "mean": 2.5, "max": 3}
    assert seen.per_item == {"median": 2.0, "mean": 2.0, "max": 3}


def test_what_is_filled_and_what_was_left_out(small):
    seen = describe(small)
    assert seen.filled["events"]["watch_seconds"] == 3
    assert seen.filled["events"]["item_id"] == 4
    assert seen.filled["items"]["tags"] == 0
    assert seen.rejected == {"unreadable time": 1}


def test_what_it_cannot_be_used_for(small):
    said = " ".join(note.text("en") for note in describe(small).cannot)
    assert "No impressions" in said
    assert "No propensities" in said
    assert "No tags" in said
    assert "No times" not in said
    assert "No watch time" not in said


def test_a_log_without_times_cannot_be_split_by_time(tmp_path):
    (tmp_path / "log.csv").write_text("uid,vid\n1,2\n")
    seen = describe(import_log(tmp_path / "log.csv").dataset)
    assert (seen.first, seen.last) == (None, None)
    assert seen.cannot[0].text("en").startswith("No times: no split by time")
    assert seen.cannot[-1].text("zh").startswith("没有物品表")
