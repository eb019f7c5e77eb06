"""An A/B test from its tables to a decision: plan, read, check, effects, looks, decide."""

from avrec_lib.evaluate.experiment.checks import check_experiment
from avrec_lib.evaluate.experiment.data import ExperimentData, read_experiment, read_user_table
from avrec_lib.evaluate.experiment.days import DayCut
from avrec_lib.evaluate.experiment.decide import DecisionCard, decide
from avrec_lib.evaluate.experiment.design import ExperimentDesign
from avrec_lib.evaluate.experiment.effects import effects
from avrec_lib.evaluate.experiment.looks import daily_looks
from avrec_lib.evaluate.experiment.metrics import UserMetric
from avrec_lib.evaluate.experiment.novelty import novelty
from avrec_lib.evaluate.experiment.planning import Baseline, baseline_of, plan_experiment, smallest_effect
from avrec_lib.evaluate.experiment.quantiles import quantile_effects
from avrec_lib.evaluate.experiment.rule import DecisionRule, Guardrail
from avrec_lib.evaluate.experiment.slices import effects_by
from avrec_lib.evaluate.experiment.traffic import traffic_by_day

__all__ = [
    "Baseline", "DayCut", "DecisionCard", "DecisionRule", "ExperimentData", "ExperimentDesign", "Guardrail",
    "UserMetric", "baseline_of", "check_experiment", "daily_looks", "decide", "effects", "effects_by", "novelty",
    "plan_experiment", "quantile_effects", "read_experiment", "read_user_table", "smallest_effect", "traffic_by_day",
]  # fmt: skip
