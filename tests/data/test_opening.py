import subprocess
import sys

import polars as pl
import pytest

from avrec_lib.data import Dataset, open_dataset
from avrec_lib.data.catalogue import entries
from avrec_lib.data.opening import known_dataset
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import UsageError


def write(target, name: str = "mine") -> Dataset:
    events = pl.DataFrame({"user_id": ["ann"], "item_id": ["x"], "event": ["play"]})
    return write_dataset(target, {"events": events}, name=name, source="this test", licence="none")


def test_a_set_in_the_data_folder_opens_by_its_name(home):
    write("mine")
    assert open_dataset("mine").folder == home / "data" / "mine"


def test_a_set_opens_by_its_path(home, tmp_path):
    write(tmp_path / "elsewhere" / "set")
    assert open_dataset(tmp_path / "elsewhere" / "set").name == "mine"
    assert open_dataset(str(tmp_path / "elsewhere" / "set")).name == "mine"


def test_a_named_set_that_is_here_opens_by_its_alias(home):
    write("movielens-25m", "movielens-25m")
    assert open_dataset("ml-25m").name == "movielens-25m"


def test_a_big_set_that_is_not_here_is_not_fetched_unasked(home):
    with pytest.raises(UsageError) as caught:
        open_dataset("ml-25m")
    assert str(caught.value) == (
        "movielens-25m is not here yet, and its download has 262 MB. Get it with: avrec data get movielens-25m"
    )


def test_an_unknown_name_is_answered_with_the_nearest_of_all_that_there_is(home):
    write("radio-logs")
    with pytest.raises(UsageError, match=r"Did you mean radio-logs\?"):
        open_dataset("radio-log")
    with pytest.raises(UsageError, match=r"Did you mean movielens-1m\?"):
        open_dataset("movielens-1")


def test_a_name_like_no_other_is_answered_with_what_there_is_ones_own_first(home):
    for name in ("zebra-logs", "movielens-1m"):
        write(name)
    with pytest.raises(UsageError) as caught:
        open_dataset("nosuch")
    known = str(caught.value).removeprefix("There is no data set named 'nosuch'. Known: ").removesuffix(".").split(", ")
    assert known[:2] == ["movielens-1m", "zebra-logs"]
    assert sorted(known) == sorted({*entries(), "zebra-logs"})


def test_a_path_that_is_not_there_is_said_as_a_path(home):
    with pytest.raises(UsageError, match="There is no data set folder somewhere/set"):
        open_dataset("somewhere/set")


@pytest.mark.slow
def test_a_small_set_is_fetched_on_the_way(home):
    """Needs a package index that pip reaches."""
    assert open_dataset("obd").card.counts["events"] == 60_287


def test_the_import_is_light():
    heavy = ("torch", "httpx", "pandas", "plotly", "scipy")
    code = f"import sys, avrec_lib.data; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_data_set_is_known_before_it_is_opened(workbench, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    assert known_dataset("ml-100k") == "movielens-100k"
    assert known_dataset("here") == str(tmp_path / "here")
    for wrong in ("", "movilens-100k", "no/such/folder"):
        with pytest.raises(UsageError):
            known_dataset(wrong)
