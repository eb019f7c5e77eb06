"""Who decides what is shown? Policies with exact propensities for every slot of a slate."""

from avrec_lib.policies.by_scores import Greedy, SoftmaxScores
from avrec_lib.policies.from_recommender import recommender_policy
from avrec_lib.policies.plain import EpsilonMix, Fixed, Uniform
from avrec_lib.policies.slate_policy import SlatePolicy, slot_probabilities

__all__ = [
    "EpsilonMix", "Fixed", "Greedy", "SlatePolicy", "SoftmaxScores", "Uniform", "recommender_policy",
    "slot_probabilities",
]  # fmt: skip
