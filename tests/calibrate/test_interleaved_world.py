from __future__ import annotations

from avrec_lib.calibrate.interleaved_world import interleaved_clicks
from avrec_lib.evaluate.interleave import preference
from avrec_lib.simulate import LOGGING, POPULAR, UNIFORM, make_world


def test_people_prefer_the_better_policy_and_neither_of_two_alike() -> None:
    world = make_world("video", popularity_feedback=0.0)
    assert preference(interleaved_clicks(world, UNIFORM, LOGGING, 400)).winner == "challenger"
    assert preference(interleaved_clicks(world, LOGGING, UNIFORM, 400)).winner == "baseline"
    assert preference(interleaved_clicks(world, POPULAR, POPULAR, 400)).winner is None
