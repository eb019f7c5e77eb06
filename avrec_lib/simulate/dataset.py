"""A simulated log as a data set like any other: a folder of tables with a card that says what it is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.write import write_dataset
from avrec_lib.paths import data_folder
from avrec_lib.protocols import Policy
from avrec_lib.simulate.catalogue import items_table
from avrec_lib.simulate.decisions import LOGGING
from avrec_lib.simulate.log import write_log
from avrec_lib.simulate.moving_taste import TABLE, user_truth
from avrec_lib.simulate.run import begin
from avrec_lib.simulate.surveys import Survey
from avrec_lib.simulate.tables import users_table
from avrec_lib.simulate.world import World, make_world
from avrec_lib.strings import say

LICENCE = "Apache-2.0: made here, of nobody's behaviour"


def simulated_source(world: World, users: int, days: int, seed: int, policy: Policy = LOGGING) -> str:
    """What a card calls the source of such a log: all that it takes to make it again."""
    return say(
        "Simulated: {kind} world {fingerprint} (seed {world_seed}), {users} users of seed {seed}, {days} days, "
        "policy {policy}",
        "en", kind=world.options.kind, fingerprint=world.fingerprint, world_seed=world.seed, users=users, seed=seed,
        days=days, policy=policy.name,
    )  # fmt: skip


def simulate_dataset(
    target: Path | str, kind: str = "video", users: int = 1000, days: int = 30, seed: int = 0,
    policy: Policy = LOGGING, **changes: Any,
) -> Dataset:  # fmt: skip
    """Run a world of that kind and write its log as the data set `target` (folder or name).

    `seed` draws both the catalogue and the people, `changes` are numbers of `WorldOptions`; the same arguments give the
    same fingerprint. The log begins for each of them with what they say they like (`surveys.Survey`). Beside the tables
    stands `user_truth.parquet` (`moving_taste.user_truth`): whose taste moves. Memory holds one day.
    """
    world = make_world(kind, seed, **changes)
    platform = begin(world, policy, users, days, seed)
    data_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data_folder(), prefix=".simulated-") as scratch:
        parts = write_log(platform, days, Path(scratch), survey=Survey(platform))
        tables: dict[str, pl.LazyFrame | pl.DataFrame] = {
            "events": pl.scan_parquet(parts),
            "items": items_table(world.catalogue, world.options.kind),
            "users": users_table(platform.people, seed),
        }
        return write_dataset(
            target,
            tables,
            name=target.name if isinstance(target, Path) else target,
            source=simulated_source(world, users, days, seed, policy),
            licence=LICENCE,
            further={TABLE: user_truth(platform.people)},
            notes=[
                say("Simulated: nobody did any of this. World {fingerprint}, seed {seed}.", "en",
                    fingerprint=world.fingerprint, seed=seed),
                say("Every impression has the exact propensity of its place, given the places above it.", "en"),
                say("{file} says whose taste moves; no model is given it.", "en", file=f"{TABLE}.parquet"),
                say("Before their first request people answered a survey: how much of their interest is in each topic.",
                    "en"),
            ],
        )  # fmt: skip
