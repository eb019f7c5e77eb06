"""A person's own rounds from files: four rounds of two users that can be checked by eye."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.off_policy.bring import is_file_of_rounds, read_rounds
from avrec_lib.evaluate.off_policy.estimators import InversePropensity, SelfNormalised, estimate, evidence_of

ROUNDS = pl.DataFrame({
    "round_id": ["r1", "r2", "r3", "r4"],
    "user_id": [1, 1, 2, 2],
    "item_id": ["a", "b", "b", "c"],
    "reward": [1.0, 0.0, 2.0, 0.0],
    "propensity": [0.5, 0.25, 0.5, 0.2],
    "target_probability": [0.25, 0.5, 0.5, 0.1],
})  # fmt: skip
SHARES = {"a": [0.25, 0.2, 0.4, 0.6], "b": [0.5, 0.5, 0.5, 0.3], "c": [0.25, 0.3, 0.1, 0.1]}
WHOLE = pl.DataFrame(
    [(round_id, item, SHARES[item][row]) for row, round_id in enumerate(ROUNDS["round_id"]) for item in "abc"],
    ["round_id", "item_id", "probability"], orient="row",
)  # fmt: skip
"""The probabilities of the items taken are those of target_probability."""


@pytest.fixture
def write(tmp_path: Path, home):
    """Writes a table under a name and says where."""

    def parquet(table: pl.DataFrame, name: str = "rounds.parquet") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        table.write_csv(path) if name.endswith(".csv") else table.write_parquet(path)
        return path

    return parquet


def test_one_table_with_the_probability_of_what_was_taken_is_enough_for_two_estimators(write):
    found = read_rounds(write(ROUNDS))
    assert found.log.actions.tolist() == [0, 1, 1, 2]
    assert found.log.rewards.tolist() == [1, 0, 2, 0]
    assert found.log.users.tolist() == [0, 0, 1, 1]
    assert found.log.action_ids.tolist() == ["a", "b", "c"]
    evidence = evidence_of(found.log, found.targets["target"])
    # Weights 1/2, 2, 1, 1/2: (1/2·1 + 1·2) / 4, and over their sum 4.
    assert estimate(InversePropensity(), evidence) == pytest.approx(2.5 / 4)
    assert estimate(SelfNormalised(), evidence) == pytest.approx(2.5 / 4)


@pytest.mark.parametrize("name", ["rounds.parquet", "rounds.csv"])
def test_several_policies_contexts_places_and_times(write, name):
    table = ROUNDS.drop("target_probability").with_columns(
        target_probability_new=pl.Series([0.1, 0.2, 0.3, 0.4]), target_probability_old=pl.Series([0.4, 0.3, 0.2, 0.1]),
        context_age=pl.Series([30, 30, 50, 50]), context_device=pl.Series(["tv", "web", "tv", "web"]),
        position=pl.Series([1, 2, 1, 2]), request_id=pl.Series([7, 7, 8, 8]), note=pl.Series(["x", "x", "y", "y"]),
        timestamp=pl.Series(["2024-05-01 10:00:00"] * 2 + ["2024-05-02 10:00:00"] * 2),
    )  # fmt: skip
    found = read_rounds(write(table, name))
    assert list(found.targets) == ["new", "old"]
    assert found.targets["old"].of_logged.tolist() == [0.4, 0.3, 0.2, 0.1]
    assert found.log.context_names == ("context_age", "context_device=web")
    assert found.log.contexts.tolist() == [[30, 0], [30, 1], [50, 0], [50, 1]]
    assert found.log.positions.tolist() == [0, 1, 0, 1]
    assert found.log.requests.tolist() == [0, 0, 1, 1]
    assert np.diff(found.log.times).tolist() == [0, 86_400, 0]
    assert [one.explanation("en") for one in found.facts if one.name == "unused_columns"] == [
        "Columns of the file that are not used: note. What was known before the choice is read from columns "
        "whose names start with context_."
    ]
    assert found.rounds.columns == ["item_id", "reward", "user_id", "request_id", "round_id", "propensity", "timestamp",
                                    "position"]  # fmt: skip


def test_rounds_of_one_user_split_over_files_belong_together(write, tmp_path):
    for part in range(2):
        write(ROUNDS.with_columns(user_id=pl.Series(["ann", "bob", "ann", "cy"]))[part::2], f"log/part-{part}.parquet")
    found = read_rounds(tmp_path / "log")
    assert found.rounds["user_id"].to_list() == ["ann", "ann", "bob", "cy"]
    assert found.log.users.tolist() == [0, 0, 1, 2]


def test_parts_whose_columns_differ_in_type_are_one_table(write, tmp_path):
    write(ROUNDS[:2], "log/1.parquet")
    write(ROUNDS[2:].with_columns(pl.col("user_id").cast(pl.String), pl.col("reward").cast(pl.Int64)), "log/2.parquet")
    assert read_rounds(tmp_path / "log").log.users.tolist() == [0, 0, 1, 1]


def test_who_is_nobody_stands_alone_and_without_users_every_round_does(write):
    found = read_rounds(write(ROUNDS.with_columns(user_id=pl.Series([1, None, 1, None]))))
    assert found.log.users.tolist() == [0, 1, 0, 2]
    assert [(one.name, one.value) for one in found.facts if one.name == "rounds_of_nobody"] == [("rounds_of_nobody", 2)]
    assert read_rounds(write(ROUNDS.drop("user_id"))).log.users is None


def test_the_reward_may_be_a_click_or_seconds_or_named(write):
    clicked = read_rounds(write(ROUNDS.rename({"reward": "click"}).with_columns(pl.col("click") > 0))).log
    assert (clicked.rewards.tolist(), clicked.unit) == ([1, 0, 1, 0], "click")
    watched = read_rounds(write(ROUNDS.rename({"reward": "watch_seconds"}))).log
    assert (watched.rewards.tolist(), watched.unit) == ([1, 0, 2, 0], "seconds")
    sold = read_rounds(write(ROUNDS.with_columns(euros=pl.col("reward") * 10)), reward="euros").log
    assert (sold.rewards.tolist(), sold.unit) == ([10, 0, 20, 0], "euros")


def test_contexts_may_be_named(write):
    table = ROUNDS.with_columns(age=pl.Series([1, 2, 3, 4]), context_x=pl.Series([4, 3, 2, 1]))
    assert read_rounds(write(table), context_columns=["age"]).log.context_names == ("age",)
    assert read_rounds(write(table)).log.context_names == ("context_x",)
    with pytest.raises(UsageError, match=r"no column 'agee' to use as context\. Did you mean age"):
        read_rounds(write(table), context_columns=["agee"])


def test_whole_distributions_come_in_a_second_table(write):
    shuffled = WHOLE.sample(fraction=1, shuffle=True, seed=1)
    found = read_rounds(write(ROUNDS.drop("target_probability")), write(shuffled, "whole.parquet"))
    expected = np.array(list(SHARES.values())).T
    np.testing.assert_array_equal(found.targets["target"].probabilities, expected)
    np.testing.assert_array_equal(found.targets["target"].of_logged, ROUNDS["target_probability"])


def test_distributions_of_several_policies_and_of_the_one_that_logged(write):
    shares = [0.5, 0.25, 0.25, 0.5, 0.25, 0.25, 0.25, 0.5, 0.25, 0.4, 0.4, 0.2]
    logging = WHOLE.with_columns(policy=pl.lit("logging"), probability=pl.Series(shares))
    always_d = pl.DataFrame({"round_id": ROUNDS["round_id"], "item_id": "d", "probability": 1.0, "policy": "always d"})
    table = pl.concat([WHOLE.with_columns(policy=pl.lit("new")), logging, always_d.select(logging.columns)])
    found = read_rounds(write(ROUNDS), write(table, "whole.parquet"))
    assert set(found.targets) == {"target", "new", "always d"}
    assert found.log.action_ids.tolist() == ["a", "b", "c", "d"]
    assert found.log.logging[3].tolist() == [0.4, 0.4, 0.2, 0]
    assert found.targets["always d"].of_logged.tolist() == [0, 0, 0, 0]
    wrong = logging.with_columns(probability=pl.Series([*shares[:9], 0.4, 0.3, 0.3]))
    with pytest.raises(DataError, match="In 1 of 4 rounds the distribution of the logging policy"):
        read_rounds(write(ROUNDS), write(wrong, "whole.parquet"))


def test_distributions_of_rounds_that_the_log_does_not_have_are_left_out_and_counted(write):
    found = read_rounds(write(ROUNDS[:3].drop("target_probability")), write(WHOLE, "whole.parquet"))
    assert found.targets["target"].probabilities.shape == (3, 3)
    lost = next(one for one in found.facts if one.name == "distributions_of_others")
    assert (lost.value, lost.share) == (3, 0.25)


def test_targets_follow_the_rounds_that_are_kept(write):
    table = ROUNDS.with_columns(propensity=pl.Series([0.5, None, 0.5, 0.2]))
    found = read_rounds(write(table), write(WHOLE.with_columns(policy=pl.lit("new")), "w.parquet"), missing="drop")
    assert found.targets["target"].of_logged.tolist() == found.targets["new"].of_logged.tolist() == [0.25, 0.5, 0.1]


def test_propensities_that_were_not_logged_are_estimated_when_asked(write):
    found = read_rounds(write(ROUNDS.drop("propensity", "user_id")), missing="estimate")
    assert found.log.propensities_estimated
    assert found.log.logging.shape == (4, 3)


def rounds(**columns) -> pl.DataFrame:
    """ROUNDS with some columns changed, to a value or to one for each round."""
    return ROUNDS.with_columns(
        pl.Series(name, values, strict=False) if isinstance(values, list) else pl.lit(values).alias(name)
        for name, values in columns.items()
    )


BAD_ROUNDS = {
    "a column under another name": (
        ROUNDS.rename({"propensity": "pscore"}), r"has no column propensity\. Rename pscore → propensity",
    ),
    "a misspelt column": (
        ROUNDS.rename({"propensity": "propensty"}), r"has no column propensity\. Rename propensty → propensity",
    ),
    "no reward": (ROUNDS.drop("reward"), "has no column reward/click/watch_seconds/like/play/value"),
    "a propensity of zero": (rounds(propensity=0.0), "4 of 4 propensities are 0 or below"),
    "a propensity above one": (rounds(propensity=1.01), "4 of 4 propensities are above 1"),
    "a propensity that is missing": (rounds(propensity=[0.5, None, 0.5, 0.5]), "1 of 4 rounds have no propensity"),
    "one action": (rounds(item_id="a"), "knows only one action"),
    "a reward that is missing": (rounds(reward=[1.0, None, 0.0, 0.0]), "1 of 4 rewards are missing or not finite"),
    "words for numbers": (
        rounds(propensity=["0.5", "half", "a half", "1"]), "has 'half' where a number is expected, and 2 such values",
    ),
    "negative watch time": (
        rounds(reward=[1.0, -2.0, 0.0, -1.0]).rename({"reward": "watch_seconds"}), "2 of 4 events have a negative",
    ),
    "no item": (rounds(item_id=["a", "b", None, "c"]), "1 of 4 rows of .* have no item_id"),
    "lists": (rounds(item_id=[["a"]] * 4), "'item_id' of .* holds lists"),
    "half a position": (rounds(position=[1.0, 2.0, 1.0, 1.5]), "1 of 4 positions are no whole numbers"),
    "a target probability above one": (
        rounds(target_probability=[0.5, 1.2, 0.5, 0.5]), "1 of 4 probabilities of the policy 'target'",
    ),
    "a target probability that is missing": (
        rounds(target_probability=[0.5, None, 0.5, 0.5]), "1 of 4 probabilities of the policy 'target'",
    ),
    "no rows": (ROUNDS[:0], "has no rows"),
}  # fmt: skip


def test_a_log_without_chance_or_without_reward_is_a_red_fact(write):
    found = read_rounds(write(rounds(reward=0.0, propensity=1.0)))
    assert [one.name for one in found.facts if one.level == "red"] == ["rounds_without_reward", "rounds_without_chance"]


@pytest.mark.parametrize("what", BAD_ROUNDS)
def test_rounds_that_cannot_be_used_say_why(write, what):
    table, message = BAD_ROUNDS[what]
    with pytest.raises(DataError, match=message):
        read_rounds(write(table))


BAD_DISTRIBUTIONS = {
    "probabilities that do not sum to one": (
        WHOLE.with_columns(probability=pl.when(pl.col("round_id") == "r3").then(0.3).otherwise("probability")),
        "do not sum to one in 1 of 4 rounds: in round 'r3' they sum to 0.9",
    ),
    "a probability below zero": (
        WHOLE.with_columns(probability=pl.when(pl.col("round_id") == "r2").then(-0.1).otherwise("probability")),
        "3 of 12 probabilities in .* below 0 or above 1, the first in round 'r2'",
    ),
    "rounds without a distribution": (
        WHOLE.filter(pl.col("round_id") != "r4"), "1 of 4 rounds have no distribution of the policy 'target' .*'r4'",
    ),
    "an item twice": (pl.concat([WHOLE, WHOLE[:1]]), "has item 'a' twice in round 'r1'"),
    "a column under another name": (
        WHOLE.rename({"probability": "prob"}), r"no column probability\. Rename prob → probability",
    ),
    "a policy that comes twice": (WHOLE, "The policy 'target' comes twice"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_DISTRIBUTIONS)
def test_distributions_that_cannot_be_used_say_why(write, what):
    table, message = BAD_DISTRIBUTIONS[what]
    with pytest.raises(DataError, match=message):
        read_rounds(write(ROUNDS), write(table, "whole.parquet"))


def test_distributions_need_an_id_for_each_round(write):
    whole = write(WHOLE, "whole.parquet")
    with pytest.raises(DataError, match="has no column round_id"):
        read_rounds(write(ROUNDS.drop("round_id")), whole)
    with pytest.raises(DataError, match="several rounds with the round_id 'r1'"):
        read_rounds(write(ROUNDS.with_columns(round_id=pl.Series(["r1", "r1", "r2", "r3"]))), whole)


def test_an_item_that_is_no_candidate_is_named_with_its_file(write):
    with pytest.raises(DataError, match=r"1 of 4 rows of .*rounds.parquet name an item that is no candidate.* 'c'"):
        read_rounds(write(ROUNDS), candidates=["a", "b"])
    more = pl.concat([WHOLE, pl.DataFrame({"round_id": "r1", "item_id": "z", "probability": 0.0})])
    with pytest.raises(DataError, match=r"1 of 13 rows of .*whole.parquet name an item that is no candidate.* 'z'"):
        read_rounds(write(ROUNDS), write(more, "whole.parquet"), candidates=["a", "b", "c"])
    assert read_rounds(write(ROUNDS), candidates=["d", "c", "b", "a"]).log.actions.tolist() == [3, 2, 2, 1]


def test_files_that_are_no_tables(tmp_path, home):
    with pytest.raises(UsageError, match="There is no file"):
        read_rounds(tmp_path / "nowhere.parquet")
    empty = tmp_path / "empty.parquet"
    empty.touch()
    with pytest.raises(DataError, match=r"empty\.parquet is empty"):
        read_rounds(empty)
    broken = tmp_path / "broken.parquet"
    ROUNDS.write_parquet(broken)
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(DataError, match=r"broken\.parquet cannot be read"):
        read_rounds(broken)


def test_rounds_of_several_policies_must_be_told_apart_and_a_missing_file_is_one(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("item_id,click,propensity,policy\na,1,.5,old\nb,0,.5,old\na,0,.2,new\n")
    with pytest.raises(UsageError, match="rounds of 2 policies: new, old"):
        read_rounds(path)
    assert len(read_rounds(path, policy="old").log) == 2
    with pytest.raises(UsageError, match="Did you mean old"):
        read_rounds(path, policy="olt")
    with pytest.raises(UsageError, match="no column 'platform'"):
        read_rounds(path, policy="old", platform="tv")
    assert is_file_of_rounds(str(path))
    assert is_file_of_rounds(str(tmp_path))
    assert not is_file_of_rounds("movielens-100k")
    with pytest.raises(UsageError, match="There is no file"):
        is_file_of_rounds(str(tmp_path / "nosuch.parquet"))


def test_a_place_that_a_request_has_twice_and_a_column_that_is_something_else(tmp_path):
    path = tmp_path / "rounds.csv"
    path.write_text("item_id,click,propensity,request_id,position\na,1,.5,r0,1\nb,0,.5,r0,1\n")
    with pytest.raises(DataError, match=r"1 of 2 rounds repeat a position .* position 1 of request 'r0'"):
        read_rounds(path)
    path.write_text("item_id,click,prob,request_id,position\na,1,.5,r0,1\nb,0,.5,r0,2\n")
    with pytest.raises(DataError, match="no column propensity") as error:
        read_rounds(path)
    assert "position →" not in str(error.value)
