"""What if we knew the truth? Simulated video and music platforms, run under any policy, with what it does to people."""

from avrec_lib.simulate.catalogue import Catalogue
from avrec_lib.simulate.decisions import LOGGING, ORACLE, PERSONAL, POLICIES, POPULAR, UNIFORM, ScoredPolicy
from avrec_lib.simulate.experiment import Experiment, assign, experiment
from avrec_lib.simulate.moving_taste import drift_groups
from avrec_lib.simulate.options import WorldOptions, options_of, varied
from avrec_lib.simulate.rounds import Rounds
from avrec_lib.simulate.run import Run, run
from avrec_lib.simulate.shapes import beside, shapes_of
from avrec_lib.simulate.truth import true_difference, true_value
from avrec_lib.simulate.world import World, make_world

__all__ = [
    "LOGGING", "ORACLE", "PERSONAL", "POLICIES", "POPULAR", "UNIFORM", "Catalogue", "Experiment", "Rounds", "Run",
    "ScoredPolicy", "World", "WorldOptions", "assign", "beside", "drift_groups", "experiment", "make_world",
    "options_of", "run", "shapes_of", "true_difference", "true_value", "varied",
]  # fmt: skip
