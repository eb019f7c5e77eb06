"""`avrec evaluate`: recommendations of any system, judged without a notebook."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avrec_lib.cli import data_split
from avrec_lib.strings import say

if TYPE_CHECKING:
    import polars as pl

    from avrec_lib.data.dataset import Dataset
    from avrec_lib.data.facts import Fact
    from avrec_lib.data.split import Split
    from avrec_lib.evaluate.protocol_card import ProtocolCard
    from avrec_lib.evaluate.requirement import Outcome
    from avrec_lib.evaluate.systems import System
    from avrec_lib.evaluate.trial import Trial

METRICS = "ndcg,recall,hit_rate"
# What may be red in a file of lists (`evaluate.bring_facts`); the lines of the card name themselves.
RED_IN_A_FILE = ("rows_without_ids", "known_users_without_list", "short_lists", "unknown_items", "places_of_seen_items",
                 "places_of_no_candidates")  # fmt: skip

Files = Annotated[list[Path], typer.Argument(
    metavar="RECS…", help="Parquet, CSV, TSV or JSON lines: item_id, query_id or user_id, rank or score.",
)]  # fmt: skip
Bars = Annotated[list[str] | None, typer.Option(
    metavar="METRIC@K=LEAST", help="Leave with 1 when the mean is lower; may be repeated.",
)]  # fmt: skip
LowBars = Annotated[list[str] | None, typer.Option(
    metavar="METRIC@K=LEAST",
    help="Leave with 1 when the lower end of the mean's 95 % interval is lower. At the bar a mean passes by luck every "
    "other time, its lower end about one time in forty. May be repeated.",
)]  # fmt: skip
Accepted = Annotated[list[str] | None, typer.Option(
    "--accept-red", metavar="NAME,…", help="Go on although these lines are red; all: whatever is red.",
)]  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Register the verb of this file."""
    app.command("evaluate")(evaluate)


def evaluate(
    files: Files,
    data: Annotated[str, typer.Option("--data", metavar="NAME", help="A data set in data/.")],
    method: data_split.Method = "auto",
    test_share: data_split.TestShare = 0.2,
    min_value: data_split.MinValue = None,
    k_core: data_split.KCore = 0,
    tie_rule: data_split.TieRuleName = "file_order",
    exclude_seen: data_split.ExcludeSeen = True,
    windows: data_split.Windows = 4,
    tie_orders: data_split.TieOrders = 4,
    graded: data_split.Graded = False,
    seed: data_split.Seed = 0,
    k: Annotated[str, typer.Option("--k", metavar="K,…", help="Lengths of the lists that are judged.")] = "10",
    metrics: Annotated[str, typer.Option(metavar="NAME,…", help="ndcg, recall, precision, hit_rate, mrr, …")] = METRICS,
    fail_under: Bars = None,
    fail_under_low: LowBars = None,
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples behind each interval.")] = 2000,
    accept_red: Accepted = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts: one JSON object on standard output.")] = False,
) -> int:
    """Judge files of recommendations under the protocol card, beside popularity: means, differences, verdicts.

    Of two files the first is the old system and the second the new one; --fail-under and --fail-under-low
    are then asked of the new one.
    """
    from avrec_lib.cli import evaluate_words as words
    from avrec_lib.data.opening import open_dataset
    from avrec_lib.evaluate.compare import pairwise_differences, summarise
    from avrec_lib.evaluate.protocol_card import protocol_card
    from avrec_lib.evaluate.protocol_card.card import accepted_names
    from avrec_lib.evaluate.requirement import hold, read_requirements
    from avrec_lib.evaluate.trial import all_queries, lists_by_model

    cuts, names = _cuts(k), _names(metrics)
    requirements = [
        *read_requirements(fail_under or (), names, cuts),
        *read_requirements(fail_under_low or (), names, cuts, of="low"),
    ]
    accept = accepted_names([name.strip() for text in accept_red or () for name in text.split(",")], RED_IN_A_FILE)
    options = {
        "test_share": test_share, "min_value": min_value, "exclude_seen": exclude_seen, "k_core": k_core,
        "tie_rule": tie_rule, "windows": windows, "tie_orders": tie_orders, "graded": graded, "seed": seed,
    }  # fmt: skip
    dataset = open_dataset(data)
    splits = data_split.make_splits(dataset, method, options)
    trials, systems = _trials(dataset, splits, files, max(cuts))
    card = protocol_card(splits, events=dataset.events, ranked=lists_by_model(trials), k=cuts[0], seed=seed)
    red = {*card.red_names, *(fact.name for system in systems for fact in system.facts if fact.level == "red")}
    stops = "all" not in accept and not red <= accept
    if not as_json:
        words.print_split(splits)
        words.print_card(card, stops=stops and not set(card.red_names) <= accept)
        for system in systems:
            words.print_facts(f"{system.model} ({system.path})", system.facts)
    if as_json and stops:  # a script must be able to tell a red card from a bar that was missed
        _print_json(_as_json(dataset, splits, card, systems))
    if stops:
        _stop_on_red(card, systems, accept, ",".join(sorted(red)))
    values = _values(trials, cuts, names)
    parts = {"known": all_queries(splits), "new": all_queries(splits, known=False)}
    of_users = {kind: values.join(asked, on=["window", "query_id"], how="semi") for kind, asked in parts.items()}
    of_users = {kind: rows for kind, rows in of_users.items() if rows.height}
    summaries = {kind: summarise(rows, resamples=resamples, seed=seed) for kind, rows in of_users.items()}
    main = next(iter(of_users))
    differences = pairwise_differences(of_users[main], decides=(names[0], cuts[0]), resamples=resamples, seed=seed)
    asked_of = [system.model for system in systems[min(1, len(systems) - 1) :]]
    outcomes = [hold(bar, summaries[main], model) for bar in requirements for model in asked_of]
    if as_json:
        _print_json(_as_json(dataset, splits, card, systems) | {
            "results": [{"users_are": kind} | row for kind, table in summaries.items() for row in table.to_dicts()],
            "differences": differences.to_dicts(),
            "requirements": [_bar(one) for one in outcomes],
        })  # fmt: skip
    else:
        titles = {"known": say("Users known from training"), "new": say("New users")}
        for kind, summary in summaries.items():
            words.print_means(titles[kind], summary)
        words.print_differences(differences)
    for outcome in outcomes:
        typer.echo(typer.style(outcome.note().text(), fg="green" if outcome.met else "red"), err=as_json)
    return 0 if all(outcome.met for outcome in outcomes) else 1


def _trials(
    dataset: Dataset, splits: Sequence[Split], files: Sequence[Path], depth: int
) -> tuple[list[Trial], list[System]]:
    """Popularity first, then the files in their order, each on every window."""
    from avrec_lib.evaluate.systems import bring_systems, catalogue_of
    from avrec_lib.evaluate.trial import run_trials
    from avrec_lib.models import Popularity

    # Before any model is trained: what is wrong with a file should be said at once.
    systems = bring_systems(files, splits, catalogue=catalogue_of(dataset), k=depth, taken=[Popularity.name])
    items = dataset.items.collect()
    ours = run_trials([Popularity()], splits, depth, items=items if items.height else None)
    return [*ours, *(trial for system in systems for trial in system.trials)], systems


def _stop_on_red(card: ProtocolCard, systems: Sequence[System], accept: Collection[str], red: str) -> None:
    """Raise ProtocolError for a red card, and for a file in which something is red that is not in `accept`.

    `red` names all that would have to be accepted, in the card and in the files: no one should have to ask twice.
    """
    from avrec_lib.errors import ProtocolError

    try:
        card.stop([name for name in accept if name not in RED_IN_A_FILE])
    except ProtocolError as error:
        raise ProtocolError(
            error.message, reasons=error.reasons, **error.values | {"accept": red},
            hint="Take another split, clean the log first (avrec data clean), or go on with --accept-red {accept}.",
        ) from None  # fmt: skip
    for system in systems:
        misleading = [fact for fact in system.facts if fact.level == "red" and fact.name not in accept]
        if misleading:
            raise ProtocolError(
                "The lists of {model} in {file} would mislead.",
                hint="Mend the file, or go on with --accept-red {accept}.",
                reasons=[(fact.name, fact.template, fact.words) for fact in misleading],
                model=system.model, file=system.path, accept=red,
            )  # fmt: skip


def _values(trials: Sequence[Trial], cuts: Sequence[int], metrics: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    return pl.concat(trial.values(k=cuts, metrics=metrics) for trial in trials)


def _cuts(text: str) -> list[int]:
    from avrec_lib.errors import UsageError
    from avrec_lib.evaluate.lists import check_k

    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise UsageError("k is one or more whole numbers from 1, not {k}.", k=repr(text))
    cuts = list(dict.fromkeys(int(word) for word in words))
    check_k(max(cuts))
    return cuts


def _names(text: str) -> list[str]:
    from avrec_lib.errors import unknown_name
    from avrec_lib.evaluate.ranking import METRICS as KNOWN

    names = list(dict.fromkeys(word.strip().lower() for word in text.split(",")))
    for name in names:
        if name not in KNOWN:
            raise unknown_name("metric", name, KNOWN)
    return names


def _as_json(
    dataset: Dataset, splits: Sequence[Split], card: ProtocolCard, systems: Sequence[System]
) -> dict[str, Any]:
    """What is known before anything is measured: split, card, and how the files were read."""
    return data_split.split_card(dataset, splits) | {
        "card": {"level": _word(card.level), "lines": [_line(fact) for fact in card.facts]},
        "systems": [
            {"model": system.model, "file": str(system.path), "facts": [_line(fact) for fact in system.facts]}
            for system in systems
        ],
    }


def _bar(outcome: Outcome) -> dict[str, Any]:
    bar = outcome.requirement
    return {"name": bar.name, "of": bar.of, "least": bar.least, "model": outcome.model, "value": outcome.value,
            "low": outcome.low, "high": outcome.high, "n": outcome.n, "met": outcome.met}  # fmt: skip


def _print_json(found: dict[str, Any]) -> None:
    typer.echo(json.dumps(found, indent=1, ensure_ascii=False))


def _line(fact: Fact) -> dict[str, Any]:
    return {"name": fact.name, "level": _word(fact.level), "value": fact.value, "share": fact.share,
            "explanation": fact.explanation()}  # fmt: skip


def _word(level: str) -> str:
    return "green" if level == "info" else level
