import re

import pytest

from avrec_lib.data.catalogue import entries, find_entry
from avrec_lib.data.named import reader_of
from avrec_lib.errors import UsageError

NINE = [
    "movielens-100k", "movielens-latest-small", "movielens-1m", "movielens-25m", "lastfm-2k", "lastfm-1k",
    "kuairand-pure", "kuairec", "open-bandit",
]  # fmt: skip


def test_the_nine_named_sets_are_listed_in_this_order():
    assert list(entries()) == NINE


@pytest.mark.parametrize("name", NINE)
def test_an_entry_says_all_a_person_needs_before_fetching(name):
    entry = entries()[name]
    assert entry.title and entry.licence and entry.good_for and entry.homepage.startswith("http")
    assert entry.sources and entry.download_mb > 0 and entry.unpacked_mb >= entry.download_mb
    wanted, read = reader_of(entry.family)
    assert wanted and callable(read)


@pytest.mark.parametrize("name", NINE)
def test_a_checksum_is_well_formed_or_left_out(name):
    for source in entries()[name].sources:
        assert bool(source.url) != bool(source.wheel)
        assert re.fullmatch(r"(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})?", source.checksum)


def test_only_what_was_run_is_called_tested():
    tested = [name for name, entry in entries().items() if entry.tested]
    assert tested == ["movielens-100k", "movielens-latest-small", "lastfm-2k", "open-bandit"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("ml-100k", "movielens-100k"), ("ML_1M", "movielens-1m"), (" obd ", "open-bandit"), ("kuairec", "kuairec")],
)
def test_an_alias_is_understood_whatever_its_case(name, meant):
    assert find_entry(name).name == meant


@pytest.mark.parametrize(("name", "guess"), [("movilens-1m", "movielens-1m"), ("ml-100", "ml-100k")])
def test_a_misspelt_name_is_answered_with_the_nearest(name, guess):
    with pytest.raises(UsageError, match=f"Did you mean {guess}\\?"):
        find_entry(name)


def test_a_name_like_no_other_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="Known: kuairand-pure, kuairec, lastfm-1k"):
        find_entry("xyzzy")


def test_no_alias_stands_for_two_sets():
    aliases = [alias for entry in entries().values() for alias in entry.aliases]
    assert len(aliases) == len({*aliases, *NINE}) - len(NINE)
