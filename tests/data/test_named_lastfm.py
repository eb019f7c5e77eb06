from datetime import UTC, datetime

import pytest
from sample_files import shared, write_files

from avrec_lib.data.fetch import get
from avrec_lib.data.named import reader_of
from avrec_lib.errors import DataError

_, read = reader_of("lastfm")
TWO_K = {
    "user_artists.dat": "userID\tartistID\tweight\n2\t51\t13883\n2\t52\t11690\n7\t51\t5\n",
    "artists.dat": 'id\tname\turl\tpictureURL\n51\tDuran "Duran"\tu\tp\n52\tMorcheeba\tu\tp\n53\tAir\tu\tp\n',
    "tags.dat": "tagID\ttagValue\n1\tmetal\n24\tpop\n13\tchill\u00e9\n",
    "user_taggedartists.dat": (
        "userID\tartistID\ttagID\tday\tmonth\tyear\n2\t51\t13\t1\t4\t2009\n2\t51\t24\t1\t4\t2009\n2\t52\t13\t1\t4\t2009\n"
    ),
    "user_taggedartists_2.dat": "userID\tartistID\ttagID\tday\n7\t51\t24\t1\n7\t52\t1\t1\n",
    "user_taggedartists-timestamps.dat": "userID\tartistID\ttagID\ttimestamp\n2\t51\t1\t1238536800000\n",
    "user_friends.dat": "userID\tfriendID\n2\t7\n",
}
ONE_K = {
    "userid-timestamp-artid-artname-traid-traname.tsv": (
        "user_000001\t2009-05-04T23:08:57Z\tart-1\tDeep Dish\ttrack-1\tFuck Me \"Pumps\n"
        "user_000001\t2009-05-04T13:54:10Z\t\t坂本龍一\t\tComposition 0919\n"
        "user_000002\t2006-02-13T10:15:00Z\tart-1\tDeep Dish\ttrack-1\tFuck Me \"Pumps\n"
    ),
    "userid-profile.tsv": (
        "#id\tgender\tage\tcountry\tregistered\n"
        "user_000001\tm\t\tJapan\tAug 13, 2006\n"
        "user_000002\tf\t22\tPeru\tFeb 24, 2006\n"
    ),
}  # fmt: skip


def test_2k_plays_are_counts_without_times(tmp_path):
    tables = read(write_files(tmp_path, TWO_K), "lastfm-2k")
    events = tables.events.collect()
    assert events.rows() == [
        ("2", "51", "play", 13883.0),
        ("2", "52", "play", 11690.0),
        ("7", "51", "play", 5.0),
    ]
    assert "timestamp" not in events.columns
    assert tables.further["friends"].rows() == [("2", "7")]


def test_2k_tags_are_the_most_given_first_and_ties_in_the_order_of_the_tag_table(tmp_path):
    items = read(write_files(tmp_path, TWO_K, "latin-1"), "lastfm-2k").items
    assert items.rows() == [
        ("51", 'Duran "Duran"', ["pop", "chillé"], "pop"),
        ("52", "Morcheeba", ["metal", "chillé"], "metal"),
        ("53", "Air", None, None),
    ]


def test_1k_plays_have_times_and_tracks_without_a_number_are_named_by_artist_and_title(tmp_path):
    tables = read(write_files(tmp_path, ONE_K), "lastfm-1k")
    assert tables.events.collect().rows() == [
        ("user_000001", "track-1", datetime(2009, 5, 4, 23, 8, 57, tzinfo=UTC), "play"),
        ("user_000001", "坂本龍一 – Composition 0919", datetime(2009, 5, 4, 13, 54, 10, tzinfo=UTC), "play"),
        ("user_000002", "track-1", datetime(2006, 2, 13, 10, 15, tzinfo=UTC), "play"),
    ]
    assert sorted(tables.items.collect().rows()) == [
        ("track-1", 'Fuck Me "Pumps', "art-1"),
        ("坂本龍一 – Composition 0919", "Composition 0919", "坂本龍一"),
    ]
    assert tables.users.rows() == [
        ("user_000001", "M", None, "Japan", datetime(2006, 8, 13, tzinfo=UTC)),
        ("user_000002", "F", 22, "Peru", datetime(2006, 2, 24, tzinfo=UTC)),
    ]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"does not look like lastfm-2k: it has no file user_artists\.dat"):
        read(write_files(tmp_path, ONE_K), "lastfm-2k")


def test_2k_from_the_folder_a_person_has(home):
    dataset = get("lastfm-2k", shared("lastfm-2k"), tell=lambda _: None)
    assert dataset.card.counts == {"events": 92_834, "users": 1_892, "items": 17_632, "item_rows": 17_632}
    assert not dataset.has("timestamp")
    assert dataset.card.filled["items"]["tags"] == 12_133
    with pytest.raises(DataError, match="needs the column 'timestamp', which lastfm-2k does not have"):
        dataset.require("timestamp", "A split over time")
