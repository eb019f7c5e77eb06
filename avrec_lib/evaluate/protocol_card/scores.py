"""Is a list in the order of its scores, or in the order of a tie rule?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from avrec_lib.data.facts import Fact, Level, in_percent

MANY = 0.1
Reading = Literal["all equal", "many equal", "not known", "told apart"]


@dataclass(frozen=True)
class ScoreTies:
    """Over the lists of one model: share of neighbouring places with equal scores, share of the lists with several
    places whose scores are all equal (null without such lists), and how many places lack a score.
    """

    equal: float | None
    flat: float | None
    without_score: int

    @property
    def reading(self) -> Reading:
        if self.equal is None or self.flat is None:
            return "not known"
        if self.flat == 1:
            return "all equal"
        return "many equal" if self.equal >= MANY else "told apart"


def score_ties_of(ranked: pl.DataFrame, k: int) -> ScoreTies:
    """Reads columns query_id, rank, score (and window, where queries of several share their names), first `k` ranks.

    A place without a score, or with NaN, is left out with its neighbours.
    """
    if not {"query_id", "rank", "score"} <= set(ranked.columns):
        return ScoreTies(None, None, ranked.height)
    lists = [name for name in ("window", "query_id") if name in ranked.columns]
    score = pl.col("score").cast(pl.Float64).fill_nan(None)
    top = ranked.filter(pl.col("rank") <= k).select(*lists, "rank", score=score).sort(*lists, "rank")
    same_list = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in lists)
    pairs = top.with_columns(equal=pl.when(same_list).then(pl.col("score") == pl.col("score").shift()))
    pairs = pairs.filter(pl.col("equal").is_not_null())
    flat = pairs.group_by(lists).agg(pl.col("equal").all())
    means = (column.cast(pl.Float64).mean() for column in (pairs["equal"], flat["equal"]))
    equal, all_equal = (mean if isinstance(mean, float) else None for mean in means)
    return ScoreTies(equal, all_equal, top["score"].null_count())


def score_ties(ranked: Mapping[str, pl.DataFrame] | None, k: int) -> list[Fact]:
    """One fact for each reading of the models' scores that occurs, naming the models: all equal everywhere is red
    (the order is the tie rule's), from a tenth of neighbouring places equal amber, without scores not known.
    """
    if not ranked:
        return [Fact("equal_scores", 0, None, "info",
                     "No lists were given, so how often scores are equal is not known.", {"reading": "–"})]  # fmt: skip
    found = {model: score_ties_of(table, k) for model, table in ranked.items()}
    facts = []
    for reading, (level, template) in READINGS.items():
        models = {model: ties for model, ties in found.items() if ties.reading == reading}
        if not models:
            continue
        shares = [ties.equal for ties in models.values() if ties.equal is not None]
        worst = max(shares, default=None)
        words = {
            "models": ", ".join(models), "count": f"{len(models):,}",
            "flat": in_percent(max((ties.flat for ties in models.values() if ties.flat is not None), default=None)),
            "without": f"{sum(ties.without_score for ties in models.values()):,}",
        }  # fmt: skip
        if worst is None:
            words["reading"] = "–"
        facts.append(Fact("equal_scores", len(models), worst, level, template, words))
    return facts


READINGS: dict[Reading, tuple[Level, str]] = {
    "all equal": (
        "red",
        "All scores of every list are equal ({models}): the order is the tie rule's, a fixed shuffle of ids for the "
        "models of the house, the ranks of the file for a stranger's. Give scores that tell items apart, or leave the "
        "model out.",
    ),
    "many equal": (
        "amber",
        "Up to {share} of neighbouring places have equal scores, and up to {flat} of the lists nothing else "
        "({models}): there the order is the tie rule's, a fixed shuffle of ids for the models of the house, the ranks "
        "of the file for a stranger's. Finer scores would decide.",
    ),
    "not known": (
        "info",
        "Without scores, or with one item a list, how ties were broken is not known ({models}; {without} places "
        "without a score): the ranks are taken as they are.",
    ),
    "told apart": (
        "info",
        "At most {share} of neighbouring places have equal scores ({models}); they stand in a fixed shuffle of ids for "
        "the models of the house, by rank for a stranger's file.",
    ),
}
