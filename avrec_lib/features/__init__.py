"""What is known at that moment? Users and items as of a cut, to read and as numbers for models."""

from avrec_lib.features.histories import as_of
from avrec_lib.features.items import item_features, one_hot
from avrec_lib.features.pairs import affinity
from avrec_lib.features.profiles import Profile, profile, undefined
from avrec_lib.features.wide import common_labels, numbers

__all__ = [
    "Profile", "affinity", "as_of", "common_labels", "item_features", "numbers", "one_hot", "profile", "undefined",
]  # fmt: skip
