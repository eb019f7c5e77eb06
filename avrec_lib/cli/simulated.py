"""`avrec data get simulated`: a log of a platform whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from avrec_lib.errors import UsageError
from avrec_lib.strings import say

if TYPE_CHECKING:
    from avrec_lib.data.dataset import Dataset

SIMULATED = "simulated"
USERS, DAYS = 1000, 30


@dataclass(frozen=True)
class Wanted:
    """What the options of the command line ask for; None where they say nothing."""

    world: str | None
    users: int | None
    days: int | None
    seed: int | None
    drifting_share: float | None = None
    jumps: float | None = None

    def given(self) -> list[str]:
        """The options that were given, as they are typed."""
        return [f"--{name.replace('_', '-')}" for name, value in vars(self).items() if value is not None]

    def changes(self) -> dict[str, Any]:
        """The numbers of the world that are not those of its kind."""
        asked = {"drifting_share": self.drifting_share, "jumps": self.jumps}
        return {name: value for name, value in asked.items() if value is not None}


def is_simulated(name: str) -> bool:
    """Whether `name` asks for a simulated log: `simulated`, or with the world's name behind a hyphen."""
    return name.strip().lower().replace("_", "-").split("-")[0] == SIMULATED


def refuse_for(name: str, wanted: Wanted) -> None:
    """Raise UsageError when options of a simulation were given for another data set."""
    if wanted.given():
        raise UsageError(
            "{options}: only a simulated data set takes this, not {name}.",
            hint="Simulate one with: avrec data get simulated --world video --users 1000 --days 30",
            options=", ".join(wanted.given()), name=repr(name),
        )  # fmt: skip


def get_simulated(name: str, wanted: Wanted, force: bool) -> Dataset:
    """The simulated data set, from data/ when the same one is there and `force` is not given, else run anew."""
    from avrec_lib.data.dataset import Dataset
    from avrec_lib.data.fetch import is_here, tell_on_stderr
    from avrec_lib.paths import data_folder
    from avrec_lib.simulate.dataset import simulate_dataset, simulated_source
    from avrec_lib.simulate.moving_taste import TABLE
    from avrec_lib.simulate.options import KINDS
    from avrec_lib.simulate.world import make_world

    ending = name.strip().lower().replace("_", "-").partition("-")[2]
    kind = wanted.world or ending or next(iter(KINDS))
    if ending and kind != ending:
        raise UsageError("{name} is not of the world {world}.", name=repr(name), world=repr(kind))
    users, days = (USERS if wanted.users is None else wanted.users), (DAYS if wanted.days is None else wanted.days)
    seed = wanted.seed or 0
    changes, target = wanted.changes(), f"{SIMULATED}-{kind}"
    source = simulated_source(make_world(kind, seed, **changes), users, days, seed)
    if is_here(target) and not force:
        here = Dataset.open(data_folder() / target)
        if here.card.source == source and (here.folder / f"{TABLE}.parquet").is_file():  # older ones lack it
            tell_on_stderr(
                say("{name} is already here ({folder}); --force reads it anew.", name=target, folder=here.folder)
            )
            return here
    return simulate_dataset(target, kind, users, days, seed, **changes)
