"""The widgets of a test without a browser: made, and their events fired."""

from __future__ import annotations

import math

import pytest

from avrec_lib.widgets.experiment_figure import NAMES
from avrec_lib.widgets.experiment_state import ExperimentState
from avrec_lib.widgets.experiment_view import ExperimentView


@pytest.fixture
def test() -> ExperimentState:
    state = ExperimentState(seed=1)
    state.forward(6)
    return state


@pytest.fixture
def demo(test: ExperimentState) -> ExperimentView:
    return ExperimentView(test, "en")


def trace(demo: ExperimentView, name: str) -> tuple[list, list]:
    found = demo.figure.widget.data[list(NAMES).index(name)]
    return list(found.x), list(found.y)


def test_the_figure_shows_both_bands_the_truth_and_the_planned_end(demo: ExperimentView) -> None:
    assert trace(demo, "estimate")[0] == [1, 2, 3, 4, 5, 6]
    assert trace(demo, "fixed")[0] == [1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1]
    assert trace(demo, "sequence")[0] == [4, 5, 6, 6, 5, 4], "silent until a quarter of the plan is over"
    assert trace(demo, "truth") == ([0, 14], [0.02, 0.02])
    assert trace(demo, "end")[0] == [14, 14]
    assert trace(demo, "peeked")[0] == [1]
    assert trace(demo, "to_come") == ([], [])


def test_a_day_more_moves_the_figure_and_the_cards(demo: ExperimentView, test: ExperimentState) -> None:
    before = demo.cards["fixed"].value
    demo.buttons["forward"].click()
    assert test.day == 7
    assert trace(demo, "estimate")[0][-1] == 7
    assert demo.cards["fixed"].value != before
    assert "Day 7 of 14" in demo.status.value
    demo.buttons["run_to_end"].click()
    assert "<b" in demo.cards["fixed"].value
    assert "Ship" in demo.cards["fixed"].value
    assert demo.buttons["forward"].disabled
    assert demo.buttons["stop"].disabled


def test_what_would_have_come_is_shown_once_the_test_is_stopped(demo: ExperimentView) -> None:
    demo.buttons["stop"].click()
    assert trace(demo, "to_come")[0] == list(range(6, 15))
    assert "Stopped on day 6" in demo.status.value
    assert demo.buttons["forward"].disabled
    demo.buttons["new_test"].click()
    assert trace(demo, "estimate") == ([], [])
    assert "Not begun" in demo.cards["peeking"].value
    assert "Off" in demo.light.value


def test_every_slider_moves_its_setting(demo: ExperimentView, test: ExperimentState) -> None:
    moved = {
        "effect": -0.01, "sd": 2.5, "lost": 0.02, "peeking": "every week", "users_a_day": 20_000, "planned_days": 21,
        "smallest_effect": 0.005, "alpha": 0.1,
    }  # fmt: skip
    assert set(moved) == set(demo.sliders) == set(vars(test.settings))
    for name, value in moved.items():
        demo.sliders[name].value = value
        assert getattr(test.settings, name) == value
    assert test.day == 6


def test_a_value_as_a_browser_sends_it_is_not_written_back(demo: ExperimentView, test: ExperimentState) -> None:
    sent = math.nextafter(0.0175, 1)
    demo.sliders["effect"].value = sent
    assert test.settings.effect == 0.0175
    assert demo.sliders["effect"].value == sent, "an answer would undo the keys pressed since"


def test_the_light_and_the_verdicts_change_with_a_slider(demo: ExperimentView) -> None:
    assert "Green" in demo.light.value
    demo.sliders["lost"].value = 0.1
    assert "Red: no effect may be read" in demo.light.value
    assert "Cannot tell" in demo.cards["sequential"].value
    demo.sliders["lost"].value = 0.0
    assert "Green" in demo.light.value


def test_a_shorter_plan_ends_the_test_and_the_axis_follows(demo: ExperimentView, test: ExperimentState) -> None:
    demo.sliders["planned_days"].value = 4
    assert test.ended
    assert trace(demo, "end")[0] == [4, 4]
    assert demo.figure.widget.layout.xaxis.range[1] == pytest.approx(4.16)


def test_without_an_effect_or_a_smallest_one_the_plan_says_so(demo: ExperimentView) -> None:
    demo.sliders["effect"].value = 0.0
    demo.sliders["smallest_effect"].value = 0.0
    assert "whatever a test finds is a false alarm" in demo.plan.value
    assert "no plan can say how many users" in demo.plan.value
    assert demo.many.value.count("–") == 3, "nothing can be found"


def test_the_language_changes_all_words_and_nothing_else(demo: ExperimentView, test: ExperimentState) -> None:
    before = test.settings
    demo.language.value = "zh"
    assert demo.sliders["effect"].description == "真实效应"
    assert demo.sliders["peeking"].label == "每天"
    assert demo.buttons["stop"].description == "现在停止"
    assert "拒绝灯" in demo.light.value
    assert demo.figure.widget.data[0].name == "置信序列"
    assert demo.figure.widget.layout.xaxis.title.text == "天"
    assert test.settings == before
    demo.language.value = "en"
    assert demo.sliders["peeking"].label == "every day"
    shown = [demo.light, demo.plan, demo.many, *demo.cards.values(), *demo.groups.values()]
    assert not any(any("\u4e00" <= letter <= "\u9fff" for letter in widget.value) for widget in shown)


def test_every_control_has_a_name(demo: ExperimentView) -> None:
    controls = [*demo.buttons.values(), *demo.sliders.values()]
    assert all(control.description and control.tooltip for control in controls)
    assert demo.language.description


def test_what_the_state_refuses_is_said_and_nothing_breaks(demo: ExperimentView, test: ExperimentState) -> None:
    demo._act(test.move, effect=1.0)
    assert 'role="alert"' in demo.status.value
    assert "goes from" in demo.status.value
