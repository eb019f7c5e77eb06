"""What a demo writes, as HTML: every word that comes from data is escaped."""

from __future__ import annotations

from markupsafe import Markup

from avrec_lib.strings import Language, say
from avrec_lib.widgets.recommendation_state import Listed

_CARD = Markup(
    '<div style="line-height:1.35;overflow-wrap:anywhere"><b>{rank}. {title}</b>{year}'
    '<div style="font-size:85%;opacity:.8">{tags}</div><div style="font-size:85%"><em>{reason}</em></div></div>'
)


def item_card(rank: int, item: Listed, language: Language) -> str:
    """An item of a list: rank, title, year, tags and the reason."""
    return str(
        _CARD.format(
            rank=rank, title=item.title, year=year_of(item), tags=" · ".join(item.tags),
            reason=item.reason.text(language) if item.reason else "",
        )
    )  # fmt: skip


def heading(name: str, is_empty: bool, language: Language) -> str:
    """The head of a model's list, and a sentence in place of a list where the model has nothing to say."""
    html = Markup('<h4 style="margin:.3em 0">{}</h4>').format(name)
    if is_empty:
        html += Markup("<p>{}</p>").format(say("This model has nothing to say about these choices.", language))
    return str(html)


def status(text: str, is_wrong: bool = False) -> str:
    """A line that a screen reader speaks when it changes."""
    role = "alert" if is_wrong else "status"
    return str(Markup('<div role="{}" aria-live="polite">{}</div>').format(role, text))


def title_and_year(item: Listed) -> str:
    """An item as one line of plain text."""
    return f"{item.title}{year_of(item)}"


def year_of(item: Listed) -> str:
    """The year in brackets, after a space; nothing where it is not known."""
    return "" if item.year is None else f" ({item.year})"
