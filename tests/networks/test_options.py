"""Options that no deep model can work with are refused where they are named, not in the middle of a fit."""

from __future__ import annotations

from typing import Any

import pytest

from avrec_lib.errors import UsageError
from avrec_lib.models import EASE
from avrec_lib.models.light_gcn import LightGCN
from avrec_lib.models.multi_task import MultiTask
from avrec_lib.models.network_ranker import NetworkRanker
from avrec_lib.models.neural_cf import NeuralCF
from avrec_lib.models.recurrent import RecurrentRecommender
from avrec_lib.models.sequence_transformer import SequenceTransformer
from avrec_lib.models.two_tower import TwoTower
from avrec_lib.networks.loop import Plan, plan_of

WHOLE: dict[type, list[str]] = {
    TwoTower: ["width", "length"],
    LightGCN: ["width", "negatives"],
    MultiTask: ["width", "experts", "hidden", "length", "negatives"],
    SequenceTransformer: ["width", "length", "negatives", "blocks", "heads"],
    RecurrentRecommender: ["width", "length", "negatives", "layers"],
    NeuralCF: ["width", "length", "negatives", "hidden"],
    NetworkRanker: ["candidates", "questions", "hidden"],
}
TRAINING: dict[str, Any] = {
    "epochs": 0, "batch": 0, "patience": 0, "learning_rate": -1.0, "weight_decay": -1.0, "threads": 0, "seed": -1,
}  # fmt: skip


def made(kind: type, options: dict[str, Any]) -> Any:
    return kind(**({"sources": [EASE()]} if kind is NetworkRanker else {}), **options)


@pytest.mark.parametrize("number", [0, 1.5, True, "8"], ids=repr)
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in WHOLE.items() for name in names])
def test_sizes_are_whole_numbers(kind: type, name: str, number: Any) -> None:
    with pytest.raises(UsageError, match=f"^{name} is a whole number from [12] up, but is"):
        made(kind, {name: number})


@pytest.mark.parametrize("name", TRAINING)
@pytest.mark.parametrize("kind", WHOLE)
def test_how_to_train_is_checked_too(kind: type, name: str) -> None:
    with pytest.raises(UsageError, match=name):
        made(kind, {name: TRAINING[name]})


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (TwoTower, {"averaging": 2}, "averaging"),
        (TwoTower, {"precision": "x"}, "precision"),
        (TwoTower, {"dimensions": -1}, "dimensions is a whole number from 0 up"),
        (LightGCN, {"layers": -1}, "layers is a whole number from 0 up"),
        (NetworkRanker, {"embedding": -1}, "embedding is a whole number from 0 up"),
        (MultiTask, {"task_weights": {"click": float("nan")}}, "weight of the task click is a finite number"),
        (MultiTask, {"tasks": []}, "one task or more"),
        (SequenceTransformer, {"heads": 3}, "cannot be shared by 3 heads"),
    ],
)
def test_other_options_are_refused(kind: type, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        made(kind, options)


def test_a_plan_takes_what_a_model_says_and_else_the_defaults() -> None:
    class Model:
        epochs, learning_rate, width = 3, 0.5, 7

    assert plan_of(Model()) == Plan(epochs=3, learning_rate=0.5)
