"""What is known at that moment? Users and items as of a cut, to read and as numbers for models."""

from avrec_lib.features.agreement import agreement
from avrec_lib.features.bayes import NaiveBayes, naive_bayes, observations
from avrec_lib.features.drift import choices_in_order, drift
from avrec_lib.features.histories import as_of
from avrec_lib.features.items import item_features, one_hot
from avrec_lib.features.next_labels import best_weights, memory, next_labels, surprise_by_user
from avrec_lib.features.pairs import affinity
from avrec_lib.features.profiles import Profile, profile, undefined
from avrec_lib.features.surveys import Stated, favourite_tags, said_before, stated_interests
from avrec_lib.features.wide import common_labels, numbers

__all__ = [
    "NaiveBayes", "Profile", "Stated", "affinity", "agreement", "as_of", "best_weights", "choices_in_order",
    "common_labels", "drift", "favourite_tags", "item_features", "memory", "naive_bayes", "next_labels", "numbers",
    "observations", "one_hot", "profile", "said_before", "stated_interests", "surprise_by_user", "undefined",
]  # fmt: skip
