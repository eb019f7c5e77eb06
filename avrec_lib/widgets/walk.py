"""A visit by script: what a person would do with the demo, step by step, for a report that cannot hold widgets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from avrec_lib.widgets.overview import list_measures
from avrec_lib.widgets.recommendation_state import Listed, RecommendationState


@dataclass(frozen=True)
class Step:
    """One action and what came of it. `seconds` is the wall time from the action to all lists with their reasons;
    `changed` counts the items of each list that it did not hold before; `title` names the item acted on.
    """

    action: str
    title: str
    seconds: float
    lists: dict[str, list[Listed]]
    history: list[Listed]
    measures: pl.DataFrame
    changed: dict[str, int]


def first_user(state: RecommendationState) -> str:
    """A user with an ordinary history: the one whose number of choices is the median of all users with any."""
    lengths = state.history_lengths().filter(pl.col("choices") > 0).sort("choices", "user_id")
    return str(lengths["user_id"][lengths.height // 2]) if lengths.height else state.user_ids[0]


def first_titles(state: RecommendationState, texts: Sequence[str], count: int = 3) -> list[str]:
    """For each of `texts` the id of the first title found, else `count` titles spread over the most popular forty."""
    found = [items[0].item_id for text in texts if (items := state.find_titles(text, 1))]
    popular = [item.item_id for item in state.find_titles("", 40)]
    return list(dict.fromkeys(found)) or popular[:: max(1, len(popular) // count)][:count]


def scripted_visit(state: RecommendationState, user_id: str, model: str, titles: Sequence[str]) -> list[Step]:
    """Pick `user_id`; move the slider for diversity to 0.5 and back; like the first two items of `model`; ask for
    less like its first; then be a new user who chose `titles` (item ids).

    A like or "less like this" is left out where the list of `model` is empty by then.
    """
    steps: list[Step] = []
    state.lists()  # the first answer of a process pays for what is loaded then

    def act(action: str, do: Callable[[], None], title: str = "") -> None:
        before = steps[-1].lists if steps else {}
        started = time.perf_counter()
        do()
        lists = state.lists()
        seconds = time.perf_counter() - started
        changed = {name: _changed(before.get(name, []), items) for name, items in lists.items()}
        steps.append(Step(action, title, seconds, lists, state.history(), list_measures(state), changed))

    act("pick a user", partial(state.pick_user, user_id))
    act("diversity to 0.5", partial(state.move, diversity=0.5))
    act("diversity to 0", partial(state.move, diversity=0.0))
    for action, do in (("like", state.like), ("like", state.like), ("less like this", state.less_like)):
        if steps[-1].lists[model]:
            first = steps[-1].lists[model][0]
            act(action, partial(do, first.item_id), first.title)
    act("a new user", partial(state.new_user, titles))
    return steps


def _changed(before: Sequence[Listed], after: Sequence[Listed]) -> int:
    held = {item.item_id for item in before}
    return sum(item.item_id not in held for item in after)
