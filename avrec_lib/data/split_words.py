"""How a log was split, in sentences: what was learned from, what was asked, and what nobody could have found."""

from __future__ import annotations

from collections.abc import Sequence

from avrec_lib.data.note import Note
from avrec_lib.data.split import Split

HOW = {
    "global_time": "Split by time at **{cut} UTC**: {train:,} training events before, {test:,} test events from then "
    "on.",
    "rolling_time": "Split by time in **{windows} windows**, at {cuts} UTC: each learns from all events before it, is "
    "asked up to the next, and {test:,} test events are in them together.",
    "leave_last_out": "The **last choice of each user** is the answer ({test:,} of them); events at the same time are "
    "put in order by {tie_rule}. The models learn from what others did later, so read every number as optimistic.",
    "random": "Split **at random**: {train:,} training and {test:,} test events. The models may learn from rows that "
    "are later than those they are asked about, so read every number below as optimistic.",
    "user_holdout": "**{asked:,} users are held out**: nothing of them is learned, four fifths of their choices are "
    "told when they are asked, and the rest is to be found. Others' later choices are in training.",
    "cold_item": "The answers are **items that training never met**: {candidates:,} new items may be ranked, "
    "{answered:,} of them are an answer to somebody, and {train:,} training events know others only.",
    "cold_user": "The users asked are **new**: {asked:,} users of whom nothing is known, {train:,} training events of "
    "others.",
}
OF_WHOM = (
    "Of the queries, {warm:,} are of users who are known and {cold:,} of new ones; {unseen:.0%} of the test events "
    "belong to new users. Left out of the answers: {repeats:,} pairs ({share:.0%}) that the user had already met. No "
    "collaborative model can find the {unseen_items:,} answers whose item is new."
)
OF_WHOM_TIMED = (
    "Of the queries, {warm:,} are of users who are known and {cold:,} of new ones; {unseen:.0%} of the test events "
    "belong to new users. Left out of the answers: {repeats:,} pairs ({share:.0%}) that the user had already met. No "
    "collaborative model can find the {unseen_items:,} answers whose item is new. **{untimed:,} choices have no time** "
    "and are in neither training nor test."
)
OPTIMISTIC = ("random", "leave_last_out", "user_holdout")
"""Methods whose training holds events that are later than the test."""


def split_in_words(splits: Sequence[Split]) -> list[Note]:
    """How `splits` (the windows of one `split_windows`) were made, and what is asked of whom."""
    first, protocol = splits[0], splits[0].protocol
    cuts = [split.protocol["cut"][:16].replace("T", " ") for split in splits if split.protocol["cut"]]
    total = {
        name: sum(split.protocol[name] for split in splits)
        for name in ("test_events", "test_pairs", "repeats_dropped_from_truth", "truth_of_unseen_items")
    }
    values = {
        "train": protocol["train_events"], "test": total["test_events"], "asked": first.queries.height,
        "cut": cuts[0] if cuts else None, "cuts": ", ".join(cuts), "windows": len(splits),
        "tie_rule": protocol["tie_rule"], "candidates": protocol["candidates"],
        "answered": first.truth["item_id"].n_unique(),
    }  # fmt: skip
    unseen = sum(split.protocol["test_events_of_unseen_users"] for split in splits)
    untimed = protocol["events_without_time"]
    asked = Note(
        OF_WHOM_TIMED if untimed else OF_WHOM,
        {
            "warm": sum(split.warm_queries.height for split in splits),
            "cold": sum(split.cold_queries.height for split in splits),
            "unseen": unseen / total["test_events"], "repeats": total["repeats_dropped_from_truth"],
            "share": total["repeats_dropped_from_truth"] / total["test_pairs"],
            "unseen_items": total["truth_of_unseen_items"], "untimed": untimed,
        },
    )  # fmt: skip
    return [Note(HOW[protocol["method"]], values), asked]
