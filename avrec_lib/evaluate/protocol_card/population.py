"""For whom and for what do the numbers speak: known users, new items, what was left out."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from avrec_lib.data.facts import Fact, in_percent, level_of, share_of
from avrec_lib.data.split import Split
from avrec_lib.evaluate.bootstrap import FEWEST_USERS

MOSTLY, FEW = 0.5, 0.1


def known_users(splits: Sequence[Split]) -> Fact:
    """Queries whose user has a history, and those without; test events of users that training never met.

    Summed over windows. Amber when fewer than 30 different users are known, or most test events are of unseen users,
    unless the split asks for new users (`cold_user`).
    """
    warm = sum(split.warm_queries.height for split in splits)
    asked = sum(split.queries.height for split in splits)
    people = pl.concat([split.warm_queries.select("user_id") for split in splits])["user_id"].n_unique()
    of_unseen, tested = (
        sum(split.protocol.get(key) or 0 for split in splits) for key in ("test_events_of_unseen_users", "test_events")
    )
    unseen = share_of(of_unseen, tested)
    words = {"known": f"{people:,}", "asked": f"{asked:,}", "cold": f"{asked - warm:,}", "unseen": in_percent(unseen),
             "fewest": str(FEWEST_USERS)}  # fmt: skip
    share = share_of(warm, asked)
    if splits[0].protocol.get("method") == "cold_user":
        return Fact("users_with_history", warm, share, "info",
                    "This split asks for new users only, as it should: {cold} of {asked} queries have no history.",
                    words)  # fmt: skip
    if people < FEWEST_USERS:
        return Fact(
            "users_with_history", warm, share, "amber",
            "Only {known} users of the test have a history ({value} of {asked} queries): fewer than {fewest} carry no "
            "verdict. Use a larger test_share, another split, or a longer log.",
            words,
        )  # fmt: skip
    if unseen is not None and unseen > MOSTLY:
        return Fact(
            "users_with_history", warm, share, "amber",
            "{unseen} of the test events are of users that training never met: what is said of the {known} users with "
            "a history says little about the traffic. Report new users beside them.",
            words,
        )  # fmt: skip
    return Fact(
        "users_with_history", warm, share, "info",
        "Of {asked} queries {value} ({share}) are of users with a history and {cold} of new users, who have {unseen} "
        "of the test events.",
        words,
    )  # fmt: skip


def new_items(splits: Sequence[Split]) -> Fact:
    """Answers whose item no training row has, over all windows, and the recall that is left to who cannot know them.

    Ceiling of recall: mean over queries of known answers / all answers. Amber from a tenth, with another sentence from
    half; green where the split asks for new items.
    """
    known, queries, answers = 0.0, 0, 0
    for split in splits:
        item_is_known = pl.col("item_id").is_in(split.train["item_id"].unique().implode())
        shares = split.truth.group_by("query_id").agg(known=item_is_known.mean())["known"]
        known, queries, answers = known + float(shares.sum()), queries + shares.len(), answers + split.truth.height
    new = sum(split.protocol.get("truth_of_unseen_items") or 0 for split in splits)
    share = share_of(new, answers)
    words = {"answers": f"{answers:,}", "ceiling": f"{known / queries:.3f}" if queries else "–"}
    if splits[0].protocol.get("method") == "cold_item":
        return Fact("answers_on_new_items", new, share, "info",
                    "This split asks for new items only, as it should: {share} of the {answers} answers.",
                    words)  # fmt: skip
    template = (
        "{share} of the {answers} answers are items without a training row, which no collaborative model can find: "
        "however long its list, its recall reaches {ceiling} at most."
    )
    if level_of(share, MOSTLY) == "amber":
        template = (
            "{share} of the {answers} answers are items without a training row: this is mostly a test of cold start. "
            "No collaborative model can find them, and however long its list, its recall reaches {ceiling} at most. "
            "Read it as one, or use split=cold_item for it."
        )
    return Fact("answers_on_new_items", new, share, level_of(share, FEW), template, words)


def population(splits: Sequence[Split], sampled_negatives: int | None = None) -> list[Fact]:
    """Which users the numbers speak for, and a fact for each way in which the log, the items or the ranking was
    narrowed: k-core, min_value, grading, candidates, sampled negatives.
    """
    protocol = splits[0].protocol
    asked = pl.concat([split.queries.select("user_id") for split in splits])["user_id"].n_unique()
    users = protocol.get("users")
    share = share_of(asked, users)
    words = {"users": "–" if users is None else f"{users:,}", "windows": str(len(splits)),
             "method": protocol.get("method", "–")}  # fmt: skip
    few = share is not None and share <= FEW
    if protocol.get("method") == "leave_last_out" and protocol.get("tie_rule") == "random":
        # Orders of ties ask the same users at the same time: they are no windows.
        template = (
            "The numbers speak for {value} of {users} users ({share}), who are asked by this split (split={method}, "
            "tie orders: {windows})."
        )
    elif few:
        template = (
            "The numbers speak for {value} of {users} users ({share}); the others are not asked by this split (split="
            "{method}, windows: {windows}). Say so beside every number, or use a larger test_share."
        )
    else:
        template = (
            "The numbers speak for {value} of {users} users ({share}), who are asked by this split (split={method}, "
            "windows: {windows})."
        )
    facts = [Fact("users_asked", asked, share, "amber" if few else "info", template, words)]
    untimed = max(split.protocol.get("events_without_time") or 0 for split in splits)
    rows = untimed + max(split.train.height + (split.protocol.get("test_events") or 0) for split in splits)
    if untimed:
        lost = share_of(untimed, rows)
        facts.append(Fact("choices_without_time", untimed, lost, level_of(lost, 0.01, MOSTLY),
                          "{share} of the choices have no time and were left out: the numbers speak for the others.",
                          words))  # fmt: skip
    k_core = protocol.get("k_core")
    if k_core and k_core > 1:
        facts.append(
            Fact(
                "k_core", k_core, None, "amber",
                "Users and items with fewer than {value} choices were removed, looking at the whole log with the test "
                "in it: the numbers speak for the active and the popular, and are higher than on all. Use k_core=0.",
                {},
            )
        )  # fmt: skip
    least = protocol.get("min_value")
    if least is not None:
        facts.append(Fact("min_value", 0, None, "info",
                          "Rows with a value under {least} are no choices: neither learned from nor asked for.",
                          {"reading": f"≥ {least:g}", "least": f"{least:g}"}))  # fmt: skip
    if protocol.get("graded"):
        facts.append(Fact("graded_answers", 0, None, "info",
                          "Answers are graded: the value of the row is the gain, so compare with graded numbers only.",
                          {"reading": "✓"}))  # fmt: skip
    if (candidates := splits[0].candidates) is not None:
        facts.append(Fact("candidates", candidates.len(), None, "info", _where_candidates_come_from(splits[0]), {}))
    if sampled_negatives is not None:
        facts.append(
            Fact(
                "sampled_negatives", sampled_negatives, None, "red",
                "Each answer is ranked among {value} sampled items, not among all: gaps shrink and the order of "
                "models may turn (Krichene and Rendle 2020). Only to set beside a paper that did the same; else rank "
                "all.",
                {},
            )
        )  # fmt: skip
    return facts


def _where_candidates_come_from(split: Split) -> str:
    if split.protocol.get("method") != "cold_item":
        return (
            "Only {value} items may be ranked: numbers are higher than over the whole catalogue, and compare only with "
            "the same candidates."
        )
    if split.protocol.get("cut"):
        return (
            "Only {value} items may be ranked: those that are chosen in the test and have no training row. New items "
            "that nobody chose are not among them, and known ones neither: numbers are higher than on the day of a "
            "launch, and compare only with the same candidates."
        )
    return (
        "Only {value} items may be ranked: those drawn at random to be cold, for the log has no times. Nothing says "
        "that they were new; numbers are higher than over the whole catalogue, and compare only with the same "
        "candidates."
    )
