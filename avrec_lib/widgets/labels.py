"""Words on widgets that follow the language of the demo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ipywidgets as widgets

from avrec_lib.strings import Language, say


@dataclass(frozen=True)
class Label:
    """A template of `strings` that an attribute of a widget shows."""

    template: str
    widget: widgets.Widget
    attribute: str
    values: Mapping[str, Any] = field(default_factory=dict)


class Labels:
    """All labels of a view, said in one language at a time."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._all: list[Label] = []

    def put(self, label: Label) -> None:
        """Say `label` now, and again whenever the language changes."""
        self._all.append(label)
        self._say(label)

    def switch(self, language: Language) -> None:
        """Say all labels in `language`."""
        self.language = language
        for label in self._all:
            self._say(label)

    def _say(self, label: Label) -> None:
        setattr(label.widget, label.attribute, say(label.template, self.language, **label.values))
