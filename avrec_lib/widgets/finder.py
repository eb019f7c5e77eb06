"""A search field over a list of what it finds, and a button that takes the marked one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from avrec_lib.widgets.labels import Label, Labels

Found = Sequence[tuple[str, str]]
"""Texts to show with the id that each stands for."""


class Finder:
    """Type, choose with the arrow keys, press the button: `take` is called with the id that is marked."""

    def __init__(
        self, labels: Labels, find: Callable[[str], Found], take: Callable[[str], None], *, field: str, found: str,
        button: str,
    ) -> None:  # fmt: skip
        """`field`, `found` and `button` are templates: what the three controls are called."""
        self._find = find
        wide = widgets.Layout(width="auto")
        self.text = widgets.Text(layout=wide, style={"description_width": "90px"})
        self.options = widgets.Select(rows=6, layout=wide, style={"description_width": "90px"})
        self.button = widgets.Button(layout=widgets.Layout(width="auto", margin="2px 2px 2px 98px"))
        labels.put(Label(field, self.text, "description"))
        labels.put(Label(found, self.options, "description"))
        labels.put(Label(button, self.button, "description"))
        self.widget = widgets.VBox([self.text, self.options, self.button], layout=widgets.Layout(flex="1 1 280px"))
        self.search()
        self.text.observe(self.search, "value")
        self.button.on_click(lambda _: take(self.options.value) if self.options.value is not None else None)

    def search(self, _: Any = None) -> None:
        """Look again for what stands in the field."""
        found = list(self._find(self.text.value))
        self.options.options = found
        self.options.index = 0 if found else None  # so that the button takes the first, unless another is marked
        self.button.disabled = not found
