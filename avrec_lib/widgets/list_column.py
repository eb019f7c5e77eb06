"""The list of one model as widgets: a heading and a fixed number of slots, each an item with its three buttons."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as widgets

from avrec_lib.strings import Language, say
from avrec_lib.widgets.cards import heading, item_card
from avrec_lib.widgets.recommendation_state import Listed

Act = Callable[[str, str], None]
"""What a slot does with an action ("like", "skip" or "less_like") and the id of its item."""
WORDS = {"like": "Like", "skip": "Skip", "less_like": "Less like this"}
SENTENCES = {
    "like": "Like {title}: it joins the choices",
    "skip": "Skip {title}: hide it",
    "less_like": "Less like {title}: hide it and lower what is similar",
}


class Slot:
    """A place of a list. Its widgets are made once, and only what they show changes."""

    def __init__(self, rank: int, act: Act, button_layout: widgets.Layout) -> None:
        self.rank, self._act, self._item_id = rank, act, ""
        self.card = widgets.HTML()
        self.buttons = {action: widgets.Button(layout=button_layout) for action in WORDS}
        for action, button in self.buttons.items():
            button.on_click(lambda _, action=action: self._act(action, self._item_id))
        row = widgets.HBox(list(self.buttons.values()), layout=widgets.Layout(flex_flow="row wrap"))
        self.widget = widgets.VBox(
            [self.card, row], layout=widgets.Layout(border_top="1px solid #a8a49c", padding="4px 0")
        )

    def hold(self, item: Listed | None, language: Language) -> None:
        """Show `item`, or nothing."""
        self.widget.layout.display = None if item else "none"
        if item is None:
            return
        self._item_id = item.item_id
        self.card.value = item_card(self.rank, item, language)
        for action, button in self.buttons.items():
            button.description = say(WORDS[action], language)
            button.tooltip = say(SENTENCES[action], language, title=item.title)


class ListColumn:
    """A model's list. `act` is called for every press of a button."""

    def __init__(self, name: str, k: int, act: Act) -> None:
        self.name = name
        self.heading = widgets.HTML()
        button_layout = widgets.Layout(width="auto", height="26px", margin="1px")
        self.slots = [Slot(rank, act, button_layout) for rank in range(1, k + 1)]
        self.widget = widgets.VBox(
            [self.heading, *(slot.widget for slot in self.slots)],
            layout=widgets.Layout(flex="1 1 210px", min_width="210px", margin="0 8px 0 0"),
        )

    def fill(self, items: Sequence[Listed], language: Language) -> None:
        """Show `items`, and a sentence where there are none."""
        self.heading.value = heading(self.name, not items, language)
        for place, slot in enumerate(self.slots):
            slot.hold(items[place] if place < len(items) else None, language)
