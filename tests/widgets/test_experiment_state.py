from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.experiment import Baseline, plan_experiment
from avrec_lib.widgets.experiment_many import many_tests
from avrec_lib.widgets.experiment_plan import outlook
from avrec_lib.widgets.experiment_settings import Settings
from avrec_lib.widgets.experiment_state import ExperimentState
from avrec_lib.widgets.experiment_walk import ExperimentWalk


def running(days: int, seed: int = 1, **settings: object) -> ExperimentState:
    """A test after so many days."""
    state = ExperimentState(Settings(**settings), seed)  # type: ignore[arg-type]
    state.forward(days)
    return state


def said(state: ExperimentState) -> dict[str, str]:
    return {reader: verdict.decision for reader, verdict in state.verdicts().items()}


def test_a_state_needs_no_widgets() -> None:
    code = "import sys, avrec_lib.widgets.experiment_state as s; print({'ipywidgets', 'plotly'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_before_the_first_day_there_is_a_plan_and_nothing_else() -> None:
    state = ExperimentState()
    assert (state.path().height, state.light(), state.verdicts(), state.checks(), state.peeked_on()) == (
        0, None, {}, [], None,
    )  # fmt: skip
    assert state.outlook().users == 70_000
    state.stop()
    assert not state.stopped, "what has not begun cannot be stopped"


def test_days_pass_to_the_planned_end_and_no_further() -> None:
    state = ExperimentState()
    state.forward()
    state.forward(2)
    assert (state.day, state.path()["day"].to_list()) == (3, [1, 2, 3])
    state.run_to_end()
    state.forward()
    assert state.day == 14
    assert state.ended
    state.stop()
    assert not state.stopped


def test_the_past_is_the_same_on_every_day_and_another_test_has_another() -> None:
    state = running(5)
    early = state.path()
    state.run_to_end()
    assert state.path().head(5).equals(early)
    state.new_test()
    assert (state.day, state.stopped) == (0, False)
    state.forward(5)
    assert not state.path().equals(early)


def test_an_effect_moves_the_path_without_new_noise() -> None:
    state = running(14)
    before = state.path()["difference"].to_numpy()
    state.move(effect=0.03)
    assert state.path()["difference"].to_numpy() - before == pytest.approx(0.01)


def test_stopped_is_stopped_until_another_test_or_a_plan_that_is_over_by_then() -> None:
    state = running(6)
    state.stop()
    state.forward()
    state.run_to_end()
    assert state.day == 6
    assert state.is_over
    state.move(effect=0.0)
    assert state.stopped
    state.move(planned_days=5)
    assert (state.day, state.stopped, state.ended) == (5, False, True)


def test_who_peeks_decides_first_and_here_wrongly() -> None:
    state = running(14)
    assert said(state) == {"fixed": "ship", "peeking": "don't ship", "sequential": "ship"}
    assert state.peeked_on() == 1
    texts = {reader: verdict.truth.text("en") for reader, verdict in state.verdicts().items() if verdict.truth}
    assert texts["fixed"] == "Right: the true effect is +2 %."
    assert texts["peeking"] == "A miss: the true effect is +2 %."


def test_only_looks_count_for_who_peeks() -> None:
    state = running(6, peeking="every week")
    assert "Not a look yet." in state.verdicts()["peeking"].reasons[0].text("en")
    assert Settings(planned_days=16, peeking="every week").looks().nonzero()[0].tolist() == [6, 13, 15]
    state.move(peeking="at the end")
    state.run_to_end()
    assert state.peeked_on() == 14
    assert said(state)["peeking"] == "ship"


def test_the_fixed_test_speaks_at_its_end_alone_and_not_when_stopped() -> None:
    state = running(13, effect=0.05)
    assert said(state)["fixed"] == "keep running"
    state.stop()
    (reason,) = state.verdicts()["fixed"].reasons
    assert said(state)["fixed"] == "cannot tell"
    assert "promises nothing" in reason.text("en")
    assert said(state)["sequential"] == "ship", "it may be stopped on any day"


def test_the_sequence_says_when_it_would_have_let_one_stop() -> None:
    verdict = running(14, seed=0).verdicts()["sequential"]
    assert verdict.first_day == 5
    assert "on day 5 already" in verdict.reasons[-1].text("en")
    on_that_day = running(5, seed=0)
    assert said(on_that_day)["sequential"] == "ship"
    assert said(running(4, seed=0))["sequential"] == "keep running"


def test_the_light_is_red_when_users_are_lost_and_then_nothing_is_decided() -> None:
    state = running(14, effect=0.0)
    assert state.light() == "info"
    state.move(lost=0.1)
    assert state.light() == "red"
    assert said(state) == {"fixed": "cannot tell", "peeking": "ship", "sequential": "cannot tell"}
    assert "sample ratio" in state.verdicts()["fixed"].reasons[0].text("en")
    assert state.verdicts()["peeking"].truth.text("en").startswith("A false alarm")  # type: ignore[union-attr]


def test_the_light_is_red_for_a_handful_of_users() -> None:
    state = running(1, users_a_day=100, planned_days=2)
    assert state.light() == "info"
    small = [fact for fact in state.checks() if fact.name == "users_in_the_smallest_arm"]
    assert small[0].value >= 30


def test_a_plan_says_what_it_takes() -> None:
    found = outlook(Settings())
    plan = plan_experiment(Baseline(1.0, 1.0), 0.02)
    assert (found.needed.users, found.days) == (plan.users, 16)  # type: ignore[union-attr]
    assert found.power == pytest.approx(0.754, abs=0.001)
    assert outlook(Settings(planned_days=16)).power == pytest.approx(0.8, abs=0.01)
    assert outlook(Settings(smallest_effect=0.0)).needed is None
    assert outlook(Settings(effect=0.0)).true_power is None


def test_many_tests_without_an_effect_show_the_price_of_peeking() -> None:
    false = dict(many_tests(Settings(effect=0.0), 4000).select("reader", "false").iter_rows())
    assert false["fixed"] == pytest.approx(0.05, abs=0.012)
    assert false["sequential"] < 0.05
    assert false["peeking"] > 0.15
    weekly = dict(many_tests(Settings(effect=0.0, peeking="every week"), 4000).select("reader", "false").iter_rows())
    assert 0.05 < weekly["peeking"] < false["peeking"]
    at_end = many_tests(Settings(effect=0.0, peeking="at the end")).select("found", "false", "days")
    assert at_end.row(0) == at_end.row(1), "who peeks at the end alone does not peek"


def test_many_tests_find_what_the_plan_promises_and_the_sequence_ends_sooner() -> None:
    table = many_tests(Settings(planned_days=16), 4000)
    found, days = (dict(table.select("reader", name).iter_rows()) for name in ("found", "days"))
    assert found["fixed"] == pytest.approx(0.8, abs=0.02)
    assert found["sequential"] > 0.6 * found["fixed"]
    assert days["sequential"] < days["fixed"] == 16


def test_many_broken_tests_are_refused() -> None:
    table = many_tests(Settings(effect=0.0, lost=0.05))
    assert table["refused"][0] > 0.95
    assert dict(table.select("reader", "false").iter_rows())["fixed"] < 0.05


@pytest.mark.parametrize(
    ("setting", "said"),
    [({"effekt": 0.1}, "Did you mean effect"), ({"effect": 0.5}, "goes from"), ({"peeking": "every da"}, "every day")],
    ids=["name", "value", "word"],
)
def test_what_cannot_be_set_is_refused_and_changes_nothing(setting: dict[str, object], said: str) -> None:
    state = running(3)
    before = state.settings
    with pytest.raises(UsageError, match=said):
        state.move(**setting)
    assert state.settings == before


def test_a_walk_notes_what_came_of_each_action() -> None:
    state = ExperimentState(seed=1)
    walk = ExperimentWalk(state)
    walk.act("nothing", state.forward, days=0)
    walk.act("to the end", state.run_to_end)
    table = walk.table()
    assert table["day"].to_list() == [0, 14]
    assert table["light"].to_list() == ["–", "info"]
    assert table["sequential"].to_list() == ["–", "ship"]
    assert np.isfinite(table["low"][1])
    assert table["difference"][0] is None
