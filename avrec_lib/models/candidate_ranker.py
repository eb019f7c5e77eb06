"""The shared half of every ranker learned over the candidates of other models: questions, candidates, what follows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from avrec_lib.models.candidate_features import Candidates, ItemFacts, candidates_of
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.questions import last_choices
from avrec_lib.models.top_k import UNRANKED

_ROWS = 256  # queries whose candidates are worked out at a time
FEWEST_ANSWERS = 20
FACTS = tuple(f"fact_{field.name}" for field in fields(ItemFacts))


@dataclass(frozen=True)
class Taught:
    """Candidates by query, each query with its answer among them: what a ranker learns from.

    Of each pair `is_answer` says whether it is the one, and `users` the row of the user who was asked; `catalogue` is
    the number of items.
    """

    found: Candidates
    is_answer: np.ndarray
    users: np.ndarray
    catalogue: int


class CandidateRanker(MatrixRecommender):
    """A ranker over the `candidates` that `sources` like best together; a subclass says how it learns and scores.

    The candidates of a query are the best by the mean of the sources' standard scores; behind them the rest follows in
    that order. What it learns from are scores out of fold: the last `questions` choices of each user are hidden, the
    sources learn from the log without them, and say what they think of each candidate before an answer that they have
    not seen. Scores of sources that had learned from the answers would look far better than they are on a new query,
    and the ranker would trust whoever remembers most. Then the sources learn from all rows. What the ranker sees of a
    candidate is named in `candidate_features`. With fewer than 20 answers among the candidates there is nothing to
    learn, and the mean decides. `repeats` lets items of the history be candidates, as music needs.
    """

    learned: ClassVar[tuple[str, ...]] = FACTS
    sources: list[MatrixRecommender]
    candidates: int
    questions: int
    repeats: bool
    seed: int

    @property
    def parts(self) -> Sequence[MatrixRecommender]:
        return self.sources

    @abstractmethod
    def _learn_order(self, taught: Taught | None) -> None:
        """Learn from candidates and answers; None: there are too few answers to learn from."""

    @abstractmethod
    def _trained_scores(self, found: Candidates) -> np.ndarray | None:
        """One score a candidate, or None where there was too little to learn from."""

    def _learn(self, interactions: Interactions) -> None:
        earlier, asked, answers = last_choices(interactions, self.questions, self.seed, self.repeats)
        for source in self.sources:
            source.fit_interactions(earlier)
        found = self._candidates(asked, ItemFacts.of(earlier))
        is_answer = found.items == answers[found.rows]
        taught = np.isin(found.rows, found.rows[is_answer])  # without the answer among them candidates teach nothing
        kept = Candidates(found.rows[taught], found.items[taught], found.features[taught], found.names)
        questions = Taught(kept, is_answer[taught], asked.user_rows[kept.rows], asked.catalogue)
        self._learn_order(questions if is_answer.sum() >= FEWEST_ANSWERS else None)
        for source in self.sources:
            source.fit_interactions(interactions)
        facts = ItemFacts.of(interactions)
        for field in fields(facts):
            setattr(self, f"fact_{field.name}", getattr(facts, field.name))

    def _prepare(self, items: int) -> None:
        self._facts = ItemFacts(**{field.name: getattr(self, f"fact_{field.name}") for field in fields(ItemFacts)})
        if any(len(getattr(self._facts, name)) != items for name in ("users", "recent", "first", "year")):
            raise ValueError("facts do not fit the catalogue")
        self._facts.labels.check_format(full_check=True)

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
        """One score a candidate, float32: as it was learned, or where nothing was the mean of the sources."""
        own = self._trained_scores(found)
        return found.features[:, found.names.index("mean score")] if own is None else own.astype(np.float32)

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
