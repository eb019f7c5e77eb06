"""Who ranks? One file a family; every model passes the same contract test."""

from avrec_lib.models.blend import Blend
from avrec_lib.models.ease import EASE
from avrec_lib.models.ials import IALS
from avrec_lib.models.item_knn import ItemKNN
from avrec_lib.models.item_transitions import ItemTransitions
from avrec_lib.models.learned_ranker import LearnedRanker
from avrec_lib.models.popularity import Popularity

__all__ = ["EASE", "IALS", "Blend", "ItemKNN", "ItemTransitions", "LearnedRanker", "Popularity"]
