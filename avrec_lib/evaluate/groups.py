"""Which group each query and each item belongs to, so that a mean over everybody hides nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import polars as pl

from avrec_lib.errors import unknown_name
from avrec_lib.evaluate.popularity import BANDS, item_popularity, popularity_bands
from avrec_lib.protocols import Query, queries_table

UNKNOWN, OTHER = "unknown", "other"
ACTIVITY_FROM = (0, 1, 5, 20, 100, 500)
AGE_FROM = (0, 18, 25, 35, 45, 55)
USER_COLUMNS = ("gender", "age", "country", "occupation", "language")
ITEM_AGES = {
    "published after the cut": float("-inf"),
    "under a week": 0,
    "a week to a month": 7,
    "a month to a year": 30,
    "1 to 5 years": 365,
    "over 5 years": 5 * 365.25,
}
NOT_A_SPLIT = "All of them fall into one group."

Part = pl.DataFrame | str
"""The groups of one slice (the id, group, place: the order to show them in), or why there are none."""


class Groups(NamedTuple):
    """`table`: query_id or item_id, slice, group, place (the order in which to show the groups of a slice).

    `left_out`: slice and reason (a template of `strings`) of what the log cannot show.
    """

    table: pl.DataFrame
    left_out: pl.DataFrame


def query_groups(
    queries: pl.DataFrame | Iterable[Query | str],
    train: pl.DataFrame,
    users: pl.DataFrame | pl.LazyFrame | None = None,
    *,
    columns: Sequence[str] = USER_COLUMNS,
    top: int = 8,
    keep_single: bool = False,
) -> Groups:
    """The groups of each of `queries` by what was known when it was asked.

    Known or new user; activity (training events, or the length of the query's own history); platform (the query's,
    else the one of most of the user's training events); and each of `columns` of `users` (age in bands, from the
    birth year where only that is known). A column has its `top` largest groups, then "other", then "unknown". A slice
    in which all fall into one group is left out, unless `keep_single` (another window may have more). Raises
    UsageError for a column that no table of users has.
    """
    asked = queries_table(queries).select("query_id", "user_id", "cut", "history")
    counts = train.group_by("user_id").len("events")
    known = asked.join(counts, on="user_id", how="left", maintain_order="left").with_columns(
        events=pl.coalesce(pl.col("history").list.len(), "events", pl.lit(0))
    )
    is_known = pl.when(pl.col("events") > 0).then(pl.lit("known from training")).otherwise(pl.lit("new"))
    parts: dict[str, Part] = {
        "known or new user": known.select("query_id", group=is_known, place=(pl.col("events") == 0).cast(pl.Int32)),
        "activity (training events)": _in_bands(known, "query_id", "events", _ranges(ACTIVITY_FROM)),
        "platform": _platform(queries, asked, train, top),
    }
    present = users.lazy().collect_schema().names() if users is not None else []
    for name in columns:
        if name not in {*present, *USER_COLUMNS}:
            raise unknown_name("column", name, {*present, *USER_COLUMNS})
    sources = {name: [name, "birth_year"] if name == "age" else [name] for name in columns}
    wanted = {source for names in sources.values() for source in names} & set(present)
    about = asked.select("query_id", "user_id", "cut")
    if users is not None:
        about = about.join(users.lazy().select("user_id", *wanted).collect(), on="user_id", how="left")
    for name, names in sources.items():
        slice_name = "language of the user" if name == "language" else name
        if not any(source in wanted and about[source].count() for source in names):
            parts[slice_name] = "No user who is asked has a value here."
        elif name == "age":
            parts[slice_name] = _in_bands(_with_age(about), "query_id", "age", _ranges(AGE_FROM))
        else:
            parts[slice_name] = _largest(about, "query_id", name, top)
    groups = _together("query_id", parts)
    return groups if keep_single else only_splits(groups)


def item_groups(
    train: pl.DataFrame,
    items: pl.DataFrame | pl.LazyFrame | None = None,
    cut: datetime | None = None,
    *,
    truth: pl.DataFrame | None = None,
    top: int = 8,
    keep_single: bool = False,
) -> Groups:
    """The groups of each item of `train`, `items` and `truth`.

    Known or new item; popularity (`popularity_bands`); age at `cut` (default: the last training event) since it was
    published, else since its first training event; category, else the first tag; language. A column has its `top`
    largest groups, then "other", then "unknown". A slice of one group is left out, unless `keep_single`.
    """
    lazy_items = pl.LazyFrame({"item_id": []}, {"item_id": pl.String}) if items is None else items.lazy()
    present = lazy_items.collect_schema().names()
    wanted = [name for name in ("published_at", "category", "tags", "language") if name in present]
    rows = lazy_items.select("item_id", *wanted).collect()
    trained = item_popularity(train).join(popularity_bands(train).select("item_id", "band"), on="item_id")
    everything = [side.select("item_id") for side in (trained, rows, truth) if side is not None]
    about = pl.concat(everything).unique(maintain_order=True).drop_nulls()
    for side in (rows, trained):
        about = about.join(side, on="item_id", how="left", maintain_order="left")
    about = about.with_columns(pl.col("events").fill_null(0))
    if "tags" in wanted:
        about = about.with_columns(pl.col("tags").list.first())
    is_known = pl.when(pl.col("events") > 0).then(pl.lit("with training events")).otherwise(pl.lit("new"))
    parts: dict[str, Part] = {
        "known or new item": about.select("item_id", group=is_known, place=(pl.col("events") == 0).cast(pl.Int32)),
        "popularity of the item": _by_band(about),
        **_item_age(about, cut or (train["timestamp"].max() if "timestamp" in train.columns else None)),  # type: ignore[arg-type]
    }
    by = next((name for name in ("category", "tags") if name in wanted and about[name].count()), None)
    parts["first tag" if by == "tags" else "category"] = (
        _largest(about, "item_id", by, top) if by else "No item has a category or a tag."
    )
    has_language = "language" in wanted and about["language"].count()
    parts["language of the item"] = (
        _largest(about, "item_id", "language", top) if has_language else "No item has a language."
    )
    groups = _together("item_id", parts)
    return groups if keep_single else only_splits(groups)


def _together(key: str, parts: Mapping[str, Part]) -> Groups:
    kept: list[pl.DataFrame] = []
    left_out: dict[str, str] = {}
    for name, part in parts.items():
        if isinstance(part, str):
            left_out[name] = part
        else:
            group, place = pl.col("group").cast(pl.String), pl.col("place").cast(pl.Int32)
            kept.append(
                part.sort("place", maintain_order=True).select(key, slice=pl.lit(name), group=group, place=place)
            )
    empty = pl.DataFrame(schema={key: pl.String, "slice": pl.String, "group": pl.String, "place": pl.Int32})
    names = {"slice": list(left_out), "reason": list(left_out.values())}
    return Groups(
        pl.concat(kept) if kept else empty, pl.DataFrame(names, schema={"slice": pl.String, "reason": pl.String})
    )


def only_splits(groups: Groups) -> Groups:
    """`groups` without the slices in which all fall into one group; they are left out, and it is said."""
    counts = groups.table.group_by("slice", maintain_order=True).agg(pl.col("group").n_unique())
    whole = counts.filter(pl.col("group") < 2).select("slice", reason=pl.lit(NOT_A_SPLIT))
    kept = groups.table.join(whole, on="slice", how="anti", maintain_order="left")
    return Groups(kept, pl.concat([groups.left_out, whole]))


def _ranges(starts: Sequence[int]) -> dict[str, float]:
    """Names of bands of whole numbers, each from its start to the next: `0`, `1–4`, …, `500+`."""
    ends = [start - 1 for start in starts[1:]]
    names = [str(low) if low == high else f"{low}–{high}" for low, high in zip(starts, ends, strict=False)]
    return dict(zip([*names, f"{starts[-1]}+"], starts, strict=True))


def _in_bands(table: pl.DataFrame, key: str, amount: str, starts: Mapping[str, float]) -> pl.DataFrame:
    reached = pl.sum_horizontal((pl.col(amount) >= start).cast(pl.Int32) for start in starts.values()) - 1
    place = pl.when(pl.col(amount).is_null()).then(len(starts)).otherwise(reached)
    names = [*starts, UNKNOWN]
    placed = table.select(key, place=place)
    return placed.with_columns(group=pl.col("place").replace_strict(range(len(names)), names, return_dtype=pl.String))


def _largest(table: pl.DataFrame, key: str, column: str, top: int) -> pl.DataFrame:
    text = pl.col(column).cast(pl.String).str.strip_chars()
    named = table.select(key, group=pl.when(text == "").then(None).otherwise(text))
    sizes = named.drop_nulls("group").group_by("group").len().sort(["len", "group"], descending=[True, False])
    kept = sizes["group"].head(top).to_list()
    place = pl.col("group").replace_strict(kept, list(range(len(kept))), default=top, return_dtype=pl.Int32)
    placed = named.with_columns(place=pl.when(pl.col("group").is_null()).then(top + 1).otherwise(place))
    group = pl.when(pl.col("place") == top).then(pl.lit(OTHER)).otherwise(pl.col("group").fill_null(UNKNOWN))
    return placed.with_columns(group=group)


def _platform(queries: object, asked: pl.DataFrame, train: pl.DataFrame, top: int) -> Part:
    if isinstance(queries, pl.DataFrame) and "platform" in queries.columns and queries["platform"].count():
        return _largest(queries, "query_id", "platform", top)
    if "platform" not in train.columns or not train["platform"].count():
        return "No training event names a platform."
    counts = train.drop_nulls("platform").group_by("user_id", "platform").len()
    most = counts.sort(["len", "platform"], descending=[True, False]).unique("user_id", keep="first")
    return _largest(asked.join(most, on="user_id", how="left"), "query_id", "platform", top)


def _with_age(about: pl.DataFrame) -> pl.DataFrame:
    years = []
    if "age" in about.columns:
        years.append(pl.col("age"))
    if "birth_year" in about.columns:
        years.append(pl.col("cut").dt.year() - pl.col("birth_year"))
    return about.with_columns(age=pl.coalesce(years))


def _by_band(about: pl.DataFrame) -> pl.DataFrame:
    group = pl.col("band").cast(pl.String).fill_null("new")
    names = [*BANDS, "new"]
    place = group.replace_strict(names, list(range(len(names))), return_dtype=pl.Int32)
    return about.select("item_id", group=group, place=place)


def _item_age(about: pl.DataFrame, cut: datetime | None) -> dict[str, Part]:
    since, name = "published_at", "age of the item"
    if since not in about.columns or not about[since].count():
        since, name = "first_seen", "time since the item's first event"
    if cut is None or not about[since].count():
        return {name: "Neither the items nor the training events have times."}
    days = (pl.lit(cut) - pl.col(since)).dt.total_seconds() / 86_400
    return {name: _in_bands(about.with_columns(days=days), "item_id", "days", ITEM_AGES)}
