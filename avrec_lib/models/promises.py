"""The promises of a recommender one by one, asked of a log whose answer the eye knows.

Each raises `Unkept`, or whatever the model raises; our own models' tests and `models.contract` ask the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from avrec_lib.errors import AvrecError
from avrec_lib.protocols import Query, Recommender, queries_table
from avrec_lib.schema import Events, Ranked, check_table, with_all_columns

Make = Callable[[], Recommender]

START = datetime(2024, 1, 1, tzinfo=UTC)
USERS = ITEMS = 12
OWN = ("i1", "i3", "i7", "i9", "i11")  # what u5 chose of the checkerboard, at minutes 1, 3, … 11
STRANGER = "a user nobody has met"


class Unkept(AvrecError):
    """A promise that a model did not keep; the message says what came instead."""


class Subject:
    """A model under test, fitted once on a checkerboard of 12 users and 12 items without its diagonal."""

    def __init__(self, make: Make) -> None:
        self.make = make

    @cached_property
    def train(self) -> pl.DataFrame:
        return checkerboard(USERS, ITEMS, hide_diagonal=True)

    @cached_property
    def fitted(self) -> Recommender:
        return self.fit()

    def fit(self) -> Recommender:
        """Another one, fitted anew as the evaluation does it."""
        return self.make().fit(self.train, items=None)

    def lists(
        self,
        queries: Sequence[str | Query],
        k: int,
        candidates: Sequence[str] | None = None,
        exclude_seen: bool = True,
        seen: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        """What the fitted model answers, asked as the evaluation asks; Unkept when that is no `schema.Ranked`."""
        asked = queries_table(queries)
        return _as_ranked(self.fitted.recommend(asked, k, candidates, exclude_seen=exclude_seen, seen=seen))

    def items(self, query: str | Query, k: int = ITEMS, **more: Any) -> list[str]:
        """The item ids of one list, best first."""
        return self.lists([query], k, **more).sort("rank").get_column("item_id").to_list()


def checkerboard(users: int, items: int, hide_diagonal: bool = False) -> pl.DataFrame:
    """Users choose the items of their own parity, a minute apart (`schema.Events`): an answer the eye knows."""
    pairs = [(u, i) for u in range(users) for i in range(items) if (u + i) % 2 == 0 and not (hide_diagonal and u == i)]
    table = pl.DataFrame(
        {
            "user_id": [f"u{u}" for u, _ in pairs],
            "item_id": [f"i{i}" for _, i in pairs],
            "timestamp": [START + timedelta(minutes=i) for _, i in pairs],
            "event": ["play"] * len(pairs),
        }
    )
    return with_all_columns(table.lazy(), Events).cast(Events.create_empty().schema).collect()


def _as_ranked(answer: Any) -> pl.DataFrame:
    """`answer` as `schema.Ranked`, its rows as they came; Unkept when it is none."""
    if not isinstance(answer, pl.DataFrame):
        raise Unkept("recommend returned {found}, not a polars DataFrame.", found=type(answer).__name__)
    missing = [name for name in Ranked.column_names() if name not in answer.columns]
    if missing:
        raise Unkept(
            "The ranked table lacks {missing}; it has {present}.",
            missing=", ".join(missing), present=", ".join(answer.columns) or "–",
        )  # fmt: skip
    ids = [name for name in ("query_id", "user_id", "item_id") if answer.schema[name] != pl.String]
    if ids and answer.height:
        raise Unkept("{column} of the ranked table holds {found}; ids are strings.", column=ids[0],
                     found=str(answer.schema[ids[0]]))  # fmt: skip
    score = answer.get_column("score")
    if score.dtype.is_float() and (wrong := int((~score.is_finite()).sum())):
        raise Unkept("{count} of {total} scores are NaN or infinite; leave such items out.",
                     count=wrong, total=answer.height)  # fmt: skip
    if answer.select(twice := ["query_id", "item_id"]).is_duplicated().any():
        again = answer.filter(answer.select(twice).is_duplicated())["item_id"][0]
        raise Unkept("{item} stands in one list twice.", item=repr(again))
    try:
        return check_table(answer, Ranked, "ranked")
    except (AvrecError, pl.exceptions.PolarsError) as error:
        raise Unkept("{error}", error=str(error).splitlines()[0]) from error


def has_its_methods(subject: Subject) -> None:
    model = subject.make()
    absent = [name for name in ("fit", "recommend") if not callable(getattr(model, name, None))]
    if absent:
        raise Unkept("{model} has no {missing}.", model=type(model).__name__, missing=", ".join(absent))
    if not isinstance(getattr(model, "name", None), str) or not model.name:
        raise Unkept('{model} has no name: give it a class attribute, name = "…".', model=type(model).__name__)


def it_can_be_copied(subject: Subject) -> None:
    try:
        copy.deepcopy(subject.make())
    except Exception as error:
        raise Unkept("copy.deepcopy of an unfitted model fails: {error}.", error=error) from error


def fit_returns_the_model(subject: Subject) -> None:
    model = subject.make()
    fitted = model.fit(subject.train, items=None)
    if fitted is not model:
        raise Unkept("fit returned {found}.", found=type(fitted).__name__)


def lists_keep_their_schema(subject: Subject) -> None:
    for exclude_seen in (False, True):  # a model of likeness has one item left of the checkerboard, without the seen
        _check_lists(subject.lists(["u3", "u4"], k=4, exclude_seen=exclude_seen))


def _check_lists(lists: pl.DataFrame) -> None:
    others = lists.filter(~pl.col("query_id").is_in(["u3", "u4"]))
    if others.height:
        raise Unkept("A list is for query {other}, who did not ask.", other=repr(others["query_id"][0]))
    for (query,), rows in lists.group_by("query_id"):
        ordered = rows.sort("rank")
        if ordered["rank"].to_list() != list(range(1, rows.height + 1)):
            raise Unkept("The ranks of query {query} are {ranks}.", query=repr(query), ranks=ordered["rank"].to_list())
        if not ordered["score"].is_sorted(descending=True):
            raise Unkept("The scores of query {query} do not fall with the rank.", query=repr(query))


def lists_have_at_most_k_items(subject: Subject) -> None:
    for k, exclude_seen in ((1, False), (3, False), (1, True)):
        found = max(len(subject.items(user, k, exclude_seen=exclude_seen)) for user in ("u5", "u2"))
        if found > k:
            raise Unkept("With k = {k} a list has {found} items.", k=k, found=found)


def a_large_k_gives_what_there_is(subject: Subject) -> None:
    items = subject.items("u5", k=1000)
    if not 0 < len(items) <= ITEMS:
        raise Unkept("With k = {k} and {items} items a list has {found}.", k=1000, items=ITEMS, found=len(items))
    invented = sorted(set(items) - {f"i{i}" for i in range(ITEMS)})
    if invented:
        raise Unkept("It ranks {item}, which is in no training row.", item=repr(invented[0]))


def seen_items_are_hidden(subject: Subject) -> None:
    shown = [item for item in subject.items("u5") if item in OWN]
    if shown:
        raise Unkept("{count} of the {total} items that the user has in training are ranked all the same.",
                     count=len(shown), total=len(OWN))  # fmt: skip


def further_seen_pairs_are_hidden(subject: Subject) -> None:
    first = subject.items("u5", k=1)
    pair = pl.DataFrame({"user_id": ["u5"] * len(first), "item_id": first})
    if set(first) & set(subject.items("u5", seen=pair)):
        raise Unkept("{item} is ranked although `seen` names it.", item=repr(first[0]))


def only_candidates_are_ranked(subject: Subject) -> None:
    others = sorted(
        set(subject.items("u5", 5, candidates=["i1", "i2", "never seen"], exclude_seen=False)) - {"i1", "i2"}
    )
    if others:
        raise Unkept("{item} is ranked, which is no candidate.", item=repr(others[0]))


def an_unknown_user_is_answered(subject: Subject) -> None:
    items = subject.lists([STRANGER, "u5"], k=3)
    if "u5" not in items["query_id"].to_list():
        raise Unkept("Beside an unknown user a known one gets no list.")


def fitting_twice_gives_the_same_lists(subject: Subject) -> None:
    users = [f"u{number}" for number in range(USERS)]
    another = Subject(subject.make)
    for exclude_seen in (False, True):
        first, again, anew = (
            one.lists(users, 5, exclude_seen=exclude_seen).sort("query_id", "rank").get_column("item_id")
            for one in (subject, subject, another)
        )
        if not (first.equals(again) and first.equals(anew)):
            raise Unkept("Two lists for the same query differ; set a seed.")


def score_and_recommend_agree(subject: Subject) -> None:
    if not hasattr(subject.fitted, "score"):
        return
    ranked = subject.lists(["u5"], k=3, exclude_seen=False).sort("rank")
    wanted = [*ranked["item_id"], "never seen"]
    scores = subject.fitted.score(queries_table(["u5"]), wanted).select("item_id", "score")
    if scores.height != len(wanted):
        raise Unkept("score returned {found} rows for {wanted} candidates.", found=scores.height, wanted=len(wanted))
    both = ranked.select("item_id", "score").join(scores, on="item_id", how="left", suffix="_alone")
    apart = (pl.col("score") - pl.col("score_alone")).abs() > 1e-5 * pl.col("score").abs().clip(1e-3)
    differing = both.filter(apart | (pl.col("score").is_not_null() & pl.col("score_alone").is_null()))
    if differing.height:
        row = differing.row(0, named=True)
        raise Unkept("{item} has the score {ranked} in the list and {alone} by itself.", item=repr(row["item_id"]),
                     ranked=row["score"], alone=row["score_alone"])  # fmt: skip


def seen_items_are_shown_where_asked(subject: Subject) -> None:
    if not set(OWN) & set(subject.items("u5", exclude_seen=False)):
        raise Unkept("With exclude_seen=False it hides them too, so it cannot win where people repeat, as with music.")


def a_query_may_bring_its_own_history(subject: Subject) -> None:
    told = subject.items(Query("q", STRANGER, history=[*OWN, "never seen"]), k=5)
    if told != subject.items("u5", k=5):
        raise Unkept("Told the history of a known user it answers otherwise, so held-out users are strangers to it.")


def nothing_at_or_after_the_cut_is_known(subject: Subject) -> None:
    cut = START + timedelta(minutes=3)  # u5 chose i1 before it, i3 exactly at it, i7 and more later
    at_cut = subject.items(Query("q", "u5", cut=cut))
    if at_cut != subject.items(Query("q", "u5", history=[OWN[0]])) or not set(at_cut) & set(OWN[1:]):
        raise Unkept("It does not look at the cut; every split here trains on nothing later of the same user.")


def it_has_all_methods(subject: Subject) -> None:
    absent = [name for name in ("score", "save", "load") if not hasattr(subject.fitted, name)]
    if absent:
        raise Unkept("It has no {missing}.", missing=", ".join(absent))
