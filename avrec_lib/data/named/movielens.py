"""MovieLens in its four layouts: `u.data` (100K), RecBole's atomic files (100K), `ratings.dat` (1M), `ratings.csv`.

Every rating is an event `rating` with its stars as `value`; rows keep the order of the file, because most events share
a timestamp with another of the same user and that order is then the only one there is. Titles lose their year, which
becomes `published_at` (1 January of it, or the release date where the file has one). `tags` are the genres and
`category` is the first of them; "(no genres listed)" and "unknown" are no genre.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from avrec_lib.data.named.files import Tables, find, need, read_table
from avrec_lib.errors import DataError
from avrec_lib.schema import TIME
from avrec_lib.strings import say

WANTED = (
    "u.data", "u.item", "u.user",
    "ml-100k.inter", "ml-100k.item", "ml-100k.user", "ml-100k.kg", "ml-100k.link",
    "ratings.dat", "movies.dat", "users.dat",
    "ratings.csv", "movies.csv", "links.csv",
)  # fmt: skip
NOTES = (
    "Rows keep the order of the file; events of one user at the same second are in that order.",
    "published_at is 1 January of the year in the title where the source gives no release date.",
    "tags are the genres, category is the first genre in the order of the file.",
)
GRAPH_NOTES = (
    "knowledge.parquet holds the Freebase graph that comes with this copy.",
    "links_as_given.parquet has its links, which number films as later MovieLens sets do, not as this one; no item is "
    "linked by them. With the titles of such a set they are brought to these items (data.triples.relinked).",
)
FLAGS = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
OCCUPATIONS = (
    "other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service",
    "doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer", "programmer",
    "retired", "sales/marketing", "scientist", "self-employed", "technician/engineer", "tradesman/craftsman",
    "unemployed", "writer",
)  # fmt: skip
LAYOUTS = {"movielens-100k": ("u.data", "ml-100k.inter"), "movielens-1m": ("ratings.dat",)}
NO_GENRE = ["unknown", "(no genres listed)", ""]


def read(folder: Path, name: str) -> Tables:
    """The tables of the entry `name` from the layout it comes in; raises DataError when its files are not there."""
    layouts = LAYOUTS.get(name, ("ratings.csv",))
    readers = {
        "u.data": _original_100k, "ml-100k.inter": _recbole_100k, "ratings.dat": _double_colon, "ratings.csv": _csv
    }  # fmt: skip
    for ending in layouts:
        ratings = find(folder, ending)
        if ratings is not None:
            return readers[ending](ratings, name)
    raise DataError("This does not look like {name}: it has no file {file}.", name=name, file=say(" or ").join(layouts))


def _ratings(table: pl.LazyFrame) -> pl.LazyFrame:
    return table.select(
        "user_id",
        "item_id",
        pl.from_epoch(pl.col("timestamp").cast(pl.Int64), "s").cast(TIME).alias("timestamp"),
        pl.lit("rating").alias("event"),
        pl.col("rating").cast(pl.Float64).alias("value"),
    )


def _films(table: pl.DataFrame, genres: pl.Expr, released: pl.Expr | None = None) -> pl.DataFrame:
    """Items from `item_id`, `title` (with or without its year), genres as lists, and the release date if known."""
    parts = pl.col("title").str.strip_chars().str.extract_groups(r"^(?<title>.*?)\s*\((?<year>\d{4})\)$")
    year = parts.struct.field("year").cast(pl.Int32)
    tags = genres.list.eval(pl.element().filter(~pl.element().is_in(NO_GENRE)))
    new_year = pl.datetime(year, 1, 1, time_zone="UTC").cast(TIME)
    return table.select(
        "item_id",
        pl.coalesce(parts.struct.field("title"), pl.col("title").str.strip_chars()).alias("title"),
        tags.alias("tags"),
        tags.list.first().alias("category"),
        pl.coalesce(*([] if released is None else [released]), new_year).alias("published_at"),
    )


def _people(table: pl.DataFrame, *columns: pl.Expr) -> pl.DataFrame:
    return table.select("user_id", pl.col("age").cast(pl.Int32), "gender", *columns)


def _original_100k(ratings: Path, name: str) -> Tables:
    events = read_table(ratings, "\t", ["user_id", "item_id", "rating", "timestamp"])
    columns = ["item_id", "title", "released", "video_released", "address", *FLAGS]
    films = read_table(need(ratings.parent, "u.item", name), "|", columns)
    flagged = [pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in FLAGS]
    released = pl.col("released").str.to_datetime("%d-%b-%Y", time_zone="UTC", strict=False).cast(TIME)
    people = read_table(need(ratings.parent, "u.user", name), "|", ["user_id", "age", "gender", "occupation", "zip"])
    return Tables(
        _ratings(events.lazy()),
        _films(films, pl.concat_list(flagged).list.drop_nulls(), released),
        _people(people, pl.col("occupation")),
        notes=NOTES,
    )


def _recbole_100k(ratings: Path, name: str) -> Tables:
    folder = ratings.parent
    events = read_table(ratings, "\t", None).rename(_plain)
    films = read_table(need(folder, "ml-100k.item", name), "\t", None).rename(_plain)
    # Their year may be the letter of a wrongly cut title ("V"), or "unkonwn"; the title then still has it.
    year = pl.col("release_year").str.extract(r"^(\d{4})$").cast(pl.Int32)
    films = films.rename({"movie_title": "title", "class": "genres"}).with_columns(pl.col("genres").fill_null(""))
    people = read_table(need(folder, "ml-100k.user", name), "\t", None).rename(_plain)
    further = {}
    if (graph := find(folder, "ml-100k.kg")) is not None and (links := find(folder, "ml-100k.link")) is not None:
        further["knowledge"] = read_table(graph, "\t", None).rename(_plain)
        # Its items are numbered as in MovieLens of later years: as ids of this set they name other films.
        further["links_as_given"] = read_table(links, "\t", None).rename(_plain)
    return Tables(
        _ratings(events.lazy()),
        _films(films, pl.col("genres").str.split(" "), pl.datetime(year, 1, 1, time_zone="UTC").cast(TIME)),
        _people(people, pl.col("occupation")),
        further,
        [*NOTES, *(GRAPH_NOTES if further else [])],
    )


def _double_colon(ratings: Path, name: str) -> Tables:
    # Neither ids, stars nor times hold a colon, so a single one separates, with empty columns between.
    layout = ["user_id", "a", "item_id", "b", "rating", "c", "timestamp"]
    events = pl.scan_csv(
        ratings, separator=":", has_header=False, schema=dict.fromkeys(layout, pl.String), quote_char=None
    )
    films = read_table(need(ratings.parent, "movies.dat", name), "::", ["item_id", "title", "genres"])
    columns = ["user_id", "gender", "age", "occupation", "zip"]
    people = read_table(need(ratings.parent, "users.dat", name), "::", columns)
    jobs = {str(code): job for code, job in enumerate(OCCUPATIONS)}
    return Tables(
        _ratings(events),
        _films(films, pl.col("genres").fill_null("").str.split("|")),
        _people(people, pl.col("occupation").replace(jobs)),
        notes=[*NOTES, "age is the lower end of the age group the user chose; 1 stands for under 18."],
    )


def _csv(ratings: Path, name: str) -> Tables:
    events = pl.scan_csv(ratings, infer_schema=False).rename({"userId": "user_id", "movieId": "item_id"})
    films = read_table(need(ratings.parent, "movies.csv", name), ",", None, quoted=True).rename({"movieId": "item_id"})
    further = {}
    if (links := find(ratings.parent, "links.csv")) is not None:
        further["links"] = read_table(links, ",", None, quoted=True).rename({"movieId": "item_id"})
    return Tables(
        _ratings(events),
        _films(films, pl.col("genres").fill_null("").str.split("|")),
        further=further,
        notes=[*NOTES, "links.parquet holds the films' numbers at IMDb and TMDB."] if further else NOTES,
    )


def _plain(column: str) -> str:
    """RecBole writes the type behind the name: `user_id:token`."""
    return column.partition(":")[0]
