"""How much more slates earn under a new policy than under the one that logged them: the difference, doubly robust.

With q_k the modelled reward of what stands at place k, v what a policy's slates earn by that model, R_k what came back
and W_k = Π_{j≤k} π(S_j | above) / p(S_j | above), the difference is

    mean(v_new − v_old) + Σ_k (Σ W_k (R_k − q_k) / Σ W_k − mean(R_k − q_k)).

The weights are those of a cascade, self-normalised for each place (McInerney et al. 2020); they correct the model by
what it did not foresee. Because v_old stands where the logged rewards would, what the slates that happened to be drawn
are worth is left out: both policies share it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avrec_lib.errors import DataError
from avrec_lib.evaluate.off_policy.estimators import Evidence, Ratio


@dataclass(frozen=True)
class SlateDifference:
    """n slates of as many slots, arrays (n, slots) unless said; made by `slate_difference`.

    `weights` are the products W from the top, `residuals` R − q, `modelled` (n,) is v_new − v_old.
    """

    weights: np.ndarray
    rewards: np.ndarray
    residuals: np.ndarray
    modelled: np.ndarray
    users: np.ndarray

    def ratios(self) -> tuple[Ratio, ...]:
        """The difference per slate as a sum of ratios over slates (`intervals.Totals`)."""
        places = range(self.weights.shape[1])
        weighted = [Ratio(self.weights[:, k] * self.residuals[:, k], self.weights[:, k]) for k in places]
        return (Ratio(self.modelled - self.residuals.sum(axis=1)), *weighted)

    def by_model(self) -> tuple[Ratio, ...]:
        """The same by the model alone: as right as the model is."""
        return (Ratio(self.modelled),)

    def places(self) -> Evidence:
        """The places as rounds, weighted by W, for the lights in front of a value."""
        users = np.repeat(self.users, self.weights.shape[1])
        return Evidence(self.weights.ravel(), self.rewards.ravel(), users=users)


def slate_difference(
    rewards: np.ndarray, old: np.ndarray, new: np.ndarray, predicted: np.ndarray, modelled: np.ndarray,
    users: np.ndarray,
) -> SlateDifference:  # fmt: skip
    """From rewards, chances of either policy given what stands above, and predictions, each (n, slots).

    `modelled` (n,) is v_new − v_old by the same model (`policies.slate_values.expected_rewards`), `users` (n,) are
    rows. Raises DataError for arrays that do not fit, chances of 0 under the old policy, or numbers not finite.
    """
    if not rewards.shape == old.shape == new.shape == predicted.shape or len(modelled) != len(rewards):
        raise DataError("Rewards, chances and predictions of slates differ in shape: {shapes}.",
                        shapes=", ".join(str(one.shape) for one in (rewards, old, new, predicted)))  # fmt: skip
    if not (old > 0).all():
        raise DataError("{count} of {places} places have a chance of 0 or none under the policy that logged them.",
                        hint="What was shown cannot have had no chance.", count=int((~(old > 0)).sum()),
                        places=old.size)  # fmt: skip
    weights = np.cumprod(new / old, axis=1)
    numbers = (weights, rewards, predicted, modelled)
    wrong = sum(int((~np.isfinite(one)).sum()) for one in numbers)
    if wrong:
        raise DataError("{count} weights, rewards or predictions of slates are not finite.", count=wrong)
    return SlateDifference(weights, rewards, rewards - predicted, modelled, users)
