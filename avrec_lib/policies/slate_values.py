"""What a policy's slates are worth by a model of rewards, without a log of such slates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avrec_lib.policies.slate_laws import SlateLaw


def expected_rewards(
    law: SlateLaw, models: Sequence[np.ndarray], rng: np.random.Generator, draws: int = 1
) -> list[np.ndarray]:  # fmt: skip
    """For each of `models`, (n, slots, a) rewards by place and candidate, what a slate of `law` earns: (n,).

    The mean over `draws` slates of Σ_k Σ_a π(a | above) · reward(k, a): only what stands above is drawn, the place
    itself is taken over all candidates, so one draw is unbiased and its noise small. The models share the slates.
    """
    n, slots, _ = models[0].shape
    each = np.arange(n)
    totals = [np.zeros(n) for _ in models]
    for _ in range(draws):
        left = np.ones(law.shape, dtype=bool)
        for slot in range(slots):
            chances = law.next(left)
            for total, model in zip(totals, models, strict=True):
                total += np.einsum("na,na->n", chances, model[:, slot])
            reach = np.cumsum(chances, axis=1)
            aims = np.minimum(rng.random(n), np.nextafter(1, 0)) * reach[:, -1]
            left[each, (reach > aims[:, None]).argmax(axis=1)] = False
    return [total / draws for total in totals]
