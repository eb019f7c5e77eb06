"""Does a result hang on how ties in time were put in order? How many there are, and the file's own order in them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from avrec_lib.data.facts import Fact, Level, in_percent, level_of, share_of
from avrec_lib.data.split import Split
from avrec_lib.data.split_ties import places_of_ids

TIED_AMBER, TIED_RED = 0.01, 0.2
FEWEST_PAIRS = 100
STRONG, TOTAL = 0.5, 0.9  # of the concordance between file order and item ids


def needs_order(splits: Sequence[Split]) -> bool:
    """Whether the splits ask what came last of a user, so that the order of a user's events decides the test."""
    protocol = splits[0].protocol
    method = protocol.get("method")
    return method == "leave_last_out" or (method == "user_holdout" and protocol.get("tie_rule") is not None)


def is_drawn(splits: Sequence[Split]) -> bool:
    """Whether the order of tied events was drawn at random."""
    return splits[0].protocol.get("tie_rule") == "random"


def tied_queries(splits: Sequence[Split]) -> tuple[int | None, float | None]:
    """Queries of all windows whose test the tie rule chose, and their share; None where the splits do not say."""
    if not needs_order(splits):
        return 0, 0.0
    counts = [split.protocol.get("tied_queries") for split in splits]
    if None in counts:
        return None, None
    tied = sum(counts)  # type: ignore[arg-type]
    return tied, share_of(tied, sum(split.queries.height for split in splits))


def tied_choices(choices: pl.LazyFrame) -> tuple[int, float | None]:
    """Rows of `choices` that share their time with another of the same user, and their share of those with a time."""
    timed = choices.filter(pl.col("timestamp").is_not_null())
    moments = timed.group_by("user_id", "timestamp").len()
    tied, rows = (
        moments.select(pl.col("len").filter(pl.col("len") > 1).sum(), pl.col("len").sum().alias("rows"))
        .collect(engine="streaming")
        .row(0)
    )
    return tied, share_of(tied, rows)


def ties_in_time(splits: Sequence[Split], choices: pl.LazyFrame) -> Fact:
    """Rows of `choices` that share their time with another of the user, and queries whose test the tie rule chose.

    Amber from 1 % of the queries, red from 20 %; with tie_rule=random, where no artefact chooses, amber at most.
    Green where the order within a user does not matter. Counts and shares are over all windows together.
    """
    count, tied_share = tied_choices(choices)
    if tied_share is None:
        return Fact(
            "ties_in_time", 0, None, "info",
            "This log has no times, so nothing is tied; nor can anything be said about what came first.",
            {"reading": "–"},
        )  # fmt: skip
    words = {"events": in_percent(tied_share)}
    if not needs_order(splits):
        return Fact(
            "ties_in_time", count, tied_share, "info",
            "{events} of the choices share their time with another of the same user. This split does not ask which "
            "came first, so ties do not choose the test; a model that learns from order still depends on how they are "
            "broken.",
            words,
        )  # fmt: skip
    tied, share = tied_queries(splits)
    words["rule"] = str(splits[0].protocol.get("tie_rule") or "file_order")
    if tied is None:
        return Fact(
            "ties_in_time", count, tied_share, level_of(tied_share, TIED_AMBER),
            "{events} of the choices share their time with another of the same user. This split asks what came last, "
            "and does not say for how many queries the tie rule {rule} chose it.",
            words,
        )  # fmt: skip
    drawn = is_drawn(splits)
    level = level_of(share, TIED_AMBER, 2.0 if drawn else TIED_RED)
    if drawn and len(splits) > 1:
        template = (
            "{events} of the choices share their time with another of the same user, and for {share} of the queries "
            "their order chose the test. It was drawn at random {draws} times: read the average over the draws, and no "
            "single one."
        )
    elif drawn:
        template = (
            "{events} of the choices share their time with another of the same user, and for {share} of the queries "
            "their order chose the test. It was drawn at random once: another seed asks other questions."
        )
    elif level == "info":
        template = (
            "{events} of the choices share their time with another of the same user; for {share} of the queries the "
            "tie rule {rule} chose the test."
        )
    else:
        template = (
            "{events} of the choices share their time with another of the same user, and for {share} of the queries "
            "the tie rule {rule} chose the test: another rule asks other questions. Use tie_rule=random, or "
            "split=global_time."
        )
    words["draws"] = str(len(splits))
    return Fact("ties_in_time", tied, share, level, template, words)


def concordance_in_ties(choices: pl.LazyFrame) -> tuple[float | None, int]:
    """Whether tied events stand in the order of their item ids, and over how many pairs of rows.

    Over neighbouring rows, in file order, of one user at one time with two different items: the share that goes up in
    item id minus the share that goes down, as Kendall's tau does over all pairs; 1 sorted up, 0 no relation. Ids
    compare as in `data.split_ties`.
    """
    rows = choices.select("user_id", "timestamp", "item_id").with_row_index("row").filter(
        pl.col("timestamp").is_not_null() & pl.col("item_id").is_not_null()
    ).collect()  # fmt: skip
    ordered = rows.with_columns(item=places_of_ids(rows["item_id"])).sort("user_id", "timestamp", "row")
    tied = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in ("user_id", "timestamp"))
    before = pl.col("item").shift()
    up, down = ordered.select(
        (tied & (pl.col("item") > before)).sum(), (tied & (pl.col("item") < before)).sum().alias("down")
    ).row(0)  # fmt: skip
    pairs = int(up) + int(down)
    return (int(up) - int(down)) / pairs if pairs else None, pairs


def id_order_in_ties(splits: Sequence[Split], choices: pl.LazyFrame) -> Fact:
    """Whether the order that breaks ties is only the order of item ids: an artefact, and no behaviour.

    A concordance of ±.5 is strong, of ±.9 total. Where the split asks what came last and breaks ties by item id, or
    by a file order that strongly follows it: amber from 1 % of tied queries; red from 20 % when the rule is the item
    id or the concordance total.
    """
    found, pairs = concordance_in_ties(choices)
    rule = str(splits[0].protocol.get("tie_rule") or "file_order")
    tied, share = tied_queries(splits)
    if found is None or pairs < FEWEST_PAIRS:
        found = None
    by_id = rule in ("item_id", "item_id_descending")
    strong = found is not None and abs(found) >= STRONG
    artefact = needs_order(splits) and tied != 0 and (by_id or (rule == "file_order" and strong))
    total = by_id or (found is not None and abs(found) >= TOTAL)
    words = {"reading": "–" if found is None else f"{found:+.2f}".replace("-", "−"), "rule": rule,
             "pairs": f"{pairs:,}", "queries": in_percent(share)}  # fmt: skip
    if artefact:
        level: Level = "amber" if share is None else level_of(share, TIED_AMBER, TIED_RED if total else 2.0)
        if by_id:
            words["reading"] = in_percent(share)
            template = (
                "Ties are sorted by {rule}, so for {queries} of the queries the test is the item with the outermost "
                "id, not the one chosen last: an artefact that a model may learn. Use tie_rule=random."
            )
        else:
            template = (
                "Tied events stand in the file in the order of their item ids (concordance {reading} over {pairs} "
                "pairs), and file_order takes that for time in {queries} of the queries: an artefact that a model may "
                "learn. Use tie_rule=random."
            )
        return Fact("item_id_order_in_ties", pairs, None, level, template, words)
    if found is None:
        template = "Too few tied events ({pairs} pairs) to tell whether they stand in the order of their item ids."
    elif strong:
        template = (
            "Tied events stand in the file in the order of their item ids (concordance {reading} over {pairs} pairs): "
            "no order of behaviour. This split does not take it for one."
        )
    else:
        template = (
            "Tied events do not stand in the order of their item ids (concordance {reading} over {pairs} pairs; 1 "
            "would be sorted)."
        )
    return Fact("item_id_order_in_ties", pairs, None, "info", template, words)
