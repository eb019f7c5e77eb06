"""What a reader must know before any number: checks with their level, and the banner over a run that ignored one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from avrec_lib.data.facts import LEVELS, Fact, in_percent
from avrec_lib.report.display import BANNER_MIME, HEADLINE_CLASS, emit, in_current_language
from avrec_lib.report.tables import NOTHING
from avrec_lib.report.words import both, paired, plain
from avrec_lib.strings import LANGUAGES, say

ICONS = {"red": "✗", "amber": "!", "info": "✓"}
WORDS = {"red": "would mislead", "amber": "read with care", "info": "fine"}
COLOURS = {"red": "#C62828", "amber": "#B07D00", "info": "#009E73"}  # by hand; the report has its own


def show_checks(facts: Iterable[Fact], caption: str = "", *, headline: bool = False, **values: Any) -> None:
    """Display checks as a table, worst first: level (icon, word and colour), name, and a sentence each.

    What is fine stands behind a fold. `caption` is a template filled with `values`; with `headline` the checks that
    are not fine stand at the top of the report too.
    """
    ordered = sorted(facts, key=lambda fact: LEVELS.index(fact.level))
    fine = [fact for fact in ordered if fact.level == "info"]
    serious = ordered[: len(ordered) - len(fine)]
    counts: dict[str, Any] = {level: sum(fact.level == level for fact in ordered) for level in LEVELS} | {
        "total": len(ordered)
    }
    template = "Checks: {red:,} would mislead, {amber:,} to be read with care, {info:,} fine."
    spoken, html = [*map(_line, serious)], _rows(serious)
    # Of one kind alone a count of the others would read as if there were none.
    if len({fact.level for fact in ordered}) != 1:
        spoken.insert(0, in_current_language(template, counts))
        html = Markup('<p class="avrec-summary">{}</p>{}').format(both(template, only_current=True, **counts), html)
    if caption:
        spoken.insert(0, in_current_language(caption, values))
        title = both(caption, only_current=True, **values)
        html = Markup('<div class="avrec-caption avrec-above">{}</div>{}').format(title, html)
    kind = f"avrec-checks {HEADLINE_CLASS}" if headline and serious else "avrec-checks"
    emit({"text/html": Markup('<div class="{}">{}</div>').format(kind, html), "text/plain": "\n".join(spoken)})
    if fine:
        label = both("Checks that are fine: {count:,}", count=len(fine), only_current=True)
        fold = Markup('<details class="avrec-fold"><summary>{}</summary><div class="avrec-checks">{}</div></details>')
        emit({"text/html": fold.format(label, _rows(fine)), "text/plain": "\n".join(map(_line, fine))})


def show_checks_side_by_side(facts: Mapping[str, Iterable[Fact]], caption: str = "", **values: Any) -> None:
    """Display the level of each check (a row) for each name of `facts` (a column): a split, a data set.

    A dash where a check was not made; of several facts of one check the worst. `caption` is a template filled with
    `values`.
    """
    columns = {name: _worst_of_each(made) for name, made in facts.items()}
    worst: dict[str, int] = {}
    for fact in (fact for made in columns.values() for fact in made.values()):
        worst[fact.name] = min(LEVELS.index(fact.level), worst.get(fact.name, len(LEVELS)))
    marks = {
        check: [_mark(made.get(check)) for made in columns.values()] for check in sorted(worst, key=worst.__getitem__)
    }
    cell = Markup('<td style="text-align:left">{}</td>')
    rows = Markup("\n").join(
        Markup('<tr><th scope="row" style="text-align:left">{}</th>{}</tr>').format(
            _named(check), Markup("").join(cell.format(mark) for mark in line)
        )
        for check, line in marks.items()
    )
    head = Markup("").join(Markup('<th style="text-align:left">{}</th>').format(name) for name in columns)
    html = Markup(
        '<div class="avrec-scroll"><table class="avrec-table"><thead><tr><th></th>{}</tr></thead>'
        "<tbody>\n{}\n</tbody></table></div>"
    ).format(head, rows)
    spoken = []
    if caption:
        spoken.append(in_current_language(caption, values))
        title = both(caption, only_current=True, **values)
        html = Markup('<div class="avrec-caption avrec-above">{}</div>{}').format(title, html)
    for check in marks:
        levels = [f"{name} {ICONS[made[check].level]}" for name, made in columns.items() if check in made]
        spoken.append(f"{check}: {', '.join(levels)}")
    emit({"text/html": html, "text/plain": "\n".join(spoken)})


def _worst_of_each(facts: Iterable[Fact]) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for fact in facts:
        known = found.get(fact.name)
        if known is None or LEVELS.index(fact.level) < LEVELS.index(known.level):
            found[fact.name] = fact
    return found


def banner(template: str, /, **values: Any) -> None:
    """Display a warning that nobody can miss: on top of the report, in the index of reports, and where it is called.

    It is for what makes every number of a run doubtful: a check that would mislead, and somebody went on.
    """
    html = Markup(
        '<div class="avrec-banner" style="border:2px solid #C62828;border-left-width:12px;padding:.5em 1em">'
        "<strong>⚠ {}</strong></div>"
    ).format(both(template, only_current=True, **values))
    plainly = f"⚠ {in_current_language(template, values)}"
    texts = {language: plain(template, language, **values) for language in LANGUAGES}
    emit({"text/html": html, "text/plain": plainly, BANNER_MIME: texts})


def _rows(facts: Sequence[Fact]) -> Markup:
    rows = Markup("\n").join(
        Markup(
            '<tr class="avrec-{level}"><th scope="row" style="text-align:left">'
            '<span class="avrec-chip" style="white-space:nowrap;color:{colour}">{icon} {word}</span><br>'
            '<span class="avrec-check">{name}</span></th><td style="text-align:left">{sentence}</td></tr>'
        ).format(
            level=fact.level, colour=COLOURS[fact.level], icon=ICONS[fact.level], name=_named(str(fact.name)),
            word=both(WORDS[fact.level], only_current=True),
            sentence=both(fact.template, only_current=True, **fact.words),
        )
        for fact in facts
    )  # fmt: skip
    return Markup('<table class="avrec-table"><tbody>\n{}\n</tbody></table>').format(rows) if facts else Markup("")


def _mark(fact: Fact | None) -> Markup | str:
    if fact is None:
        return NOTHING
    return Markup('<span class="avrec-mark avrec-{}" style="color:{}" title="{}">{}</span>\u00a0{}').format(
        fact.level, COLOURS[fact.level], fact.explanation(), ICONS[fact.level],
        "" if fact.share is None else in_percent(fact.share).replace(" ", "\u00a0"),
    )  # fmt: skip


def _named(check: str) -> Markup:
    """The name of a check to read; its translation goes by the name as the code has it."""
    return paired({language: say(check, language).replace("_", " ") for language in LANGUAGES}, only_current=True)


def _line(fact: Fact) -> str:
    return f"{ICONS[fact.level]} {say(WORDS[fact.level])} · {plain(fact.template, **fact.words)}"
