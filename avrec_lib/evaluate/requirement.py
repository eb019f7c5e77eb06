"""What a system must reach: `ndcg@10=.1` as a bar for its mean, or for the lower end of the mean's interval."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from avrec_lib.data.note import Note
from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.evaluate.ranking import METRICS

FORM = re.compile(r"\s*(?P<metric>[a-z_0-9]+?)\s*(@\s*(?P<k>\d+)\s*)?=(?P<least>.*)")
Bound = Literal["mean", "low"]


@dataclass(frozen=True)
class Requirement:
    """The mean of `metric` at `k` must be `least` or more; with `of="low"` so must the lower end of its interval.

    A system whose true mean is at the bar reaches it by its mean every other time, by the lower end of a 95 % interval
    one time in forty.
    """

    metric: str
    k: int | None
    least: float
    of: Bound = "mean"

    @property
    def name(self) -> str:
        """`ndcg@10`."""
        return self.metric if self.k is None else f"{self.metric}@{self.k}"


@dataclass(frozen=True)
class Outcome:
    """A requirement held against one system: its mean with its interval, over n queries; null where undefined."""

    requirement: Requirement
    model: str
    value: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def met(self) -> bool:
        """Whether the mean (the lower end of its interval) reaches the bar; what is undefined does not."""
        held = self.value if self.requirement.of == "mean" else self.low
        return held is not None and held >= self.requirement.least

    def note(self) -> Note:
        """What came, what was asked, and whether the interval agrees with the mean."""
        least = self.requirement.least
        if self.value is None:
            template = "{model}: {metric} has no value, so {least} is not reached."
        elif self.requirement.of == "low":
            template = self._of_low(self.value)
        elif self.low is None or self.high is None:
            template = "{model}: {metric} is {value} (n = {n}), {least} is asked: {met}. There is no interval."
        elif self.low < least <= self.high:
            template = (
                "{model}: {metric} is {value} [{low}, {high}] (n = {n}), {least} is asked: {met} by the mean, but the "
                "interval holds {least}, so other users could have said otherwise."
            )
        else:
            template = (
                "{model}: {metric} is {value} [{low}, {high}] (n = {n}), {least} is asked: {met}, and the whole "
                "interval agrees."
            )
        numbers = {name: _text(getattr(self, name)) for name in ("value", "low", "high")}
        met = Note("met") if self.met else Note("not met")
        return Note(template, {"model": self.model, "metric": self.requirement.name, "least": f"{least:g}",
                               "n": f"{self.n:,}", "met": met.text(), **numbers})  # fmt: skip

    def _of_low(self, value: float) -> str:
        if self.low is None:
            return (
                "{model}: {metric} is {value} (n = {n}), and {least} is asked of the lower end of its interval: {met}, "
                "for there is no interval."
            )
        if not self.met and value >= self.requirement.least:
            return (
                "{model}: {metric} is {value} [{low}, {high}] (n = {n}), and {least} is asked of the lower end of the "
                "interval: {met}, though the mean reaches it. More queries would narrow the interval."
            )
        return (
            "{model}: {metric} is {value} [{low}, {high}] (n = {n}), and {least} is asked of the lower end of the "
            "interval: {met}."
        )


def read_requirements(
    texts: Sequence[str], metrics: Collection[str], cuts: Collection[int], of: Bound = "mean"
) -> list[Requirement]:
    """`METRIC@K=LEAST` as requirements; UsageError for another form, or what is not among the judged."""
    return [_read(text, metrics, cuts, of) for text in texts]


def _read(text: str, metrics: Collection[str], cuts: Collection[int], of: Bound) -> Requirement:
    found = FORM.fullmatch(text.lower())
    try:
        least = float(found["least"]) if found else math.nan
    except ValueError:
        least = math.nan
    if found is None or not math.isfinite(least):
        raise UsageError("{text} is no requirement.", hint="Expected METRIC@K=LEAST, for example ndcg@10=0.1.",
                         text=repr(text))  # fmt: skip
    metric = found["metric"]
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    if metric not in metrics:
        raise UsageError("{metric} is required but not judged.", hint="Add it: --metrics {metrics}.", metric=metric,
                         metrics=",".join([*metrics, metric]))  # fmt: skip
    if metric == "auc":
        return Requirement(metric, None, least, of)
    if found["k"] is None and len(cuts) != 1:
        raise UsageError("{text} does not say at which k.", hint="Expected METRIC@K=LEAST, for example ndcg@10=0.1.",
                         text=repr(text))  # fmt: skip
    k = int(found["k"] or next(iter(cuts)))
    if k not in cuts:
        raise UsageError("{metric} at {k} is required but not judged.", hint="Add it: --k {cuts}.", metric=metric, k=k,
                         cuts=",".join(map(str, [*cuts, k])))  # fmt: skip
    return Requirement(metric, k, least, of)


def hold(requirement: Requirement, summary: pl.DataFrame, model: str) -> Outcome:
    """`requirement` held against `model` in `summary` (as `compare.summarise` gives it)."""
    at_k = pl.col("k").is_null() if requirement.k is None else pl.col("k") == requirement.k
    row = summary.filter(at_k, metric=requirement.metric, model=model)
    if row.is_empty():
        return Outcome(requirement, model, None, None, None, 0)
    return Outcome(requirement, model, *row.select("value", "low", "high", "n").row(0))


def _text(number: float | None) -> str:
    return "–" if number is None else f"{number:.4f}"
