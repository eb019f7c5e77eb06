"""What the demo of a test writes beside its figure, as HTML: the light, the verdicts, the plan, many such tests."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from avrec_lib.data.facts import Level
from avrec_lib.evaluate.experiment.decide import WORDS
from avrec_lib.strings import Language, say
from avrec_lib.widgets.experiment_many import TESTS
from avrec_lib.widgets.experiment_state import ExperimentState
from avrec_lib.widgets.experiment_verdicts import Reader, Verdict, percent

READERS: dict[Reader, str] = {
    "fixed": "Fixed test, read once",
    "peeking": "Fixed test, peeked at",
    "sequential": "Confidence sequence, read every day",
}
COLOURS: dict[Reader, str] = {"fixed": "#D55E00", "peeking": "#CC79A7", "sequential": "#0072B2"}
LIGHTS: dict[Level | None, tuple[str, str, str]] = {
    "red": ("✗", "#C62828", "Red: no effect may be read"),
    "amber": ("!", "#B07D00", "Amber: read with care"),
    "info": ("✓", "#00815E", "Green: the arms can be compared"),
    None: ("–", "#6F6B64", "Off: no user has come yet"),
}
_CARD = Markup(
    '<div style="border:1px solid #a8a49c;border-left:6px solid {colour};padding:4px 10px;margin:0 0 8px;'
    'line-height:1.35;overflow-wrap:anywhere"><div style="font-size:85%;opacity:.8">{title}</div>{body}</div>'
)
_LINE = Markup('<div style="font-size:90%">{}</div>')
_DOT = Markup(
    '<span aria-hidden="true" style="display:inline-block;width:1.5em;height:1.5em;line-height:1.5em;border-radius:50%;'
    'text-align:center;color:#fff;font-weight:bold;margin-right:.5em;background:{}">{}</span><b>{}</b>'
)
_ROW = Markup('<tr><th scope="row" style="text-align:left;font-weight:normal;white-space:nowrap">{}</th>{}</tr>')
_CELL = Markup('<td style="padding:2px 8px;text-align:right;white-space:nowrap">{}</td>')
_BAR = Markup(
    '<div style="width:64px;display:inline-block;background:rgba(128,128,128,.18);vertical-align:middle;'
    'margin-right:6px"><div style="width:{width}%;height:11px;background:{colour}"></div></div>'
    '<span style="display:inline-block;min-width:3.8em">{text}</span>'
)


def light_card(state: ExperimentState, language: Language) -> str:
    """The refusal light, and the sentences of its checks."""
    icon, colour, words = LIGHTS[state.light()]
    lines = [fact.explanation(language) for fact in state.checks()]
    body = _DOT.format(colour, icon, say(words, language)) + _lines(lines)
    return str(_CARD.format(colour=colour, title=say("Refusal light", language), body=body))


def verdict_card(reader: Reader, verdict: Verdict | None, language: Language) -> str:
    """What a reader says today and why; that nothing has begun where there is no verdict."""
    if verdict is None:
        body = Markup("<b>{}</b>").format(say("Not begun", language))
    else:
        truth = Markup("<em>{}</em>").format(verdict.truth.text(language)) if verdict.truth else ""
        body = Markup('<b style="font-size:115%">{}</b>').format(say(WORDS[verdict.decision], language))
        body += _lines([*(note.text(language) for note in verdict.reasons), *filter(None, [truth])])
    return str(_CARD.format(colour=COLOURS[reader], title=say(READERS[reader], language), body=body))


def plan_card(state: ExperimentState, language: Language) -> str:
    """What the plan promises before the test."""
    found, settings = state.outlook(), state.settings
    lines = [say("{users:,} users of both arms in {days} days. With a chance of 80 % they show an effect of {least} or "
                 "more.", language, users=found.users, days=settings.planned_days,
                 least=percent(float(f"{found.detectable:.3g}")).lstrip("+"))]  # fmt: skip
    smallest = percent(settings.smallest_effect).lstrip("+")
    if found.needed is None:
        lines.append(say("Without a smallest effect that counts no plan can say how many users it takes.", language))
    else:
        lines.append(say("The chance to find {smallest}, the smallest effect that counts: {power}.", language,
                         smallest=smallest, power=_share(found.power)))  # fmt: skip
        lines.append(say("For 80 % it takes {users:,} users, {days:,} days; the sequence, watched and stopped, at most "
                         "{more:,} users, {later:,} days.", language, users=found.needed.users, days=found.days,
                         more=found.needed.sequential_users, later=found.sequential_days))  # fmt: skip
    if found.true_power is None:
        lines.append(say("The true effect is 0: whatever a test finds is a false alarm.", language))
    else:
        lines.append(say("The chance to find the true effect, {effect}, which nobody knows: {power}.", language,
                         effect=percent(settings.effect), power=_share(found.true_power)))  # fmt: skip
    return str(_CARD.format(colour="#6F6B64", title=say("Before the test", language), body=_lines(lines)))


def many_card(state: ExperimentState, language: Language) -> str:
    """How often each way of reading claims an effect in many such tests."""
    heads = ("", "finds the effect", "false alarm", "days until it speaks")
    head = Markup("").join(
        Markup('<th scope="col" style="padding:2px 8px;text-align:right;font-weight:normal;opacity:.8">{}</th>').format(
            say(words, language) if words else ""
        )
        for words in heads
    )
    rows = Markup("").join(
        _ROW.format(
            say(READERS[row["reader"]], language),
            Markup("").join(map(_CELL.format, (
                _bar(row["found"], COLOURS[row["reader"]]) if state.settings.effect else "–",
                _bar(row["false"], COLOURS[row["reader"]]), f"{row['days']:.1f}",
            ))),
        )
        for row in state.many().iter_rows(named=True)
    )  # fmt: skip
    refused = say("The light is red at the end of {share} of them.", language,
                  share=_share(state.many()["refused"][0]))  # fmt: skip
    table = Markup('<table style="border-collapse:collapse;font-size:90%"><thead><tr>{}</tr></thead><tbody>{}</tbody>'
                   "</table>").format(head, rows)  # fmt: skip
    title = say("What if there were {tests} such tests?", language, tests=TESTS)
    obeyed = say("Both that obey the light claim nothing while it is red.", language)
    return str(_CARD.format(colour="#6F6B64", title=title, body=table + _lines([f"{refused} {obeyed}"])))


def heading(words: str) -> str:
    """The head of a group of controls, escaped."""
    return str(Markup('<b style="opacity:.8">{}</b>').format(words))


def _lines(lines: Sequence[str]) -> Markup:
    return Markup("").join(map(_LINE.format, lines))


def _bar(share: float, colour: str) -> Markup:
    return _BAR.format(width=f"{100 * share:.1f}", colour=colour, text=_share(share))


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}".replace("%", " %")
