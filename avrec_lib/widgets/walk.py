"""A visit by script: what a person would do with the demo, step by step, for a report that cannot hold widgets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from avrec_lib.widgets.cards import title_and_year
from avrec_lib.widgets.overview import HISTORY, list_measures
from avrec_lib.widgets.recommendation_state import Listed, RecommendationState


@dataclass(frozen=True)
class Step:
    """One action and what came of it.

    `seconds` is the wall time from the action to all lists with their reasons; `changed` counts the items of each list
    that it did not hold before; `measures` is `overview.list_measures`.
    """

    action: str
    seconds: float
    lists: dict[str, list[Listed]]
    changed: dict[str, int]
    measures: pl.DataFrame


class Walk:
    """Does actions on a state and keeps what came of each in `steps`."""

    def __init__(self, state: RecommendationState) -> None:
        self.state = state
        self.steps: list[Step] = []
        state.lists()  # the first answer of a process pays for what is loaded then

    def act(self, action: str, do: Callable[..., None], *values: Any, **named: Any) -> Step:
        """Call `do` with the values, an action of the state, and note it under the words `action`."""
        before = {name: {item.item_id for item in items} for name, items in self.state.lists().items()}
        started = time.perf_counter()
        do(*values, **named)
        lists = self.state.lists()
        seconds = time.perf_counter() - started
        changed = {name: sum(item.item_id not in before[name] for item in items) for name, items in lists.items()}
        self.steps.append(Step(action, seconds, lists, changed, list_measures(self.state)))
        return self.steps[-1]

    def table(self) -> pl.DataFrame:
        """Columns action, milliseconds, and for each model how many of its listed items are new."""
        return pl.DataFrame(
            {"action": step.action, "milliseconds": 1000 * step.seconds, **step.changed} for step in self.steps
        )

    def measures(self) -> pl.DataFrame:
        """`list_measures` of all steps without the history: columns step (from 1), action, model, and the measures."""
        parts = [
            step.measures.filter(pl.col("list") != HISTORY).select(
                pl.lit(place).alias("step"), pl.lit(step.action).alias("action"), pl.col("list").alias("model"),
                pl.exclude("list"),
            )
            for place, step in enumerate(self.steps, start=1)
        ]  # fmt: skip
        return pl.concat(parts)


def side_by_side(lists: dict[str, list[Listed]]) -> pl.DataFrame:
    """Columns rank, and for each model the title and year at that rank, null below the end of its list."""
    longest = max(map(len, lists.values()), default=0)
    columns = {
        name: [title_and_year(item) for item in items] + [None] * (longest - len(items))
        for name, items in lists.items()
    }
    return pl.DataFrame(
        {"rank": range(1, longest + 1), **columns}, schema={"rank": pl.Int32} | dict.fromkeys(columns, pl.String)
    )


def with_reasons(items: Sequence[Listed]) -> pl.DataFrame:
    """Columns title, year (text), tags, users, reason (a sentence in the current language) of one list, best first."""
    return pl.DataFrame(
        {
            "title": [item.title for item in items],
            "year": pl.Series([item.year and str(item.year) for item in items], dtype=pl.String),
            "tags": pl.Series([list(item.tags) for item in items], dtype=pl.List(pl.String)),
            "users": [item.users for item in items],
            "reason": [item.reason.text() if item.reason else None for item in items],
        }
    )


def ordinary_user(state: RecommendationState) -> str:
    """The user whose number of choices is the median of all who have any; the first of the data where none has."""
    lengths = state.history_lengths().filter(pl.col("choices") > 0).sort("choices", "user_id")
    return str(lengths["user_id"][lengths.height // 2]) if lengths.height else state.user_ids[0]


def titles_to_start(state: RecommendationState, texts: Sequence[str], count: int = 3) -> list[str]:
    """For each of `texts` the id of the first title found; where none is, `count` of the forty most popular."""
    found = [items[0].item_id for text in texts if (items := state.find_titles(text, 1))]
    popular = [item.item_id for item in state.find_titles("", 40)]
    return list(dict.fromkeys(found)) or popular[:: max(1, len(popular) // count)][:count]
