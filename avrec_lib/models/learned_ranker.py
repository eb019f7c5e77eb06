"""A ranker of trees learned over the candidates of other models: what each of them says, and what else is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from avrec_lib.errors import UsageError
from avrec_lib.models.candidate_features import Candidates
from avrec_lib.models.candidate_ranker import FACTS, CandidateRanker, Taught
from avrec_lib.models.matrix_recommender import MatrixRecommender

if TYPE_CHECKING:
    from lightgbm import Booster

_FEW = 20_000  # candidates


class LearnedRanker(CandidateRanker):
    """LightGBM's LambdaRank (Burges 2010, "From RankNet to LambdaRank to LambdaMART") over the candidates of `sources`.

    How it comes to its candidates, its questions and what it learns from stands in `CandidateRanker`: the last
    `questions` choices of each user are hidden from the sources, and asked one after the other. With fewer than 20
    answers among the candidates there is nothing to learn, and the mean of the sources decides. `repeats` lets items of
    the history be candidates, as music needs.
    """

    learned = ("booster", *FACTS)

    def __init__(
        self, sources: Sequence[MatrixRecommender], candidates: int = 60, questions: int = 8, trees: int = 200,
        leaves: int = 7, learning_rate: float = 0.04, repeats: bool = False, seed: int = 0, name: str = "LambdaRank",
    ) -> None:  # fmt: skip
        self.sources, self.repeats = list(sources), bool(repeats)
        self.candidates, self.questions, self.trees, self.leaves = candidates, questions, trees, leaves
        self.learning_rate, self.seed, self.name = float(learning_rate), int(seed), name
        if not self.sources or min(candidates, questions, trees) < 1 or leaves < 2 or not learning_rate > 0:
            raise UsageError(
                "A learned ranker takes one source or more, candidates, questions and trees of 1 or more, 2 leaves or "
                "more and a learning rate above 0, not {options}.",
                options=(len(self.sources), candidates, questions, trees, leaves, learning_rate),
            )  # fmt: skip

    def _learn_order(self, taught: Taught | None) -> None:
        text = " " if taught is None else self._boosted(taught.found.features, taught.is_answer, taught.found.rows)
        self.booster = np.frombuffer(text.encode(), dtype=np.uint8)

    def _boosted(self, features: np.ndarray, is_answer: np.ndarray, rows: np.ndarray) -> str:
        import lightgbm

        sizes = np.unique(rows, return_counts=True)[1]
        data = lightgbm.Dataset(features, label=is_answer.astype(np.int32), group=sizes, free_raw_data=True)
        options = {
            "objective": "lambdarank", "lambdarank_truncation_level": 15, "num_leaves": self.leaves,
            "learning_rate": self.learning_rate, "min_data_in_leaf": min(100, max(len(rows) // 100, 1)), "max_bin": 63,
            "feature_fraction": 0.4, "bagging_fraction": 0.6, "bagging_freq": 1, "lambda_l2": 5.0, "seed": self.seed,
            "deterministic": True, "force_row_wise": True, "verbosity": -1,
        }  # fmt: skip
        return lightgbm.train(options, data, num_boost_round=self.trees).model_to_string()

    def _prepare(self, items: int) -> None:
        super()._prepare(items)
        self._booster = _read(self.booster.tobytes().decode().strip())

    def _trained_scores(self, found: Candidates) -> np.ndarray | None:
        if self._booster is None:
            return None
        threads = 1 if len(found.rows) < _FEW else 0  # for a few lists starting threads costs more than it saves
        return np.asarray(self._booster.predict(found.features, num_threads=threads))


def _read(text: str) -> Booster | None:
    import lightgbm

    if not text:
        return None
    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(f"the trees cannot be read: {error}") from error
