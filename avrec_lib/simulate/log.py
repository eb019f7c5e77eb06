"""A log that need not fit in memory: one Parquet part a day, in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import polars as pl

from avrec_lib.progress import meter
from avrec_lib.simulate.catalogue import START
from avrec_lib.simulate.run import labels_of
from avrec_lib.simulate.running import Platform
from avrec_lib.simulate.surveys import Survey
from avrec_lib.simulate.tables import events_table
from avrec_lib.strings import say


def write_log(
    platform: Platform, days: int, folder: Path, variants: Sequence[str] = (), survey: Survey | None = None
) -> list[Path]:
    """Let `platform` (of `run.begin`) run for `days`, and write its events into `folder`; the parts, oldest first.

    With a `survey` people say what they like before their first request. Memory holds one day. What goes on after
    midnight waits for the next part, so all parts together are in order.
    """
    labels = labels_of(platform, variants)
    parts: list[Path] = []
    waiting = events_table(platform.nothing(), labels)
    with meter(say("Simulating"), days, say("days")) as shown:
        for day, rounds in enumerate(platform.days(days)):
            said = [] if survey is None else [survey.answers(rounds, day, labels)]
            events = pl.concat([waiting, *said, events_table(rounds, labels)], how="diagonal").sort(
                "timestamp", maintain_order=True
            )
            past = int((events["timestamp"] < START + timedelta(days=day + 1)).sum())
            waiting = events.slice(past)
            parts.append(folder / f"part-{day:04}.parquet")
            (events.head(past) if day < days - 1 else events).write_parquet(parts[-1], compression="lz4")
            shown.advance()
    return parts
