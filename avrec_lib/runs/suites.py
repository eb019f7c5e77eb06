"""`notebooks/suites.yaml`: named lists of runs, their parameters, and which run needs which."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.paths import notebooks_folder

SUITES_FILE = "suites.yaml"
RUN_OF = re.compile(r"\$\{([\w-]+)\.run_id\}")
"""`${id.run_id}` in a parameter stands for the run of another entry."""


@dataclass(frozen=True)
class SuiteEntry:
    """One run of a suite: the notebook's name, values by parameter name, and the ids of the entries it needs."""

    id: str
    notebook: str
    parameters: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suite:
    """Runs in an order in which each comes after those it needs."""

    name: str
    title: str
    entries: tuple[SuiteEntry, ...]


def read_suites(path: Path | None = None) -> dict[str, Suite]:
    """The suites of `path` (default: `notebooks/suites.yaml`), empty when there is no such file.

    Raises UsageError naming the suite and the entry: unknown or missing keys, an id used twice, a need that no entry
    has, a cycle. Notebooks and parameters are checked by `plan.make_plan`, for the suite that is asked for.
    """
    import yaml

    path = path or notebooks_folder() / SUITES_FILE
    try:
        content = yaml.safe_load(path.read_text("utf-8")) or {}
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UsageError("{file} cannot be read: {error}.", file=path, error=reason) from None
    _expect(isinstance(content, dict), "{file} must map the names of suites to their runs.", file=path)
    return {str(name): _suite(str(name), body) for name, body in content.items()}


def _suite(name: str, body: Any) -> Suite:
    runs: Any = body.get("runs") if isinstance(body, dict) else None
    _expect(isinstance(runs, list) and runs, "The suite {suite} needs a list named runs.", suite=repr(name))
    _known_keys(body, ("title", "runs"), name)
    entries = [_entry(name, raw) for raw in runs]
    ids = [entry.id for entry in entries]
    for entry in entries:
        message = "The suite {suite} has two runs with the id {id}."
        _expect(ids.count(entry.id) == 1, message, suite=repr(name), id=repr(entry.id))
        for need in entry.needs:
            if need not in ids:
                raise unknown_name("run in the suite", need, ids)
    return Suite(name, str(body.get("title", name)), _in_order(name, entries))


def _entry(suite: str, raw: Any) -> SuiteEntry:
    message = "A run of the suite {suite} names no notebook: {run}."
    _expect(isinstance(raw, dict) and isinstance(raw.get("notebook"), str), message, suite=repr(suite), run=repr(raw))
    _known_keys(raw, ("id", "notebook", "parameters", "needs"), suite)
    notebook, parameters, needs = raw["notebook"], raw.get("parameters") or {}, raw.get("needs") or []
    named = {"suite": repr(suite), "notebook": repr(notebook)}
    _expect(isinstance(parameters, dict), "The parameters of {notebook} in {suite} must map names to values.", **named)
    _expect(isinstance(needs, list), "The needs of {notebook} in {suite} must be a list of ids.", **named)
    implied = [need for value in parameters.values() if isinstance(value, str) for need in RUN_OF.findall(value)]
    identity = str(raw.get("id", notebook.removesuffix(".ipynb")))
    return SuiteEntry(identity, notebook, parameters, tuple(dict.fromkeys([*map(str, needs), *implied])))


def _in_order(suite: str, entries: list[SuiteEntry]) -> tuple[SuiteEntry, ...]:
    place = {entry.id: number for number, entry in enumerate(entries)}
    sorter = TopologicalSorter({entry.id: entry.needs for entry in entries})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise UsageError(
            "In the suite {suite} runs need each other: {circle}.", suite=repr(suite), circle=circle
        ) from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=place.__getitem__)
        order.extend(ready)
        sorter.done(*ready)
    return tuple(entries[place[identity]] for identity in order)


def _known_keys(raw: dict[str, Any], known: tuple[str, ...], suite: str) -> None:
    for key in raw:
        if key not in known:
            raise unknown_name("key in the suite", f"{suite}: {key}", known)


def _expect(condition: object, message: str, **values: Any) -> None:
    if not condition:
        raise UsageError(message, **values)
