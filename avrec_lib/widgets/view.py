"""The demo of recommendations as widgets: it shows a `RecommendationState` and hands it what people do."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import ipywidgets as widgets

from avrec_lib.errors import AvrecError
from avrec_lib.strings import LANGUAGES, Language, current_language, say
from avrec_lib.widgets.cards import status, title_and_year
from avrec_lib.widgets.figures import drawings
from avrec_lib.widgets.finder import Finder, Found
from avrec_lib.widgets.labels import Label, Labels
from avrec_lib.widgets.list_column import ListColumn
from avrec_lib.widgets.live_figure import LiveFigure
from avrec_lib.widgets.recommendation_state import RecommendationState

NAMES = {"en": "English", "zh": "中文"}
SLIDERS = {
    "diversity": "Diversity",
    "novelty": "Novelty",
    "freshness": "Freshness",
    "tail_share": "Tail share",
}
HINTS = {
    "diversity": "Different from the items above",
    "novelty": "Chosen by fewer users",
    "freshness": "Newer items",
    "tail_share": "Share of the places for rarely chosen items",
}
_HISTORY_SHOWN = 50


class DemoView:
    """All controls and lists of a demo; `widget` is what a notebook displays."""

    def __init__(self, state: RecommendationState, language: Language | None = None) -> None:
        self.state = state
        self.labels = labels = Labels(language or current_language())
        self._is_showing = False
        self.status = widgets.HTML()
        self.language = widgets.Dropdown(
            options=[(NAMES[one], one) for one in LANGUAGES], value=labels.language,
            layout=widgets.Layout(width="190px"), style={"description_width": "80px"},
        )  # fmt: skip
        self.undo, self.reset, self.newcomer, self.remove = (
            widgets.Button(layout=widgets.Layout(width="auto")) for _ in range(4)
        )
        self.users = Finder(
            labels, self._find_users, partial(self._act, state.pick_user), field="Find a user", found="Users",
            button="Be this user",
        )  # fmt: skip
        self.titles = Finder(
            labels, self._find_titles, partial(self._act, state.like), field="Find a title", found="Titles",
            button="Add to the choices",
        )  # fmt: skip
        self.history = widgets.Select(rows=8, layout=widgets.Layout(width="auto"), style={"description_width": "90px"})
        self.sliders = {name: self._slider() for name in SLIDERS}
        self.sliders["freshness"].disabled = not state.facts.has_ages
        self.columns = {name: ListColumn(name, state.k, self._press) for name in state.models}
        self.figures = [LiveFigure(drawing, state, labels.language) for drawing in drawings(state)]
        self._label()
        self._listen()
        self.widget = self._arrange()
        self.refresh()

    def refresh(self) -> None:
        """Let every control and list say what the state says."""
        self._is_showing = True
        language, visit = self.labels.language, self.state.visit
        for name, items in self.state.lists().items():
            self.columns[name].fill(items, language)
        for name, slider in self.sliders.items():
            slider.value = getattr(visit.sliders, name)
        latest = self.state.history(_HISTORY_SHOWN)
        self.history.options = [(title_and_year(item), item.item_id) for item in latest]
        self.history.index = 0 if latest else None
        self.remove.disabled, self.undo.disabled = not latest, not self.state.can_undo
        for figure in self.figures:
            figure.follow(self.state, language)
        self._is_showing = False

    def _act(self, action: Callable[..., None], *values: str, **named: float) -> None:
        """Do `action`, show what came of it, and say so."""
        language, started = self.labels.language, time.perf_counter()
        before = {name: set(places.tolist()) for name, places in self.state.places().items()}
        try:
            action(*values, **named)
        except AvrecError as error:
            self.status.value = status(error.text(language), is_wrong=True)
            return
        after = self.state.places()
        changed = sum(place not in before[name] for name, places in after.items() for place in places.tolist())
        self.refresh()
        text = say(
            "{who}, {choices:,} choices. {changed} of {places} listed items are new. Answered in {milliseconds:.0f} "
            "ms.", language, who=self._who(), choices=len(self.state.visit.history), changed=changed,
            places=sum(map(len, after.values())), milliseconds=1000 * (time.perf_counter() - started),
        )  # fmt: skip
        self.status.value = status(text)

    def _who(self) -> str:
        user_id = self.state.visit.user_id
        return (
            say("User {user}", self.labels.language, user=user_id)
            if user_id
            else say("A new user", self.labels.language)
        )

    def _press(self, action: str, item_id: str) -> None:
        self._act(
            {"like": self.state.like, "skip": self.state.skip, "less_like": self.state.less_like}[action], item_id
        )

    def _moved(self, name: str, value: float) -> None:
        if not self._is_showing:
            self._act(self.state.move, **{name: round(value, 2)})

    def _switch(self, language: Language) -> None:
        self.labels.switch(language)
        self.refresh()
        self.status.value = ""

    def _find_users(self, text: str) -> Found:
        return [(user_id, user_id) for user_id in self.state.find_users(text)]

    def _find_titles(self, text: str) -> Found:
        return [(title_and_year(item), item.item_id) for item in self.state.find_titles(text)]

    def _slider(self) -> widgets.FloatSlider:
        return widgets.FloatSlider(
            min=0, max=1, step=0.05, readout_format=".0%", continuous_update=False,
            layout=widgets.Layout(flex="1 1 260px", min_width="240px"), style={"description_width": "90px"},
        )  # fmt: skip

    def _label(self) -> None:
        put = self.labels.put
        put(Label("Language", self.language, "description"))
        put(Label("Undo", self.undo, "description"))
        put(Label("Take back the last action", self.undo, "tooltip"))
        put(Label("Reset", self.reset, "description"))
        put(Label("The user as picked, all sliders at 0", self.reset, "tooltip"))
        put(Label("Start as a new user", self.newcomer, "description"))
        put(Label("Forget all choices: add titles to build a new user", self.newcomer, "tooltip"))
        put(Label("Choices", self.history, "description"))
        put(Label("Remove from the choices", self.remove, "description"))
        for name, slider in self.sliders.items():
            put(Label(SLIDERS[name], slider, "description"))
            put(Label(HINTS[name], slider, "tooltip"))

    def _listen(self) -> None:
        self.language.observe(lambda change: self._switch(change["new"]), "value")
        self.undo.on_click(lambda _: self._act(self.state.undo))
        self.reset.on_click(lambda _: self._act(self.state.reset))
        self.newcomer.on_click(lambda _: self._act(self.state.new_user))
        self.remove.on_click(lambda _: self._act(self.state.forget, self.history.value))
        for name, slider in self.sliders.items():
            slider.observe(lambda change, name=name: self._moved(name, change["new"]), "value")

    def _arrange(self) -> widgets.VBox:
        wrap = widgets.Layout(flex_flow="row wrap", width="100%")
        history = widgets.VBox([self.history, self.remove], layout=widgets.Layout(flex="1 1 280px"))
        self.remove.layout.margin = "2px 2px 2px 98px"
        rows = [
            [self.newcomer, self.undo, self.reset, self.language],
            [self.users.widget, self.titles.widget, history],
            list(self.sliders.values()),
            [column.widget for column in self.columns.values()],
            [widgets.Box([figure.widget], layout=widgets.Layout(flex="0 0 auto")) for figure in self.figures],
        ]
        boxes = [widgets.HBox(row, layout=wrap) for row in rows]
        return widgets.VBox([*boxes[:3], self.status, *boxes[3:]])
