"""Last.fm 2K (HetRec 2011: play counts of artists) and Last.fm 1K (Celma: every play of a track with its time).

2K: one event `play` a user and artist with the number of plays as `value` and no time; items are artists, `tags` those
that listeners gave them, most often given first (ties in the order of the tag table), `category` the first of them.
1K: one event `play` a listened track, newest first within a user as in the file; an item is a track, named by its
MusicBrainz id or, where that is missing, by artist and title; `creator_id` likewise.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from avrec_lib.data.named.files import Tables, find, need, read_table
from avrec_lib.schema import TIME

PLAYS_1K = "userid-timestamp-artid-artname-traid-traname.tsv"
WANTED = (
    "user_artists.dat", "artists.dat", "tags.dat", "user_taggedartists*.dat", "user_friends.dat",
    PLAYS_1K, "userid-profile.tsv",
)  # fmt: skip


def read(folder: Path, name: str) -> Tables:
    """The tables of `lastfm-1k` or of `lastfm-2k`; raises DataError when a file of it is missing."""
    return _read_1k(need(folder, PLAYS_1K, name)) if name == "lastfm-1k" else _read_2k(folder, name)


def _read_2k(folder: Path, name: str) -> Tables:
    plays = read_table(need(folder, "user_artists.dat", name), "\t")
    artists = read_table(need(folder, "artists.dat", name), "\t")
    events = plays.lazy().select(
        pl.col("userID").alias("user_id"),
        pl.col("artistID").alias("item_id"),
        pl.lit("play").alias("event"),
        pl.col("weight").cast(pl.Float64).alias("value"),
    )
    items = artists.select(pl.col("id").alias("item_id"), pl.col("name").alias("title"))
    further = {}
    if (friends := find(folder, "user_friends.dat")) is not None:
        further["friends"] = read_table(friends, "\t").rename({"userID": "user_id", "friendID": "friend_id"})
    return Tables(
        events,
        items.join(_tags_2k(folder, name), on="item_id", how="left", maintain_order="left"),
        further=further,
        notes=[
            "There are no times: value is how often a user ever played an artist, at most 50 artists a user.",
            "tags are those that listeners gave an artist, most often given first; category is the first.",
            "friends.parquet holds who is a friend of whom.",
        ],
    )


def _tags_2k(folder: Path, name: str) -> pl.DataFrame:
    """Columns item_id, tags, category. Assignments may lie in several files; the one with clock times repeats them."""
    need(folder, "user_taggedartists.dat", name)
    files = [path for path in sorted(folder.rglob("user_taggedartists*.dat")) if "timestamps" not in path.name]
    given = pl.concat([read_table(path, "\t").select("artistID", "tagID") for path in files])
    names = read_table(need(folder, "tags.dat", name), "\t").with_row_index("place")
    return (
        given.group_by("artistID", "tagID")
        .len("times")
        .join(names, on="tagID")
        .sort(pl.col("times"), pl.col("place"), descending=[True, False])
        .group_by(pl.col("artistID").alias("item_id"), maintain_order=True)
        .agg(pl.col("tagValue").alias("tags"))
        .with_columns(pl.col("tags").list.first().alias("category"))
    )


def _read_1k(plays: Path) -> Tables:
    layout = ["user", "time", "artist_id", "artist", "track_id", "track"]
    log = pl.scan_csv(
        plays,
        separator="\t",
        has_header=False,
        schema=dict.fromkeys(layout, pl.String),
        quote_char=None,
        extra_columns="ignore",
        missing_columns="insert",
    )
    creator = pl.coalesce("artist_id", "artist")
    track = pl.coalesce(
        "track_id", pl.format("{} – {}", pl.col("artist").fill_null("?"), pl.col("track").fill_null("?"))
    )
    named = log.with_columns(creator.alias("creator_id"), track.alias("item_id"))
    events = named.select(
        pl.col("user").alias("user_id"),
        "item_id",
        pl.col("time")
        .str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC", strict=False)
        .cast(TIME)
        .alias("timestamp"),
        pl.lit("play").alias("event"),
    )
    items = named.group_by("item_id").agg(pl.col("track").first().alias("title"), pl.col("creator_id").first())
    profiles = find(plays.parent, "userid-profile.tsv")
    return Tables(
        events,
        items,
        None if profiles is None else _profiles_1k(profiles),
        notes=[
            "An item is a track, named by its MusicBrainz id, else by artist and title.",
            "Rows keep the order of the file: the newest play of a user comes first.",
        ],
    )


def _profiles_1k(path: Path) -> pl.DataFrame:
    columns = ["user_id", "gender", "age", "country", "registered"]
    # The file begins with a header of its own (`#id`), whatever it is called in a given copy.
    people = read_table(path, "\t", columns).filter(pl.col("user_id").str.starts_with("user_"))
    return people.select(
        "user_id",
        pl.col("gender").str.to_uppercase(),
        pl.col("age").cast(pl.Int32, strict=False),
        "country",
        pl.col("registered")
        .str.to_datetime("%b %d, %Y", time_zone="UTC", strict=False)
        .cast(TIME)
        .alias("registered_at"),
    )
