"""A ranker learned over the candidates of other models: what each of them says, and what else is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from avrec_lib.errors import UsageError
from avrec_lib.models.candidate_features import Candidates, ItemFacts, candidates_of
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.questions import last_choices
from avrec_lib.models.top_k import UNRANKED

if TYPE_CHECKING:
    from lightgbm import Booster

_ROWS = 256  # queries whose candidates are worked out at a time
FEWEST_ANSWERS = 20
_FEW = 20_000  # candidates


class LearnedRanker(MatrixRecommender):
    """LightGBM's LambdaRank (Burges 2010, "From RankNet to LambdaRank to LambdaMART") over the candidates of `sources`.

    The `candidates` of a query are the best by the mean of the sources' standard scores; behind them the rest follows
    in that order. It learns from questions made inside the training rows: the last `questions` choices of each user are
    hidden from the sources, and asked one after the other; then the sources learn from all rows. What it sees of a
    candidate is named in `candidate_features`. With fewer than 20 answers among the candidates there is nothing to
    learn, and the mean decides. `repeats` lets items of the history be candidates, as music needs.
    """

    learned = ("booster", *(f"fact_{field.name}" for field in fields(ItemFacts)))

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

    @property
    def parts(self) -> Sequence[MatrixRecommender]:
        return self.sources

    def _learn(self, interactions: Interactions) -> None:
        earlier, asked, answers = last_choices(interactions, self.questions, self.seed, self.repeats)
        for source in self.sources:
            source.fit_interactions(earlier)
        found = self._candidates(asked, ItemFacts.of(earlier))
        is_answer = found.items == answers[found.rows]
        taught = np.isin(found.rows, found.rows[is_answer])  # without the answer among them candidates teach nothing
        text = " "
        if is_answer.sum() >= FEWEST_ANSWERS:
            text = self._boosted(found.features[taught], is_answer[taught], found.rows[taught])
        self.booster = np.frombuffer(text.encode(), dtype=np.uint8)
        for source in self.sources:
            source.fit_interactions(interactions)
        facts = ItemFacts.of(interactions)
        for field in fields(facts):
            setattr(self, f"fact_{field.name}", getattr(facts, field.name))

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
        self._facts = ItemFacts(**{field.name: getattr(self, f"fact_{field.name}") for field in fields(ItemFacts)})
        if any(len(getattr(self._facts, name)) != items for name in ("users", "recent", "first", "year")):
            raise ValueError("facts do not fit the catalogue")
        self._facts.labels.check_format(full_check=True)
        self._booster = _read(self.booster.tobytes().decode().strip())

    def _candidates(self, histories: Histories, facts: ItemFacts) -> Candidates:
        """Of all `histories`, some rows at a time, so that only blocks of scores are dense."""
        parts = []
        for start in range(0, max(len(histories), 1), _ROWS):
            block = histories.block(start, start + _ROWS)
            found, _ = candidates_of(block, self.sources, facts, self.candidates, self.repeats)
            parts.append(Candidates(found.rows + start, found.items, found.features, found.names))
        return Candidates(
            np.concatenate([part.rows for part in parts]), np.concatenate([part.items for part in parts]),
            np.concatenate([part.features for part in parts]), parts[0].names,
        )  # fmt: skip

    def features(self, histories: Histories) -> Candidates:
        """The candidates of `histories` with all that the ranker sees of them."""
        return self._candidates(histories, self._facts)

    def score_candidates(self, found: Candidates) -> np.ndarray:
        """One score a candidate, float32: of the trees, or where there are none the mean of the sources."""
        if self._booster is None:
            return found.features[:, found.names.index("mean score")]
        threads = 1 if len(found.rows) < _FEW else 0  # for a few lists starting threads costs more than it saves
        return np.asarray(self._booster.predict(found.features, num_threads=threads), dtype=np.float32)

    def _score(self, histories: Histories) -> np.ndarray:
        found, scores = candidates_of(histories, self.sources, self._facts, self.candidates, self.repeats)
        if len(found.rows):
            own = self.score_candidates(found)
            # All others of the query stand below its lowest candidate, in the order of their means.
            lowest = np.full(len(scores), np.inf, dtype=np.float32)
            np.minimum.at(lowest, found.rows, own)
            highest = scores.max(axis=1, initial=UNRANKED)
            moved = np.isfinite(lowest) & np.isfinite(highest)
            scores[moved] -= (highest[moved] - lowest[moved] + 1)[:, None]
            scores[found.rows, found.items] = own
        return scores


def _read(text: str) -> Booster | None:
    import lightgbm

    if not text:
        return None
    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(f"the trees cannot be read: {error}") from error
