"""What `avrec evaluate` prints: the card, the means, the differences, in a terminal's width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from avrec_lib.cli.run_files import print_table
from avrec_lib.strings import say

if TYPE_CHECKING:
    import polars as pl

    from avrec_lib.data.facts import Fact, Level
    from avrec_lib.data.split import Split
    from avrec_lib.evaluate.protocol_card import ProtocolCard

COLOURS: dict[Level, str | None] = {"red": "red", "amber": "yellow", "info": None}


def print_split(splits: Sequence[Split]) -> None:
    """How the log was split and what was asked, with the fingerprints that tell two splits apart."""
    from avrec_lib.data.split_words import split_in_words

    for note in split_in_words(splits):
        typer.echo(note.text().replace("**", ""))
    prints = [split.fingerprints() for split in splits]
    split, truth = (" ".join(one[name] for one in prints) for name in ("split", "truth"))
    typer.echo(say("Fingerprints: training rows {split}, answers {truth}.", split=split, truth=truth))


def print_card(card: ProtocolCard, *, stops: bool) -> None:
    """Every line that is not green, worst first, and the card in one sentence; a card that stops says red itself."""
    for fact in (*(() if stops else card.at("red")), *card.at("amber")):
        _print_fact(fact)
    if not stops:
        typer.echo(typer.style(card.summary.explanation(), bold=True))


def print_facts(title: str, facts: Sequence[Fact]) -> None:
    """What was odd in a file, under its name; nothing when nothing was."""
    if odd := [fact for fact in facts if fact.value]:
        typer.echo(typer.style(title, bold=True))
        for fact in odd:
            typer.echo("  " + typer.style(fact.explanation(), fg=COLOURS[fact.level]))


def _print_fact(fact: Fact) -> None:
    from avrec_lib.evaluate.protocol_card.card import LEVEL_WORDS, name_of, reading

    mark = typer.style(say(LEVEL_WORDS[fact.level]), fg=COLOURS[fact.level], bold=fact.level == "red")
    typer.echo(f"{mark}  {name_of(fact)}: {reading(fact)}")
    typer.echo("     " + fact.explanation())


def print_means(title: str, summary: pl.DataFrame) -> None:
    """A row a metric, a column a system: mean [low, high]; then n and the queries without a value."""
    from avrec_lib.evaluate.metric import metric_label
    from avrec_lib.report.tables import with_interval

    typer.echo(typer.style(title, bold=True))
    keys = summary.select("metric", "k").unique(maintain_order=True).rows()
    models = summary["model"].unique(maintain_order=True).to_list()
    of = {(row["model"], row["metric"], row["k"]): row for row in summary.iter_rows(named=True)}
    columns = {say("Metric"): [metric_label(*key) for key in keys]}
    for model in models:
        rows = [of[model, *key] for key in keys]
        columns[model] = [with_interval(row["value"], row["low"], row["high"], 4) for row in rows]
    columns["n"] = [f"{max(of[model, *key]['n'] for model in models):,}" for key in keys]
    columns[say("Undefined")] = [f"{max(of[model, *key]['undefined'] for model in models):,}" for key in keys]
    print_table(columns)


def print_differences(differences: pl.DataFrame) -> None:
    """A row a pair and metric, then a sentence a pair: what the first metric means, and what a row does not explain."""
    from avrec_lib.evaluate.metric import metric_label
    from avrec_lib.evaluate.verdicts import asks_for_words, verdict_sentence
    from avrec_lib.report.tables import with_interval

    rows = differences.to_dicts()
    typer.echo(
        typer.style(say("Differences, paired by query (95 % bootstrap over users; p corrected by Holm)"), bold=True)
    )
    print_table(
        {say("Pair"): [f"{row['model']} − {row['baseline']}" for row in rows],
         say("Metric"): [metric_label(row["metric"], row["k"]) for row in rows],
         say("Difference"): [with_interval(row["difference"], row["low"], row["high"], 4) for row in rows],
         "p": [_p_value(row["p_adjusted"]) for row in rows],
         "n": [f"{row['n']:,}" for row in rows],
         say("Verdict"): [say(row["verdict"]) for row in rows]}
    )  # fmt: skip
    first = rows[0]["metric"], rows[0]["k"]
    for row in rows:
        if (row["metric"], row["k"]) == first or asks_for_words(row):
            template, values = verdict_sentence(row)
            typer.echo(say(template, **values).replace("**", ""))


def _p_value(p_value: float | None) -> str:
    from avrec_lib.report.tables import number

    return "< 0.001" if p_value is not None and p_value < 0.001 else number(p_value)
