"""Recommenders as policies on a log of another one: learned from its earlier part, asked about on the later one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.facts import Fact
from avrec_lib.errors import DataError
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.rounds import LoggedRounds
from avrec_lib.evaluate.off_policy.slates import is_slated, slate_order
from avrec_lib.models.shelf import from_shelf, lacking
from avrec_lib.policies import SlatePolicy, recommender_policy, slot_probabilities
from avrec_lib.protocols import Recommender, Requests
from avrec_lib.schema import is_choice


@dataclass(frozen=True, eq=False)
class PoliciesOnLog:
    """The later rounds of a log, what each recommender would have done in them, and what was found on the way."""

    rounds: LoggedRounds
    targets: list[TargetPolicy]
    facts: tuple[Fact, ...]


def policies_on_log(
    dataset: Dataset, rounds: LoggedRounds, shelf: Sequence[str], *, train_share: float = 0.5,
    temperature: float = 0.5, epsilon: float = 0.1,
) -> PoliciesOnLog:  # fmt: skip
    """Models of `shelf` fitted on the choices before a cut as softmax policies on the rounds from the cut on.

    The cut leaves `train_share` of the rounds before it, so no policy has seen a reward that it is judged by. What a
    model cannot score it ranks last; `epsilon` of the rounds explore evenly. In slates the probability is that of an
    item given the items above it, so those targets have no whole distribution. A model that the data set cannot carry,
    or that cannot learn from the choices before the cut, is left out with a fact that says why. Without a model on the
    shelf all rounds are kept. Raises DataError for a
    log without times or without a choice before the cut.
    """
    log = rounds.log
    if not shelf:
        return PoliciesOnLog(rounds, [], ())
    if log.times is None or "timestamp" not in rounds.rounds.columns:
        raise DataError("Policies learned from a log need the times of its rounds.",
                        hint="Bring policies of your own, or a log with times.")  # fmt: skip
    later = log.times >= np.quantile(log.times, train_share)
    cut = rounds.rounds.filter(later)["timestamp"].min()
    choices = dataset.events.filter(is_choice(), pl.col("timestamp") < cut).collect()
    if choices.is_empty():
        raise DataError("Before {cut} nothing was chosen, so no recommender can learn from it.",
                        hint="Leave more of the log for learning with train_share.", cut=cut)  # fmt: skip
    kept = LoggedRounds(log.of(later), rounds.rounds.filter(later), rounds.facts)
    targets, facts = [], []
    for name, make in from_shelf(shelf, dataset).items():
        reason = lacking(name, dataset)
        if reason is not None:
            facts.append(Fact("policy_left_out", 1, None, "info", reason, {"model": name}))
            continue
        try:
            model = make().fit(choices, dataset.items.collect(), dataset.users.collect())
            targets.append(target_of(model, kept, name, temperature=temperature, epsilon=epsilon))
        except DataError as error:
            facts.append(Fact("policy_left_out", 1, None, "amber", "{model} is left out: {error}",
                              {"model": name, "error": error.text("en")}))  # fmt: skip
    return PoliciesOnLog(kept, targets, tuple(facts))


def target_of(
    model: Recommender, rounds: LoggedRounds, name: str, *, temperature: float = 0.5, epsilon: float = 0.1
) -> TargetPolicy:
    """What the policy made of a fitted `model` would do in the rounds of a log (`policies.recommender_policy`)."""
    log = rounds.log
    users, user_rows = rounds.users()
    policy = recommender_policy(model, users.to_list(), log.action_ids.astype(str).tolist(), temperature=temperature,
                                epsilon=epsilon, name=name)  # fmt: skip
    if is_slated(log):
        return TargetPolicy.of_taken(name, log, _given_above(policy, log, user_rows))
    # Probabilities are those of a user, not of a round.
    asked, place = np.unique(user_rows, return_inverse=True)
    return TargetPolicy.of(name, log, policy.probabilities(Requests(asked), np.arange(log.action_count))[place])


def _given_above(policy: SlatePolicy, log: LoggedFeedback, user_rows: np.ndarray) -> np.ndarray:
    """The probability (n,) of the item of each round given the items above it in its slate."""
    inside = slate_order(log)
    place = inside.slates, inside.depth
    slates = np.full((len(inside.ids), int(inside.depth.max()) + 1), -1)
    slates[place] = log.actions[inside.order]
    asking = Requests(user_rows[inside.order][inside.starts])
    chances = slot_probabilities(policy, asking, np.arange(log.action_count), slates)
    of_round = np.empty(len(log))
    of_round[inside.order] = chances[place]
    return of_round
