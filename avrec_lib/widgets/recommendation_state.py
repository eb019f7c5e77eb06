"""One visit to a set of recommenders as plain state: who asks, what was liked, and the lists that follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.evaluate.popularity import choices
from avrec_lib.protocols import Recommender
from avrec_lib.widgets.item_facts import ItemFacts
from avrec_lib.widgets.pools import Pool, pool_of
from avrec_lib.widgets.reasons import Reason
from avrec_lib.widgets.reorder import Sliders, reorder
from avrec_lib.widgets.search import Search

NEW_USER = ""
"""The user id of a new user."""
MOST_MODELS = 7  # a figure tells eight series apart, and the history is one of them
_POOLS_KEPT = 64


@dataclass(frozen=True)
class Visit:
    """Everything a person has set so far: places of items in the catalogue, the history oldest first."""

    user_id: str = NEW_USER
    history: tuple[int, ...] = ()
    liked: tuple[int, ...] = ()  # those of the history that this visit added
    hidden: tuple[int, ...] = ()
    lowered: tuple[int, ...] = ()
    sliders: Sliders = field(default_factory=Sliders)


@dataclass(frozen=True)
class Listed:
    """One line of a list, or of the history (then without a reason): `users` chose the item."""

    item_id: str
    title: str
    tags: tuple[str, ...]
    year: int | None
    users: int
    reason: Reason | None = None


class RecommendationState:
    """Lists of several fitted models for one person, and what the person does with them.

    Every action changes `visit` and can be undone. The models are asked once for each history; sliders, skips and
    "less like this" only re-order what they offered (`pools.Pool`).
    """

    def __init__(
        self, models: Mapping[str, Recommender], events: pl.DataFrame, items: pl.DataFrame | None = None,
        users: pl.DataFrame | None = None, k: int = 8,
    ) -> None:  # fmt: skip
        """`models` are fitted on `events` (`schema.Events`); `items` and `users` are the tables of the data set.

        Raises UsageError for no model, for more than MOST_MODELS, or for k below 1.
        """
        if not 1 <= len(models) <= MOST_MODELS:
            raise UsageError(
                "The demo shows 1 to {most} models side by side, not {count}.", most=MOST_MODELS, count=len(models)
            )
        if k < 1:
            raise UsageError("k must be at least 1, but is {k}.", k=k)
        self.models, self.k = dict(models), k
        self.facts = ItemFacts.of(events, items)
        chosen = choices(events)
        place = pl.Series(self.facts.places(chosen["item_id"]), dtype=pl.UInt32)
        timed = chosen.select("user_id", "timestamp", place=place).sort("timestamp", maintain_order=True)
        self._log = timed.unique(["user_id", "place"], keep="first", maintain_order=True).drop("timestamp")
        lengths = self._log.group_by("user_id").len()
        everyone = pl.concat([events["user_id"], *([] if users is None else [users["user_id"]])]).unique().sort()
        counts = everyone.to_frame().join(lengths, on="user_id", how="left", maintain_order="left")
        self._lengths = counts.select("user_id", choices=pl.col("len").fill_null(0))
        self.user_ids = everyone.to_list()
        self._known_users = frozenset(self.user_ids)
        self._users, self._titles = (
            Search(self.user_ids, self._lengths["choices"].to_numpy()),
            Search(self.facts.titles, self.facts.users),
        )
        self._pools: dict[tuple[str, str, tuple[int, ...]], Pool] = {}
        self._lists: dict[str, np.ndarray] = {}
        self._listed_for: Visit | None = None
        self.visit = Visit()
        self._before: list[Visit] = []
        self._moving: set[str] = set()  # the sliders that the last action moved

    def history_lengths(self) -> pl.DataFrame:
        """Columns user_id, choices: how many distinct items each user of the data chose, sorted by id."""
        return self._lengths

    def find_users(self, text: str, limit: int = 10) -> list[str]:
        """At most `limit` ids of users that hold `text`; the most active ones for an empty text."""
        return [self.user_ids[place] for place in self._users.find(text, limit)]

    def find_titles(self, text: str, limit: int = 10) -> list[Listed]:
        """At most `limit` items whose title holds every word of `text`; the most popular ones for an empty text."""
        return [self.line(place) for place in self._titles.find(text, limit)]

    def pick_user(self, user_id: str) -> None:
        """Take the place of a user of the data, with all the user's choices; UsageError for an unknown id."""
        if user_id not in self._known_users:
            raise unknown_name("user", user_id, self.find_users(user_id) or self.find_users(""))
        history = self._log.filter(pl.col("user_id") == user_id)["place"].to_list()
        self._go(Visit(user_id, tuple(history), sliders=self.visit.sliders))

    def new_user(self, item_ids: Iterable[str] = ()) -> None:
        """Be someone new whose only choices are `item_ids`, oldest first; UsageError for an unknown id."""
        history = tuple(dict.fromkeys(map(self._place, item_ids)))
        self._go(Visit(history=history, liked=history, sliders=self.visit.sliders))

    def like(self, item_id: str) -> None:
        """Add an item to the history, as its latest choice: the models are asked anew."""
        place = self._place(item_id)
        rest = tuple(other for other in self.visit.history if other != place)
        liked = tuple(other for other in self.visit.liked if other != place)
        self._go(replace(self.visit, history=(*rest, place), liked=(*liked, place)))

    def forget(self, item_id: str) -> None:
        """Take an item out of the history."""
        place = self._place(item_id)
        history, liked = (
            tuple(other for other in kept if other != place) for kept in (self.visit.history, self.visit.liked)
        )
        self._go(replace(self.visit, history=history, liked=liked))

    def skip(self, item_id: str) -> None:
        """Hide an item from all lists."""
        self._go(replace(self.visit, hidden=_with(self.visit.hidden, self._place(item_id))))

    def less_like(self, item_id: str) -> None:
        """Hide an item, and lower the others by how similar they are to it."""
        place = self._place(item_id)
        hidden, lowered = _with(self.visit.hidden, place), _with(self.visit.lowered, place)
        self._go(replace(self.visit, hidden=hidden, lowered=lowered))

    def move(self, **sliders: float) -> None:
        """Set sliders by name (the fields of `Sliders`), each 0 to 1; UsageError for another name or value.

        Moves of the same slider one after the other are one action to undo.
        """
        for name in sliders:
            if name not in vars(self.visit.sliders):
                raise unknown_name("slider", name, vars(self.visit.sliders))
        visit = replace(self.visit, sliders=replace(self.visit.sliders, **sliders))
        if self._moving == set(sliders):
            self.visit = visit
        else:
            self._go(visit)
        self._moving = set(sliders)

    def undo(self) -> None:
        """Go back by one action; where there is none, nothing happens."""
        self._moving = set()
        if self._before:
            self.visit = self._before.pop()

    def reset(self) -> None:
        """The user as picked, sliders at 0, nothing hidden; a new user without any choice."""
        if self.visit.user_id == NEW_USER:
            self._go(Visit())
            return
        own = self._log.filter(pl.col("user_id") == self.visit.user_id)["place"].to_list()
        self._go(Visit(self.visit.user_id, tuple(own)))

    @property
    def can_undo(self) -> bool:
        """Whether any action is left to undo."""
        return bool(self._before)

    def history(self, limit: int | None = None) -> list[Listed]:
        """The choices that the models know of, the latest first."""
        return [self.line(place) for place in self.visit.history[::-1][:limit]]

    def lists(self) -> dict[str, list[Listed]]:
        """For each model its at most `k` items with a reason each, best first; empty where it has nothing to say."""
        return {name: self._list(name) for name in self.models}

    def places(self) -> dict[str, np.ndarray]:
        """The same lists as places in the catalogue."""
        return {name: self._pool(name).places[self._shown(name)] for name in self.models}

    def line(self, place: int, reason: Reason | None = None) -> Listed:
        """The item at a place of the catalogue, to be shown."""
        facts = self.facts
        return Listed(
            str(facts.ids[place]), facts.titles[place], tuple(facts.tags[place] or ()), facts.years[place],
            int(facts.users[place]), reason,
        )  # fmt: skip

    def _go(self, visit: Visit) -> None:
        self._moving = set()
        if visit != self.visit:
            self._before.append(self.visit)
            self.visit = visit

    def _place(self, item_id: str) -> int:
        if item_id not in self.facts.place_of:
            raise unknown_name("item", item_id, [item.item_id for item in self.find_titles(item_id, 3)])
        return self.facts.place_of[item_id]

    def _pool(self, name: str) -> Pool:
        asked = (name, self.visit.user_id, self.visit.history)
        if asked not in self._pools:
            history = self.facts.ids[list(self.visit.history)].tolist()
            pool = pool_of(self.models[name], self.facts, self.visit.user_id, history)
            if len(self._pools) >= _POOLS_KEPT:
                self._pools.pop(next(iter(self._pools)))
            self._pools[asked] = pool
        return self._pools[asked]

    def _shown(self, name: str) -> np.ndarray:
        """Places in the pool of `name` that its list shows, worked out once for a visit."""
        visit = self.visit
        if self._listed_for != visit:
            self._lists, self._listed_for = {}, visit
        if name not in self._lists:
            pool = self._pool(name)
            self._lists[name] = reorder(pool, self.facts, visit.sliders, self.k, visit.hidden, visit.lowered)
        return self._lists[name]

    def _list(self, name: str) -> list[Listed]:
        pool, shown, tastes = self._pool(name), self._shown(name), self._tastes()
        is_personal = bool((pool.because >= 0).any())
        return [
            self.line(place, self._reason(place, because, tastes, is_personal))
            for place, because in zip(pool.places[shown].tolist(), pool.because[shown].tolist(), strict=True)
        ]

    def _tastes(self) -> list[str]:
        """The tags of the history, the most frequent first."""
        tags = Counter(tag for place in self.visit.history for tag in self.facts.tags[place] or ())
        return [tag for tag, _ in tags.most_common()]

    def _reason(self, place: int, because: int, tastes: list[str], is_personal: bool) -> Reason:
        """`is_personal`: some choice moves some item of the list, so popularity alone does not make it."""
        facts = self.facts
        if because >= 0:
            return Reason("because", title=facts.titles[self.visit.history[because]])
        if facts.is_head[place] and not is_personal:
            return Reason("popular", users=int(facts.users[place]), everybody=facts.everybody)
        shared = tuple(tag for tag in tastes if tag in (facts.tags[place] or ()))
        return Reason("tags", tags=shared) if shared else Reason("nothing")


def _with(places: tuple[int, ...], place: int) -> tuple[int, ...]:
    return places if place in places else (*places, place)
