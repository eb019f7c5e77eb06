"""A person's own log of rounds from a file, with the probabilities of the policies that are asked about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from avrec_lib.data.dataset import CARD
from avrec_lib.data.facts import Fact, share_of
from avrec_lib.errors import DataError, UsageError, nearest, unknown_name
from avrec_lib.evaluate.brought_tables import (
    BroughtTable,
    id_column,
    number_column,
    number_or_word,
    read_brought,
    time_column,
)
from avrec_lib.evaluate.off_policy.distributions import Distributions, read_distributions
from avrec_lib.evaluate.off_policy.feedback import TargetPolicy
from avrec_lib.evaluate.off_policy.rounds import Clusters, LoggedRounds, Missing, assemble
from avrec_lib.imports.files import SUFFIXES
from avrec_lib.imports.values import ids

REWARDS = ("reward", "click", "watch_seconds", "like", "play", "value")
IDS = ("user_id", "request_id", "round_id")
TARGET, CONTEXT = "target_probability", "context_"
UNITS = {"reward": "", "watch_seconds": "seconds"}


def read_rounds(
    path: Path | str,
    distributions: Path | str | None = None,
    *,
    reward: str | None = None,
    policy: str | None = None,
    platform: str | None = None,
    context_columns: Sequence[str] | None = None,
    candidates: Sequence[str] | None = None,
    clusters: Clusters = "user",
    missing: Missing = "refuse",
    seed: int = 0,
) -> LoggedRounds:
    """Rounds from Parquet, CSV, TSV or JSON lines, packed or not; a folder is read as the parts of one table.

    Columns: item_id, propensity, and the `reward` (without a name the first of `REWARDS` that is there); where there
    are any, user_id (rounds of one user belong together, in whatever part they stand), request_id, position (from 0 or
    1), timestamp, and what was known before, `context_columns` (without names all that start with `context_`): numbers
    or words. `target_probability`, or several `target_probability_NAME`, are the probabilities of the item that was
    taken under other policies: enough for IPS and SNIPS.

    `distributions` is a second, long table with whole distributions: round_id, item_id, probability, and with several
    policies policy. The first table then has a round_id for each round. An item that a round does not list has
    probability 0. The policy "logging" is the one that made the log. Actions are all items of both tables, or
    `candidates`. `clusters` and `missing` are those of `assemble`.

    `policy` and `platform` take the rounds of one name in the column of that name; a file with rounds of several
    policies must be told which.

    Raises UsageError for a missing file or an unknown name; DataError for a missing column (with the one that is
    probably meant), a file that is empty or broken, words for numbers, negative watch time, an item that is no
    candidate, round ids that do not fit, probabilities that are none or do not sum to one, and what `assemble` refuses.
    """
    needed = [("item_id",), (reward,) if reward else REWARDS, *([] if missing == "estimate" else [("propensity",)])]
    if distributions is not None:
        needed.append(("round_id",))
    table = read_brought(Path(path), needed, lambda names: _wanted(names, reward, context_columns))
    told = reward or next(name for name in REWARDS if name in table.rows.columns)
    table = _of_one(_of_one(table, "policy", policy), "platform", platform)
    rounds, contexts = _rounds(table, told), _contexts(table, context_columns)
    whole = None if distributions is None else read_distributions(Path(distributions), rounds["round_id"])
    actions = _actions(rounds, whole, candidates, table.path)
    targets = [name for name in table.rows.columns if _policy_of(name)]
    rounds = rounds.with_columns(number_column(table, name) for name in targets)
    made = assemble(
        rounds, contexts, actions, unit=UNITS.get(told, told), clusters=clusters, missing=missing, seed=seed
    )  # fmt: skip
    return _with_targets(made, targets, whole, _facts(table))


def is_file_of_rounds(source: str) -> bool:
    """Whether `source` is a file or a folder of parts, not a data set. Raises UsageError for a file that is missing."""
    path = Path(source).expanduser()
    if path.is_dir():
        return not (path / CARD).is_file()
    if not path.is_file() and any(source.lower().endswith(f".{suffix}") for suffix in SUFFIXES):
        raise UsageError("There is no file {file}.", hint="Expected a file of rounds, or the name of a data set.",
                         file=path)  # fmt: skip
    return path.is_file()


def _wanted(names: Sequence[str], reward: str | None, context_columns: Sequence[str] | None) -> Collection[str]:
    strange = [name for name in context_columns or () if name not in names]
    if strange:
        guess = nearest(strange[0], names)
        raise UsageError(
            "The log has no column {column} to use as context.",
            hint="Did you mean {guess}?" if guess else "It has {present}.",
            column=repr(strange[0]), guess=guess, present=", ".join(names),
        )  # fmt: skip
    contexts = context_columns if context_columns is not None else [n for n in names if n.startswith(CONTEXT)]
    told = reward or next((name for name in REWARDS if name in names), "")
    fixed = ("item_id", told, "propensity", "position", "timestamp", "policy", "platform", *IDS)
    return {*fixed, *contexts, *(name for name in names if _policy_of(name))}


def _policy_of(column: str) -> str:
    """The policy whose probabilities a column of this name holds, or an empty string."""
    if column == TARGET:
        return "target"
    return column.removeprefix(TARGET + "_") if column.startswith(TARGET + "_") else ""


def _of_one(table: BroughtTable, column: str, name: str | None) -> BroughtTable:
    """The rows of one policy or platform."""
    if column not in table.rows.columns:
        if name is not None:
            raise UsageError("{file} has no column {column}, so rows of {name} cannot be told.", file=table.path,
                             column=repr(column), name=repr(name))  # fmt: skip
        return table
    values = ids(table.rows[column])
    known = values.drop_nulls().unique().sort()
    if name is None:
        if column == "policy" and known.len() > 1:
            raise UsageError("The log has rounds of {count} policies: {names}.",
                             hint="Say whose rounds to take: in notebook 50 with logging_policy.", count=known.len(),
                             names=", ".join(known))  # fmt: skip
        return table
    if name not in known:
        raise unknown_name(column, name, known)
    return replace(table, rows=table.rows.filter(values == name))


def _rounds(table: BroughtTable, reward: str) -> pl.DataFrame:
    present = table.rows.columns
    rewards = number_column(table, reward).alias("reward")
    if reward == "watch_seconds" and (rewards < 0).any():
        raise DataError("{count} of {rows} events have a negative watch time.",
                        hint="Clean the log first: nobody watches less than nothing.",
                        count=int((rewards < 0).sum()), rows=rewards.len())  # fmt: skip
    made = [id_column(table, "item_id", needed=True), rewards.fill_null(float("nan"))]
    made += [id_column(table, name, needed=name == "round_id") for name in IDS if name in present]
    if "propensity" in present:
        made.append(number_column(table, "propensity"))
    else:
        made.append(pl.Series("propensity", [None], dtype=pl.Float64).new_from_index(0, rewards.len()))
    if "timestamp" in present:
        made.append(time_column(table, "timestamp"))
    if "position" in present:
        made.append(_positions(table))
    return pl.DataFrame(made)


def _positions(table: BroughtTable) -> pl.Series:
    values = number_column(table, "position")
    wrong = values.filter((values != values.floor()) | (values < 0))
    if wrong.len():
        raise DataError("{count} of {rows} positions are no whole numbers from 0, for example {example}.",
                        count=wrong.len(), rows=values.len(), example=wrong[0])  # fmt: skip
    return values.cast(pl.Int64)


def _contexts(table: BroughtTable, named: Sequence[str] | None) -> pl.DataFrame:
    names = [n for n in table.rows.columns if n.startswith(CONTEXT)] if named is None else named
    return table.rows.select(number_or_word(table.rows[name]) for name in names)


def _actions(
    rounds: pl.DataFrame, whole: Distributions | None, candidates: Sequence[str] | None, path: Path
) -> pl.Series:  # fmt: skip
    tables = {path: rounds["item_id"]} | ({} if whole is None else {whole.path: whole.rows["item_id"]})
    if candidates is None:
        return pl.concat(list(tables.values())).unique().sort()
    known = pl.Series("item_id", list(candidates), dtype=pl.String).unique(maintain_order=True)
    for file, items in tables.items():
        strange = items.filter(~items.is_in(known.implode()))
        if strange.len():
            raise DataError(
                "{count} of {rows} rows of {file} name an item that is no candidate, for example {item}.",
                hint="Give all items that could be shown, or leave the candidates out.",
                count=strange.len(), rows=items.len(), file=file, item=repr(strange[0]),
            )  # fmt: skip
    return known


def _with_targets(
    made: LoggedRounds, columns: Sequence[str], whole: Distributions | None, facts: Sequence[Fact]
) -> LoggedRounds:  # fmt: skip
    log = made.log
    found = {
        name: TargetPolicy.of_taken(name, log, made.rounds[column].fill_null(float("nan")).to_numpy())
        for column in columns if (name := _policy_of(column))
    }  # fmt: skip
    if whole is not None:
        matrices = whole.matrices(made.rounds["round_id"], pl.Series(log.action_ids, dtype=pl.String))
        logging = whole.logging_of(matrices, log)
        if logging is not None and not log.propensities_estimated:
            log = replace(log, logging=logging)
        both = sorted(set(found) & set(matrices))
        if both:
            raise DataError("The policy {name} comes twice: as a column {column} and as distributions.",
                            name=repr(both[0]), column=repr(f"{TARGET}_{both[0]}"))  # fmt: skip
        found |= {name: TargetPolicy.of(name, log, matrix) for name, matrix in matrices.items()}
        facts = [*facts, *whole.facts]
    return LoggedRounds(log, made.rounds.drop(columns), [*facts, *made.facts], found)


def _facts(table: BroughtTable) -> list[Fact]:
    facts = []
    if table.broken:
        total = table.rows.height + table.broken
        facts.append(Fact("unreadable_lines", table.broken, share_of(table.broken, total), "amber",
                          "Lines of the file that are no rows: {value} ({share}). They are left out."))  # fmt: skip
    if table.unused:
        contexts = any(name.startswith(CONTEXT) for name in table.rows.columns)
        facts.append(
            Fact("unused_columns", len(table.unused), None, "info" if contexts else "amber",
                 "Columns of the file that are not used: {names}. What was known before the choice is read from "
                 "columns whose names start with context_.", {"names": ", ".join(table.unused)})
        )  # fmt: skip
    return facts
