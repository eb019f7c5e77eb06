"""An A/B test from its tables to a decision: plan, read, check, effects, looks, decide."""

from avrec_lib.evaluate.experiment.bring import bring_experiment
from avrec_lib.evaluate.experiment.checks import check_experiment, experiment_card
from avrec_lib.evaluate.experiment.data import ExperimentData, read_experiment, read_user_table
from avrec_lib.evaluate.experiment.days import DayCut
from avrec_lib.evaluate.experiment.decide import DecisionCard, beside_truth, decide
from avrec_lib.evaluate.experiment.design import ExperimentDesign
from avrec_lib.evaluate.experiment.effects import effect_versions, effects
from avrec_lib.evaluate.experiment.looks import daily_looks
from avrec_lib.evaluate.experiment.metrics import UserMetric, metrics_named
from avrec_lib.evaluate.experiment.novelty import novelty
from avrec_lib.evaluate.experiment.planning import (
    Baseline,
    baseline_of,
    detectable_by_day,
    detectable_by_users,
    plan_experiment,
    smallest_effect,
    traffic_by_day,
)
from avrec_lib.evaluate.experiment.quantiles import quantile_effects
from avrec_lib.evaluate.experiment.rule import DecisionRule, Guardrail, named_numbers
from avrec_lib.evaluate.experiment.slices import effects_by

__all__ = [
    "Baseline",
    "DayCut",
    "DecisionCard",
    "DecisionRule",
    "ExperimentData",
    "ExperimentDesign",
    "Guardrail",
    "UserMetric",
    "baseline_of",
    "beside_truth",
    "bring_experiment",
    "check_experiment",
    "daily_looks",
    "decide",
    "detectable_by_day",
    "detectable_by_users",
    "effect_versions",
    "effects",
    "effects_by",
    "experiment_card",
    "metrics_named",
    "named_numbers",
    "novelty",
    "plan_experiment",
    "quantile_effects",
    "read_experiment",
    "read_user_table",
    "smallest_effect",
    "traffic_by_day",
]  # fmt: skip
