"""Questions made inside a training log: what a user chose last, asked of what came before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions

MOST_QUESTIONS = 20_000


def last_choices(
    interactions: Interactions, each: int, seed: int = 0, repeats: bool = False
) -> tuple[Interactions, Histories, np.ndarray]:
    """The last `each` choices of every user (at most half of them) taken out of the log, and asked one by one.

    Returns the log without them, what was known before each (all earlier choices, hidden ones too), and the item row of
    each answer, one a question. An answer that was in the history already is asked only with `repeats`. Of more than
    20,000 questions so many are drawn.
    """
    past = interactions.past
    hidden = np.minimum(each, past.lengths // 2)
    is_hidden = past.ages < np.repeat(hidden, past.lengths)
    answers = np.flatnonzero(is_hidden)
    users = past.queries[answers]
    if not repeats:
        first_time = np.zeros(len(past.items), dtype=bool)
        first_time[np.unique(past.queries * past.catalogue + past.items, return_index=True)[1]] = True
        asked = first_time[answers]
        answers, users = answers[asked], users[asked]
    if len(answers) > MOST_QUESTIONS:
        drawn = np.sort(np.random.default_rng(seed).choice(len(answers), MOST_QUESTIONS, replace=False))
        answers, users = answers[drawn], users[drawn]
    lengths = answers - past.starts[users]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    places = np.arange(starts[-1]) + np.repeat(past.starts[users] - starts[:-1], lengths)
    known = Histories(
        starts, past.items[places], past.times[places], past.user_ids[users], users, past.times[answers],
        past.catalogue,
    )  # fmt: skip
    left = np.flatnonzero(~is_hidden)
    log = pl.DataFrame(
        {
            "user_id": past.user_ids[past.queries[left]],
            "item_row": past.items[left].astype(np.uint32),
            "timestamp": interactions.log.get_column("timestamp")[interactions.order[left]],
        }
    )
    return replace(interactions, log=log), known, past.items[answers]
