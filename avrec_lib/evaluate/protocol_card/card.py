"""The protocol card: what stands in front of every metric, and stops a report that would mislead.

Each line is a fact about the log, the split, or the lists, with a number, a level (green, amber, red) and a sentence:
what was found, what it means for this split, and what to do. Nothing here fits a model.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from avrec_lib.data.checks import check_events
from avrec_lib.data.facts import LEVELS, Fact, Level, in_percent
from avrec_lib.data.split import Split
from avrec_lib.errors import ProtocolError, UsageError, unknown_name
from avrec_lib.evaluate.protocol_card.drift import popularity_drift
from avrec_lib.evaluate.protocol_card.leaks import dropped_as_seen, duplicates_across, facts_of_the_log, future_leak
from avrec_lib.evaluate.protocol_card.order import (
    id_order_in_ties,
    is_drawn,
    needs_order,
    ties_in_time,
)
from avrec_lib.evaluate.protocol_card.population import known_users, new_items, population
from avrec_lib.evaluate.protocol_card.scores import score_ties
from avrec_lib.evaluate.protocol_card.shuffled import shuffled_times
from avrec_lib.evaluate.protocol_card.swing import swing_not_measured, tie_swing
from avrec_lib.schema import Events, is_choice, with_all_columns
from avrec_lib.strings import Language, say

LEVEL_WORDS: dict[Level, str] = {"red": "red", "amber": "amber", "info": "green"}


@dataclass(frozen=True)
class ProtocolCard:
    """The lines of the card as facts; level "info" is green.

    `checks` are all names that a line of such a card may have, and `way_out` is what to do about a red one.
    """

    facts: tuple[Fact, ...]
    checks: frozenset[str] = field(default_factory=lambda: CHECKS)
    way_out: str = field(default_factory=lambda: WAY_OUT)

    @property
    def level(self) -> Level:
        """The worst level of any line."""
        return min((fact.level for fact in self.facts), key=LEVELS.index, default="info")

    def at(self, level: Level) -> tuple[Fact, ...]:
        """The lines of one level."""
        return tuple(fact for fact in self.facts if fact.level == level)

    @property
    def summary(self) -> Fact:
        """The card in one sentence. On a red card it says what a person let pass: show it where `stop` did."""
        lines = self.at(self.level)
        return Fact("protocol_card", len(lines), None, self.level, SUMMARY[self.level],
                    {"lines": str(len(self.facts)), "checks": ", ".join(self.red_names)})  # fmt: skip

    def table(self, language: Language | None = None) -> pl.DataFrame:
        """Columns level, check, value, reason, all text in `language` (default: the current one): a row a line, worst
        first. A report draws the `facts` themselves, in every language.
        """
        rows = [
            (say(LEVEL_WORDS[fact.level], language), name_of(fact, language), reading(fact), fact.explanation(language))
            for fact in sorted(self.facts, key=lambda fact: LEVELS.index(fact.level))
        ]
        columns = ("level", "check", "value", "reason")
        return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")

    def stop(self, accept: Collection[str] = ()) -> None:
        """Raise ProtocolError naming each red line that is not in `accept`, and the way out.

        `accept` are names of checks (`Fact.name`), or "all". Raises UsageError for a name that no check has.
        """
        names = accepted_names(accept, {fact.name for fact in self.facts}, self.checks)
        red = [fact for fact in self.at("red") if ALL not in names and fact.name not in names]
        if red:
            raise ProtocolError(
                "The protocol card is red ({count} of {lines} lines), and its numbers would mislead.",
                hint=self.way_out,
                reasons=[(fact.name, fact.template, fact.words) for fact in red],
                count=len(red), lines=len(self.facts), accept=",".join(self.red_names),
            )  # fmt: skip

    @property
    def red_names(self) -> tuple[str, ...]:
        """The names of the checks that are red, each once: what must be accepted to go on."""
        return tuple(dict.fromkeys(fact.name for fact in self.at("red")))


SUMMARY: dict[Level, str] = {
    "info": "The protocol card is green: none of its {lines} lines speaks against reading these numbers.",
    "amber": "The protocol card is amber: {value} of its {lines} lines ask for care when these numbers are read.",
    "red": "The protocol card is red: {value} of its {lines} lines say that these numbers mislead. They are shown "
    "because accept_red let pass: {checks}.",
}
CHECKS: frozenset[str] = frozenset({
    "users_asked", "choices_without_time", "k_core", "min_value", "graded_answers", "candidates", "sampled_negatives",
    "users_with_history", "answers_on_new_items", "training_later_than_test", "ties_in_time", "swing_over_tie_rules",
    "item_id_order_in_ties", "pauses_of_users", "order_within_users", "answers_dropped_as_seen",
    "duplicates_across_the_split", "exact_duplicates", "near_duplicates", "repeats", "times_in_the_future",
    "too_busy_users", "clockwork_users", "popularity_drift", "equal_scores",
})  # fmt: skip
"""Every name that a line may have; not every card has all of them."""
ALL = "all"
WAY_OUT = (
    "Take another split, clean the log first (cleaning=standard), or go on with accept_red={accept}: the report then "
    "says so."
)


def accepted_names(
    accept: Collection[str], known: Collection[str] = (), checks: frozenset[str] = CHECKS
) -> frozenset[str]:  # fmt: skip
    """The names of checks in `accept`. Raises UsageError for one that is not "all", of `checks`, or `known`."""
    names = frozenset(accept)
    lines = checks.union(known)
    for name in sorted(names - lines - {ALL}):
        raise unknown_name("check", name, lines | {ALL})
    return names


def name_of(fact: Fact, language: Language | None = None) -> str:
    """The name of a check to read."""
    return say(str(fact.name), language).replace("_", " ")


def reading(fact: Fact) -> str:
    """The number of a line as text: what the fact gives as its `reading`, else its share, else its value."""
    given: Any = fact.values.get("reading")
    if given is not None:
        return str(given)
    return f"{fact.value:,}" if fact.share is None else in_percent(fact.share)


def protocol_card(
    splits: Sequence[Split],
    *,
    events: pl.LazyFrame | None = None,
    ranked: Mapping[str, pl.DataFrame] | None = None,
    k: int = 10,
    rerun: Callable[[Sequence[Split]], pl.DataFrame] | None = None,
    splits_by_tie_rule: Mapping[str, Sequence[Split]] | None = None,
    sampled_negatives: int | None = None,
    seed: int = 0,
) -> ProtocolCard:
    """The card of `splits`: the windows of one `split_windows`, which share their method and options.

    `events` is the log that was split (without it the training rows stand for it); `ranked` the lists by model, of
    which the first `k` ranks are read; `rerun` fits the model of choice on splits and returns its `schema.Values` of
    one metric (`trial.judged_by`), and is called once for each of `splits_by_tie_rule`; `sampled_negatives` says that
    lists rank so many sampled items only. `seed` is that of the permutations and draws.

    Counts are over all windows together, the future leak and the drift of popularity are those of the worst window.
    Raises UsageError without a split, or when only one of `rerun` and `splits_by_tie_rule` is given.
    """
    if not splits:
        raise UsageError("A protocol card is about a split, and none was given.")
    if (rerun is None) != (splits_by_tie_rule is None):
        raise UsageError("The swing over tie rules needs both rerun and splits_by_tie_rule.")
    log = _full(max((split.train for split in splits), key=len).lazy() if events is None else events)
    checks = {fact.name: fact for fact in check_events(log)}
    choices = log.filter(is_choice(splits[0].protocol.get("min_value")))
    if rerun is not None and splits_by_tie_rule is not None:
        swing = tie_swing({rule: rerun(made) for rule, made in splits_by_tie_rule.items()}, is_drawn(splits))
    else:
        swing = swing_not_measured(splits)
    return ProtocolCard(
        (
            *population(splits, sampled_negatives),
            known_users(splits),
            new_items(splits),
            future_leak(splits),
            ties_in_time(splits, choices),
            swing,
            id_order_in_ties(splits, choices),
            *shuffled_times(choices, needs_order(splits), seed),
            dropped_as_seen(splits, checks.get("repeats")),
            duplicates_across(splits, None if events is None else log),
            *facts_of_the_log(checks.values(), splits),
            popularity_drift(splits, seed),
            *score_ties(ranked, k),
        )
    )


def _full(log: pl.LazyFrame) -> pl.LazyFrame:
    """`log` with all columns of the vocabulary; where it does not say what kind of event a row is, a play."""
    full = with_all_columns(log, Events)
    return full.with_columns(event=pl.col("event").cast(pl.String).fill_null("play"))
