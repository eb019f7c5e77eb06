"""What is known at that moment? Users and items as of a cut, to read and as numbers for models."""

from avrec_lib.features.bayes import NaiveBayes, naive_bayes, observations
from avrec_lib.features.histories import as_of
from avrec_lib.features.items import item_features, one_hot
from avrec_lib.features.pairs import affinity
from avrec_lib.features.profiles import Profile, profile, undefined
from avrec_lib.features.surveys import Stated, favourite_tags, said_before, stated_interests
from avrec_lib.features.wide import common_labels, numbers

__all__ = [
    "NaiveBayes", "Profile", "Stated", "affinity", "as_of", "common_labels", "favourite_tags", "item_features",
    "naive_bayes", "numbers", "observations", "one_hot", "profile", "said_before", "stated_interests", "undefined",
]  # fmt: skip
