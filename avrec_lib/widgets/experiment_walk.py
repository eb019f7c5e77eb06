"""A test by script: what a person would do with the demo, step by step, for a report that cannot hold widgets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import polars as pl

from avrec_lib.widgets.experiment_state import ExperimentState
from avrec_lib.widgets.experiment_verdicts import READERS, Reader

NOT_BEGUN = "–"


class ExperimentWalk:
    """Does actions on a state and keeps what came of each."""

    def __init__(self, state: ExperimentState) -> None:
        self.state = state
        self._rows: list[dict[str, Any]] = []
        self._answer()  # the first answer of a process pays for what is loaded then

    def act(self, action: str, do: Callable[..., None], **values: Any) -> None:
        """Call `do` with the values, an action of the state, and note it under the words `action`.

        The time noted runs to the verdicts, the light, the plan and many such tests.
        """
        started = time.perf_counter()
        do(**values)
        said, light = self._answer()
        seconds, path = time.perf_counter() - started, self.state.path()
        today = path.tail(1).select("difference", "fixed_low", "fixed_high", "low", "high").to_dicts()
        self._rows.append(
            {"action": action, "day": self.state.day, "light": light or NOT_BEGUN}
            | dict(*today) | said | {"milliseconds": 1000 * seconds}
        )  # fmt: skip

    def table(self) -> pl.DataFrame:
        """One row an action: action, day, light (red, amber, info; – before the first day), difference, fixed_low,
        fixed_high, low, high, the decisions of fixed, peeking and sequential, milliseconds.
        """
        floats = ("difference", "fixed_low", "fixed_high", "low", "high")
        schema = (
            {"action": pl.String, "day": pl.Int64, "light": pl.String} | dict.fromkeys(floats, pl.Float64)
            | dict.fromkeys(READERS, pl.String) | {"milliseconds": pl.Float64}
        )  # fmt: skip
        return pl.DataFrame(self._rows, schema=schema)

    def _answer(self) -> tuple[dict[Reader, str], str | None]:
        verdicts, light = self.state.verdicts(), self.state.light()
        self.state.outlook()
        self.state.many()
        said = {reader: verdicts[reader].decision if reader in verdicts else NOT_BEGUN for reader in READERS}
        return said, light
