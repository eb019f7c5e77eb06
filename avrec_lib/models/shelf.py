"""The shelf: every recommender of the house under one name, at its defaults, and what it needs of a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

from avrec_lib.errors import unknown_name
from avrec_lib.models.blend import Blend
from avrec_lib.models.bpr import BPR
from avrec_lib.models.content_attributes import ContentAttributes
from avrec_lib.models.content_neighbours import ContentNeighbours
from avrec_lib.models.ease import EASE
from avrec_lib.models.feature_ials import FeatureIALS
from avrec_lib.models.ials import IALS
from avrec_lib.models.item_knn import ItemKNN
from avrec_lib.models.item_labels import SHARED
from avrec_lib.models.item_transitions import ItemTransitions
from avrec_lib.models.knowledge_graph import KnowledgeGraph
from avrec_lib.models.learned_ranker import LearnedRanker
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.naive_bayes import NaiveBayes
from avrec_lib.models.popularity import Popularity
from avrec_lib.models.popularity_in_segment import SegmentPopularity
from avrec_lib.models.popularity_in_time import RecentPopularity, SeasonalPopularity
from avrec_lib.models.user_knn import UserKNN

if TYPE_CHECKING:
    from avrec_lib.data.dataset import Dataset

ShelfName = Literal[
    "popularity", "recent popularity", "seasonal popularity", "popularity in segment", "item transitions", "item-KNN",
    "item-KNN, recency", "user-KNN", "user-KNN, recency", "EASE", "EASE, recency", "iALS", "iALS with features", "BPR",
    "content by item", "content by attribute", "naive Bayes", "knowledge graph", "transitions + EASE", "hybrid",
    "transformer", "GRU", "LSTM", "mean of history", "two-tower", "NeuMF", "LightGCN",
    "LightGCN, recency", "MMoE", "deep ranker",
    "hybrid + transformer",
]  # fmt: skip
SHELF_NAMES: tuple[ShelfName, ...] = get_args(ShelfName)

RECENCY = 0.85  # weight of an event of the history for each event that came later


def transitions_and_ease() -> Blend:
    """Item transitions and EASE, weighed alike: the strongest recommender that learns in a second."""
    return Blend([ItemTransitions(), EASE()], name="transitions + EASE")


def hybrid_with_transformer(repeats: bool = False) -> LearnedRanker:
    """The `hybrid` of models that read the order of events, with a transformer among its sources."""
    ranker = hybrid(repeats=repeats)
    ranker.sources.append(_network("SequenceTransformer")())
    ranker.name = "hybrid + transformer"
    return ranker


def deep_ranker(in_order: bool = True, repeats: bool = False) -> MatrixRecommender:
    """A network in the place of the hybrid's trees, over the same candidates of the same sources."""
    return _network("NetworkRanker")(hybrid(in_order).sources, repeats=repeats)


def hybrid(in_order: bool = True, repeats: bool = False) -> LearnedRanker:
    """LambdaRank over what simple recommenders say of the candidates that they like best together.

    With `in_order` eight of them, most of which read the order of events; without it four that do not. `repeats` lets
    what the user already had be recommended (`LearnedRanker`).
    """
    sources: list[MatrixRecommender] = [EASE(), ItemKNN()]
    if in_order:
        sources += [
            ItemTransitions(), EASE(decay=RECENCY), ItemTransitions(both_ways=True),
            ItemTransitions(steps=3, decay=0.6), ItemTransitions(steps=30, decay=0.92), UserKNN(decay=0.95),
        ]  # fmt: skip
    else:
        sources += [UserKNN(), Popularity()]
    return LearnedRanker(sources, repeats=repeats, name="hybrid")


MAKERS: dict[ShelfName, Callable[..., MatrixRecommender]] = {
    "popularity": Popularity,
    "recent popularity": RecentPopularity,
    "seasonal popularity": SeasonalPopularity,
    "popularity in segment": SegmentPopularity,
    "item transitions": ItemTransitions,
    "item-KNN": ItemKNN,
    "item-KNN, recency": partial(ItemKNN, decay=RECENCY),
    "user-KNN": UserKNN,
    "user-KNN, recency": partial(UserKNN, decay=RECENCY),
    "EASE": EASE,
    "EASE, recency": partial(EASE, decay=RECENCY),
    "iALS": IALS,
    "iALS with features": FeatureIALS,
    "BPR": BPR,
    "content by item": ContentNeighbours,
    "content by attribute": ContentAttributes,
    "naive Bayes": NaiveBayes,
    "knowledge graph": KnowledgeGraph,
    "transitions + EASE": transitions_and_ease,
    "hybrid": hybrid,
    "deep ranker": deep_ranker,
    "hybrid + transformer": hybrid_with_transformer,
}
"""Name on the shelf -> an unfitted model; what may be tuned stands in the `space` of its class."""

NETWORKS: dict[ShelfName, tuple[str, dict[str, Any]]] = {
    "transformer": ("SequenceTransformer", {}),
    "GRU": ("RecurrentRecommender", {"cell": "GRU"}),
    "LSTM": ("RecurrentRecommender", {"cell": "LSTM"}),
    "mean of history": ("RecurrentRecommender", {"cell": "mean"}),
    "two-tower": ("TwoTower", {}),
    "NeuMF": ("NeuralCF", {}),
    "LightGCN": ("LightGCN", {}),
    "LightGCN, recency": ("LightGCN", {"decay": RECENCY}),
    "MMoE": ("MultiTask", {}),
}
"""The same of networks: class and fixed options. Their classes need torch, so they are imported when asked for."""

_ORDER = (
    "item transitions", "item-KNN, recency", "user-KNN, recency", "EASE, recency", "transitions + EASE", "transformer",
    "GRU", "LSTM", "LightGCN, recency", "hybrid + transformer",
)  # fmt: skip
_TIMES = ("recent popularity", "seasonal popularity")
_LABELS = ("content by attribute", "naive Bayes", "knowledge graph", "iALS with features")
LACKING = {
    "times": "{model} needs to know what came after what, and this log has no times.",
    "words": "{model} reads what is written of the items, and this data set has no title, description or tag.",
    "labels": "{model} needs to know what items share, and this data set has no tag, category or creator.",
    "users": "{model} needs to know something of the users, and this data set has no age or gender.",
}


def from_shelf(names: Sequence[str], dataset: Dataset | None = None) -> dict[str, Callable[..., MatrixRecommender]]:
    """The makers of `names`, each once, in that order; for a `dataset` without times a hybrid that asks for none.

    Raises UsageError for a name that is not on the shelf.
    """
    for name in names:
        if name not in SHELF_NAMES:
            raise unknown_name("model", name, SHELF_NAMES)
    makers: dict[str, Callable[..., MatrixRecommender]] = dict(MAKERS)  # type: ignore[arg-type]
    if dataset and not dataset.has("timestamp"):
        makers["hybrid"] = partial(hybrid, in_order=False)
        makers["deep ranker"] = partial(deep_ranker, in_order=False)
    for name, (kind, fixed) in NETWORKS.items():
        if name in names:
            makers[name] = partial(_network(kind), **fixed) if fixed else _network(kind)
    return {name: makers[name] for name in dict.fromkeys(names)}


def _network(kind: str) -> Callable[..., Any]:
    from avrec_lib import models

    return getattr(models, kind)


def lacking(name: str, dataset: Dataset) -> str | None:
    """What the model `name` needs that `dataset` does not have, as a template of `strings` with {model}; else None."""
    if name in (*_ORDER, *_TIMES) and not dataset.has("timestamp"):
        return LACKING["times"]
    if name == "content by item" and not _any_of(dataset, ("title", "description", "tags")):
        return LACKING["words"]
    if name in _LABELS and not _any_of(dataset, SHARED):
        return LACKING["labels"]
    if name == "popularity in segment" and not (
        (dataset.has("age", "users") or dataset.has("birth_year", "users")) and dataset.has("gender", "users")
    ):
        return LACKING["users"]
    return None


def _any_of(dataset: Dataset, columns: Sequence[str]) -> bool:
    return any(dataset.has(column, "items") for column in columns)
