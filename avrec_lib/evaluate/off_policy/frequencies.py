"""A policy known only by another log of its own: how often it took each action at each position."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from avrec_lib.data.facts import Fact
from avrec_lib.errors import DataError
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.rounds import rows_among
from avrec_lib.evaluate.off_policy.slates import is_slated, slate_order

OTHER_POLICY = 0.3
"""Mean share by which propensities differ from frequencies where they tell of another policy; counting alone moves a
frequency of ten rounds by as much.
"""


def frequency_policy(name: str, own: LoggedFeedback, log: LoggedFeedback, *, by_position: bool = True) -> TargetPolicy:
    """The policy that logged `own` as a target for `log`: its frequency of each action at the position of the round.

    This is its average over who asked and when: where it looked at the context, the target is another policy that takes
    each action as often at each place, and the mean reward of `own` is not exactly its truth. Without positions in both
    logs, or with `by_position` false, all places together count. Raises DataError for an action that `log` does not
    know, for a position that `own` has no round of, and for a log of slates: there a policy is known by what it does
    given the items above, which an average does not tell.
    """
    if is_slated(log):
        raise DataError("In a log of slates the policy {name} cannot be known by its frequencies: what it does depends "
                        "on the items above.", hint="Bring its probabilities given the items above.",
                        name=repr(name))  # fmt: skip
    known = rows_among(pl.Series(own.action_ids.astype(str)), pl.Series(log.action_ids.astype(str)))
    strange = known[own.actions] < 0
    if strange.any():
        raise DataError("{count} of {rounds} rounds of the policy {name} took an action that the other log does not "
                        "know.", hint="Bring both logs with the same candidates.", count=int(strange.sum()),
                        rounds=len(own), name=repr(name))  # fmt: skip
    if by_position and own.positions is not None and log.positions is not None:
        places, place_of = np.unique(np.concatenate([own.positions, log.positions]), return_inverse=True)
        of_own, of_log = place_of[: len(own)], place_of[len(own) :]
    else:
        places = np.zeros(1, dtype=np.int64)
        of_own, of_log = np.zeros(len(own), dtype=np.int64), np.zeros(len(log), dtype=np.int64)
    shape = (len(places), log.action_count)
    counts = np.bincount(of_own * shape[1] + known[own.actions], minlength=shape[0] * shape[1]).reshape(shape)
    totals = counts.sum(axis=1)
    empty = np.isin(of_log, np.flatnonzero(totals == 0))
    if empty.any():
        raise DataError("{count} of {rounds} rounds are at a position where the policy {name} has none.",
                        hint="Let positions count together: by_position=False.", count=int(empty.sum()),
                        rounds=len(log), name=repr(name))  # fmt: skip
    table = counts / np.maximum(totals, 1)[:, None]
    made = TargetPolicy.of(name, log, table[of_log])
    return replace(made, facts=(_how_known(name, own, table[of_own, known[own.actions]]),))


def _how_known(name: str, own: LoggedFeedback, frequencies: np.ndarray) -> Fact:
    """That a policy is known by its frequencies; red where its own propensities say that they are not all."""
    off = float(np.average(np.abs(own.propensities / frequencies - 1)))
    words = {"policy": name, "off": f"{off:.0%}"}
    if off > OTHER_POLICY:
        return Fact(
            "known_by_frequencies", len(own), None, "red",
            "{policy} is known here by how often it took each item at each place, but its own propensities differ from "
            "that by {off}: it looked at who asked, or changed. What could be estimated is another policy; compare it "
            "by its own rounds.", words,
        )  # fmt: skip
    return Fact("known_by_frequencies", len(own), None, "amber",
                "{policy} is known here by how often it took each item at each place.", words)  # fmt: skip


def uniform_policy(log: LoggedFeedback, name: str = "uniform") -> TargetPolicy:
    """Each action of `log` with the same probability, as a target; in slates each of those not shown above."""
    if is_slated(log):
        inside = slate_order(log)
        depth = np.empty(len(log), dtype=np.int64)
        depth[inside.order] = inside.depth
        return TargetPolicy(name, 1 / np.maximum(log.action_count - depth, 1))
    share = 1 / log.action_count
    return TargetPolicy(name, np.full(len(log), share), np.broadcast_to(share, (len(log), log.action_count)))
