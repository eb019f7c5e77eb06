"""The demo of a test as widgets: it shows an `ExperimentState` and hands it what people do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from avrec_lib.errors import AvrecError
from avrec_lib.strings import LANGUAGES, Language, current_language, say
from avrec_lib.widgets.cards import status
from avrec_lib.widgets.experiment_cards import heading, light_card, many_card, plan_card, verdict_card
from avrec_lib.widgets.experiment_controls import PLAN, WORLD, exact, make_sliders, peeking_options
from avrec_lib.widgets.experiment_figure import ExperimentFigure
from avrec_lib.widgets.experiment_state import ExperimentState
from avrec_lib.widgets.experiment_verdicts import READERS
from avrec_lib.widgets.labels import Label, Labels
from avrec_lib.widgets.view import NAMES

BUTTONS = {
    "forward": "Next day",
    "run_to_end": "Run to the end",
    "stop": "Stop now",
    "new_test": "Another test",
}
HINTS = {
    "forward": "Let one more day pass",
    "run_to_end": "Let all days pass up to the planned end",
    "stop": "End the test today, before its planned end",
    "new_test": "The same plan in the same world, from the start, with other users",
}
GROUPS = {"The world, which nobody knows": WORLD, "Your plan": PLAN}


class ExperimentView:
    """All controls, the figure and the cards of a test; `widget` is what a notebook displays."""

    def __init__(self, state: ExperimentState, language: Language | None = None) -> None:
        self.state = state
        self.labels = labels = Labels(language or current_language())
        self._is_showing = False
        self.buttons = {name: widgets.Button(layout=widgets.Layout(width="auto")) for name in BUTTONS}
        for name, button in self.buttons.items():
            labels.put(Label(BUTTONS[name], button, "description"))
            labels.put(Label(HINTS[name], button, "tooltip"))
        self.language = widgets.Dropdown(
            options=[(NAMES[one], one) for one in LANGUAGES], value=labels.language,
            layout=widgets.Layout(width="190px"), style={"description_width": "80px"},
        )  # fmt: skip
        labels.put(Label("Language", self.language, "description"))
        self.sliders = make_sliders(state.settings, labels)
        self.status, self.light, self.plan, self.many = (widgets.HTML() for _ in range(4))
        self.cards = {reader: widgets.HTML() for reader in READERS}
        self.groups = {words: widgets.HTML() for words in GROUPS}
        self.figure = ExperimentFigure(state, labels.language)
        self._listen()
        self.widget = self._arrange()
        self.refresh()

    def refresh(self) -> None:
        """Let every control, the figure and the cards say what the state says."""
        self._is_showing = True
        language, state = self.labels.language, self.state
        for name, slider in self.sliders.items():
            # Written back only where it differs: an answer to a key would undo the keys pressed since.
            if exact(slider.value) != getattr(state.settings, name):
                slider.value = getattr(state.settings, name)
        self.buttons["forward"].disabled = self.buttons["run_to_end"].disabled = state.is_over
        self.buttons["stop"].disabled = state.is_over or not state.day
        said = state.verdicts()
        self.light.value = light_card(state, language)
        for reader, card in self.cards.items():
            card.value = verdict_card(reader, said.get(reader), language)
        self.plan.value, self.many.value = plan_card(state, language), many_card(state, language)
        for words, head in self.groups.items():
            head.value = heading(say(words, language))
        self.figure.follow(state, language)
        self._is_showing = False

    def _act(self, action: Callable[..., None], **values: Any) -> None:
        """Do `action`, show what came of it, and say so."""
        language, started = self.labels.language, time.perf_counter()
        try:
            action(**values)
        except AvrecError as error:
            self.status.value = status(error.text(language), is_wrong=True)
            return
        self.refresh()
        template = "Stopped on day {day} of {days}. Answered in {milliseconds:.0f} ms."
        if not self.state.stopped:
            template = "Day {day} of {days}. Answered in {milliseconds:.0f} ms."
        text = say(
            template, language, day=self.state.day, days=self.state.settings.planned_days,
            milliseconds=1000 * (time.perf_counter() - started),
        )  # fmt: skip
        self.status.value = status(text)

    def _moved(self, name: str, value: Any) -> None:
        if not self._is_showing and exact(value) != getattr(self.state.settings, name):
            self._act(self.state.move, **{name: exact(value)})

    def _switch(self, language: Language) -> None:
        self._is_showing = True
        self.labels.switch(language)
        slider, way = self.sliders["peeking"], self.state.settings.peeking
        slider.options, slider.value = peeking_options(language), way
        self.refresh()
        self.status.value = ""

    def _listen(self) -> None:
        self.language.observe(lambda change: self._switch(change["new"]), "value")
        for name, button in self.buttons.items():
            button.on_click(lambda _, name=name: self._act(getattr(self.state, name)))
        for name, slider in self.sliders.items():
            slider.observe(lambda change, name=name: self._moved(name, change["new"]), "value")

    def _arrange(self) -> widgets.VBox:
        wrap = widgets.Layout(flex_flow="row wrap", width="100%")
        groups = [
            widgets.VBox(
                [self.groups[words], *(self.sliders[name] for name in names)],
                layout=widgets.Layout(flex="1 1 380px", min_width="340px"),
            )
            for words, names in GROUPS.items()
        ]
        side = widgets.VBox([self.light, *self.cards.values()], layout=widgets.Layout(flex="1 1 380px"))
        figure = widgets.Box([self.figure.widget], layout=widgets.Layout(flex="0 0 auto"))
        self.plan.layout.flex, self.many.layout.flex = "1 1 360px", "1 1 500px"
        return widgets.VBox([
            widgets.HBox([*self.buttons.values(), self.language], layout=wrap),
            widgets.HBox(groups, layout=wrap),
            self.status,
            widgets.HBox([figure, side], layout=wrap),
            widgets.HBox([self.plan, self.many], layout=wrap),
        ])  # fmt: skip
