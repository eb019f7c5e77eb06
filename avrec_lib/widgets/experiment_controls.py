"""The sliders of the demo of a test: one for each field of `Settings`."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from avrec_lib.strings import Language, say
from avrec_lib.widgets.experiment_settings import BOUNDS, PEEKING, TRAFFIC, Settings
from avrec_lib.widgets.labels import Label, Labels

WORLD = ("effect", "sd", "lost", "peeking")
PLAN = ("users_a_day", "planned_days", "smallest_effect", "alpha")
SLIDERS = {
    "effect": "True effect",
    "sd": "Noise",
    "lost": "Lost users",
    "peeking": "Peeking",
    "users_a_day": "Users a day",
    "planned_days": "Planned days",
    "smallest_effect": "Smallest effect",
    "alpha": "Alpha",
}
HINTS = {
    "effect": "What B really does, as a share of A's mean; nobody knows it",
    "sd": "Standard deviation of a user, in means of A",
    "lost": "A broken assignment: this share of B never arrives, those who would have done least",
    "peeking": "How often somebody looks at the fixed interval, to stop once 0 is outside",
    "users_a_day": "New users of both arms together",
    "planned_days": "Days until the planned end",
    "smallest_effect": "The smallest effect that counts, as a share of A's mean",
    "alpha": "How often a test may find what is not there",
}
STEPS = {"effect": 0.0025, "sd": 0.1, "lost": 0.005, "planned_days": 1, "smallest_effect": 0.0025, "alpha": 0.01}
FORMATS = {"effect": "+.2%", "sd": ".1f", "lost": ".1%", "smallest_effect": ".2%", "alpha": ".2f"}


def make_sliders(settings: Settings, labels: Labels) -> dict[str, widgets.Widget]:
    """All sliders at `settings`, labelled; each speaks while it is dragged."""
    sliders = {name: _slider(name, getattr(settings, name), labels.language) for name in SLIDERS}
    for name, slider in sliders.items():
        labels.put(Label(SLIDERS[name], slider, "description"))
        labels.put(Label(HINTS[name], slider, "tooltip"))
    return sliders


def peeking_options(language: Language) -> list[tuple[str, str]]:
    """What the slider for peeking offers, in words and as the settings have it."""
    return [(say(way, language), way) for way in PEEKING]


def exact(value: Any) -> Any:
    """The value of a slider without what binary fractions add to it."""
    return round(value, 4) if isinstance(value, float) else value


def _slider(name: str, value: Any, language: Language) -> widgets.Widget:
    look = {
        "layout": widgets.Layout(width="auto"), "style": {"description_width": "110px"}, "continuous_update": True,
    }  # fmt: skip
    if name == "peeking":
        return widgets.SelectionSlider(options=peeking_options(language), value=value, **look)
    if name == "users_a_day":
        stops = sorted({*TRAFFIC, value})
        return widgets.SelectionSlider(options=[(f"{stop:,}", stop) for stop in stops], value=value, **look)
    low, high = BOUNDS[name]
    if name == "planned_days":
        return widgets.IntSlider(min=int(low), max=int(high), value=value, **look)
    return widgets.FloatSlider(
        min=low, max=high, step=STEPS[name], value=value, readout_format=FORMATS[name], **look
    )  # fmt: skip
