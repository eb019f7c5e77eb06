"""What a metric is called, in which direction it is better, and in which unit it is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from avrec_lib.strings import Language, say

ABBREVIATIONS = ("ndcg", "mrr", "map", "auc", "f1")


@dataclass(frozen=True)
class Metric:
    """`better` is None where more is neither good nor bad by itself (entropy of exposure, mean popularity).

    `unit` is empty for shares and scores without one. `title` is a template of `strings`.
    """

    name: str
    better: Literal["higher", "lower"] | None
    title: str
    unit: str = ""

    def explanation(self, language: Language | None = None) -> str:
        """What it measures, in `language` (default: the current one)."""
        return say(self.title, language)


def metric_table(metrics: Mapping[str, Metric]) -> pl.DataFrame:
    """Columns metric, title, better (higher, lower, or empty), unit: what a report says of `metrics`."""
    rows = [(name, one.title, one.better or "", one.unit) for name, one in metrics.items()]
    return pl.DataFrame(rows, schema=dict.fromkeys(("metric", "title", "better", "unit"), pl.String), orient="row")


def metric_label(metric: str, k: int | None = None) -> str:
    """A metric as people write it: `NDCG@10`, `hit rate@10`."""
    name = metric.upper() if metric in ABBREVIATIONS else metric.replace("_", " ")
    return name if k is None else f"{name}@{k}"
