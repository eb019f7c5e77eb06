"""Who ranks? One file a family; every model passes the same contract test."""

from importlib import import_module
from typing import Any

from avrec_lib.models.blend import Blend
from avrec_lib.models.bpr import BPR
from avrec_lib.models.content_attributes import ContentAttributes
from avrec_lib.models.content_neighbours import ContentNeighbours
from avrec_lib.models.ease import EASE
from avrec_lib.models.feature_ials import FeatureIALS
from avrec_lib.models.ials import IALS
from avrec_lib.models.item_knn import ItemKNN
from avrec_lib.models.item_transitions import ItemTransitions
from avrec_lib.models.knowledge_graph import KnowledgeGraph
from avrec_lib.models.learned_ranker import LearnedRanker
from avrec_lib.models.naive_bayes import NaiveBayes
from avrec_lib.models.popularity import Popularity
from avrec_lib.models.popularity_in_segment import ItemSegmentPopularity, SegmentPopularity
from avrec_lib.models.popularity_in_time import RecentPopularity, SeasonalPopularity
from avrec_lib.models.stated_interests import StatedInterests
from avrec_lib.models.user_knn import UserKNN

__all__ = [
    "BPR",
    "EASE",
    "IALS",
    "Blend",
    "ContentAttributes",
    "ContentNeighbours",
    "FeatureIALS",
    "ItemKNN",
    "ItemSegmentPopularity",
    "ItemTransitions",
    "KnowledgeGraph",
    "LearnedRanker",
    "LightGCN",
    "MultiTask",
    "NaiveBayes",
    "NetworkRanker",
    "NeuralCF",
    "Popularity",
    "RecentPopularity",
    "RecurrentRecommender",
    "SeasonalPopularity",
    "SegmentPopularity",
    "SequenceTransformer",
    "StatedInterests",
    "TwoTower",
    "UserKNN",
]

_NETWORKS = {
    "LightGCN": "light_gcn",
    "MultiTask": "multi_task",
    "NetworkRanker": "network_ranker",
    "NeuralCF": "neural_cf",
    "RecurrentRecommender": "recurrent",
    "SequenceTransformer": "sequence_transformer",
    "TwoTower": "two_tower",
}
"""Class -> its module: networks need torch, which takes a second to import, so they are imported when asked for."""


def __getattr__(name: str) -> Any:
    if name not in _NETWORKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NETWORKS[name]}"), name)
