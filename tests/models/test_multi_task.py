"""A network of several tasks: the contract, what it learns from impressions, and what it says it cannot learn."""

from __future__ import annotations

from typing import Any

from contract import RecommenderContract

from avrec_lib.models.multi_task import MultiTask


def tiny(**options: Any) -> MultiTask:
    return MultiTask(**{
        "width": 8, "hidden": 8, "experts": 2, "epochs": 25, "batch": 512, "learning_rate": 0.01, "dropout": 0.0,
        "threads": 1, **options,
    })  # fmt: skip


class TestMultiTask(RecommenderContract):
    def make(self) -> MultiTask:
        return tiny()
