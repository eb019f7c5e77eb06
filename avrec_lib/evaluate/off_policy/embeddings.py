"""Marginal inverse propensity: weights of what actions have in common, where actions are too many to weigh alone.

An embedding e (category, creator, length) that carries all the effect of an action makes the action itself noise:
w(x, e) = Σ_a π(a|x) p(e|a) / Σ_a p(a|x) p(e|a) has the mean of w(x, a) given x and e, hence less variance (Saito and
Joachims 2022, "Off-Policy Evaluation for Large Action Spaces via Embeddings").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.off_policy.estimators import Evidence, Ratio
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy, check_probabilities

CELLS_AT_ONCE = 2**21


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The embedding of each round in d dimensions, and how likely each action has it.

    `codes` (n, d) are integers from 0; `likelihoods` holds for each dimension p(code|action), shape (a, codes). Given
    the action the dimensions are taken as independent: what hangs together even then should be one code. Raises
    DataError for what does not fit together or is no probability.
    """

    codes: np.ndarray
    likelihoods: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        _check_codes(self.codes, len(self.codes))
        if self.codes.shape[1] != len(self.likelihoods):
            raise DataError("Embeddings of shape {shape} come with the probabilities of {count} dimensions.",
                            shape=self.codes.shape, count=len(self.likelihoods))  # fmt: skip
        for codes, table in zip(self.codes.T, self.likelihoods, strict=True):
            if codes.max() >= table.shape[1]:
                raise DataError("An embedding has a code outside of the {count} known ones.", count=table.shape[1])
            check_probabilities(table, table.shape, "embeddings")

    @classmethod
    def of_actions(cls, log: LoggedFeedback) -> Embeddings:
        """Those of `log.action_features`, which an action has for certain: all its features together are one code.

        Raises UsageError where the log has no features of its actions.
        """
        if log.action_features is None:
            raise UsageError(
                "The log does not say what its actions have in common.",
                hint="Bring action_features (category, creator), or embeddings logged with the rounds.",
            )
        _, group = np.unique(log.action_features, axis=0, return_inverse=True)
        group = group.reshape(-1)  # numpy 2.0 kept the axis
        table = np.zeros((log.action_count, int(group.max()) + 1))
        table[np.arange(log.action_count), group] = 1.0
        return cls(group[log.actions][:, None], (table,))

    @classmethod
    def counted(cls, log: LoggedFeedback, codes: np.ndarray, smoothing: float = 1.0) -> Embeddings:
        """Embeddings that were logged with the rounds, (n, d), and how often each action had them.

        p(e|a) = (count of e with a + `smoothing` · share of e in the log) / (count of a + `smoothing`) in each
        dimension, so an action never logged has the embeddings of the log. Raises UsageError for a negative smoothing,
        and DataError for embeddings that are no codes.
        """
        if not smoothing >= 0:
            raise UsageError("smoothing must be 0 or more, but is {value}.", value=smoothing)
        _check_codes(codes, len(log))
        known = [np.unique(column, return_inverse=True)[1] for column in codes.T]  # codes may be far apart
        return cls(np.stack(known, axis=1), tuple(_counted(log, column, smoothing) for column in known))


def marginal_weights(log: LoggedFeedback, target: TargetPolicy, embeddings: Embeddings) -> np.ndarray:
    """Σ_a π(a|x) p(e|a) / Σ_a p(a|x) p(e|a) of each round, shape (n,).

    Raises UsageError where the probabilities of all actions are not known for both policies, and DataError where the
    logging policy could not have shown an embedding that was logged.
    """
    if log.logging is None or target.probabilities is None:
        raise UsageError("Weights of embeddings need the probabilities of all actions, of the logging policy and of "
                         "the policy that is asked about.", hint="Log them, or ask for IPS.")  # fmt: skip
    known = {len(table) for table in embeddings.likelihoods}
    if len(embeddings.codes) != len(log) or known != {log.action_count}:
        raise DataError("The embeddings are of {count} rounds and {known} actions, but the log has {rounds} rounds and "
                        "{actions} actions.", count=len(embeddings.codes), known=max(known), rounds=len(log),
                        actions=log.action_count)  # fmt: skip
    tables = [np.ascontiguousarray(table.T, dtype=np.float64) for table in embeddings.likelihoods]
    above, below = np.empty(len(log)), np.empty(len(log))
    block = max(CELLS_AT_ONCE // log.action_count, 1)
    for start in range(0, len(log), block):
        rounds = slice(start, start + block)
        likely = tables[0][embeddings.codes[rounds, 0]]  # (block, actions)
        for table, codes in zip(tables[1:], embeddings.codes[rounds, 1:].T, strict=True):
            likely *= table[codes]
        np.einsum("na,na->n", target.probabilities[rounds], likely, out=above[rounds])
        np.einsum("na,na->n", log.logging[rounds], likely, out=below[rounds])
    never = int((~(below > 0)).sum())
    if never:
        raise DataError(
            "{count} of {rounds} rounds have an embedding that no action of the logging policy could have had.",
            hint="Count the embeddings with some smoothing.", count=never, rounds=len(log),
        )  # fmt: skip
    return above / below


@dataclass(frozen=True, eq=False)
class MarginalInversePropensity:
    """Mean of w(x, e)·r (Saito and Joachims 2022), or Σ w·r / Σ w: right when embeddings carry all the effect.

    `weights` (n,) are those of `marginal_weights`; the weights of the evidence are not used.
    """

    weights: np.ndarray
    self_normalised: bool = False
    consistent = False
    needs_model = False

    @property
    def name(self) -> str:
        return "SNMIPS" if self.self_normalised else "MIPS"

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        return (Ratio(self.weights * evidence.rewards, self.weights if self.self_normalised else None),)


def _check_codes(codes: np.ndarray, rounds: int) -> None:
    if (
        codes.ndim != 2 or len(codes) != rounds or not np.issubdtype(codes.dtype, np.integer)
        or codes.size == 0 or codes.min() < 0
    ):  # fmt: skip
        raise DataError(
            "Embeddings are integers from 0, one row for each of {rounds} rounds; these have the shape {shape} and are "
            "of the type {type}.", rounds=rounds, shape=codes.shape, type=str(codes.dtype),
        )  # fmt: skip


def _counted(log: LoggedFeedback, codes: np.ndarray, smoothing: float) -> np.ndarray:
    """p(code|action), shape (a, codes)."""
    known = int(codes.max()) + 1
    counts = np.bincount(log.actions * known + codes, minlength=log.action_count * known).reshape(-1, known)
    share = counts.sum(axis=0) / len(log)
    taken = counts.sum(axis=1, keepdims=True)
    # Without smoothing nothing is known of an action that was never taken: the share of the log stands for it.
    extra = np.where(taken > 0, smoothing, max(smoothing, 1.0))
    return np.asarray((counts + extra * share) / (taken + extra))
