from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from avrec_lib.features.surveys import favourite_tags, said_before, stated_interests
from avrec_lib.schema import Events, with_all_columns

ITEMS = pl.DataFrame({"item_id": ["x", "y", "z"], "tags": [["Jazz", "Funk"], ["Jazz"], None]})


def answers(*rows: tuple[str, str | None, float | None, int | None], event: str = "survey") -> pl.DataFrame:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    table = pl.DataFrame(
        {
            "user_id": [row[0] for row in rows], "query": [row[1] for row in rows], "value": [row[2] for row in rows],
            "timestamp": [None if row[3] is None else start + timedelta(days=row[3]) for row in rows],
            "event": [event] * len(rows),
        },
        schema_overrides={"query": pl.String, "value": pl.Float64},
    )  # fmt: skip
    return with_all_columns(table.lazy(), Events).cast(Events.create_empty().schema).collect()


def test_answers_are_matched_to_tags_whatever_their_case_and_the_rest_is_counted() -> None:
    stated = stated_interests(answers(("a", " jazz", 4, 0), ("a", "FUNK", None, 0), ("b", "polka", 5, 0)), ITEMS)
    assert stated.interests.rows() == [("a", "Jazz", 4.0), ("a", "Funk", 1.0)]
    assert (stated.answers, stated.unmatched) == (3, 1)


def test_the_last_answer_counts() -> None:
    late_first = answers(("a", "Jazz", 1, 9), ("a", "jazz", 2, 3), ("a", "funk", 5, None), ("a", "funk", 6, None))
    stated = stated_interests(late_first, ITEMS)
    assert sorted(stated.interests.rows()) == [("a", "Funk", 6.0), ("a", "Jazz", 1.0)]


def test_a_log_without_surveys_states_nothing() -> None:
    stated = stated_interests(answers(("a", "jazz", 1, 0), event="search"), ITEMS)
    assert stated.interests.is_empty()
    assert stated.answers == 0


def test_favourite_tags_are_those_of_what_was_told() -> None:
    queries = pl.DataFrame({"user_id": ["a", "b"], "history": [["x", "y", "z", "y"], []]})
    told = favourite_tags(queries, ITEMS)
    assert sorted(told.rows()) == [("a", "Funk", 1.0), ("a", "Jazz", 2.0)]


def test_only_what_was_said_before_the_first_choice_is_known_at_it() -> None:
    said = answers(("a", "jazz", 1, 1), ("a", "funk", 1, 3), ("a", "soul", 1, None), ("c", "jazz", 1, 0))
    choices = answers(("a", None, None, 2), ("a", None, None, 5), ("b", None, None, 0), event="search")
    assert said_before(said, choices)["query"].to_list() == ["jazz", "soul"]
