"""Tuning finds what is plain to see, never ends below the defaults, and spends the same on everyone."""

from __future__ import annotations

import json
import logging
from functools import partial

import polars as pl
import pytest
from dials import WANTED, Dial, Hopeless, Picky, Switch, windows
from polars.testing import assert_frame_equal

from avrec_lib.errors import AvrecError, DataError, UsageError
from avrec_lib.evaluate.compare import paired_difference, summarise
from avrec_lib.evaluate.trial import known_values, run_trials
from avrec_lib.models import EASE, Popularity
from avrec_lib.models.search_space import Real, Whole
from avrec_lib.training.tuning import Tuning, tune, tune_all, tuning_table

SPLITS = windows()


def value_of(model) -> float:
    return known_values(run_trials([model], SPLITS, 10), k=[10], metrics=["ndcg"])["value"].mean()  # type: ignore[return-value]


def without_seconds(tuning: Tuning) -> pl.DataFrame:
    return tuning.trials.drop("seconds")


def test_the_best_options_are_found_and_their_value_is_that_of_a_trial():
    tuning = tune(Dial, SPLITS, budget=25)
    assert tuning.options == {"aim": WANTED}
    assert tuning.value == pytest.approx(value_of(Dial(WANTED)))
    assert tuning.default_value == pytest.approx(value_of(Dial()))
    assert tuning.best_model().aim == WANTED
    row = summarise(tuning.values).row(0, named=True)
    assert tuning.interval() == (row["value"], row["low"], row["high"])


def test_the_first_trial_has_the_defaults_and_nothing_chosen_is_below_it():
    tuning = tune(Dial, SPLITS, budget=1)
    assert [json.loads(options) for options in tuning.trials["options"]] == [{"aim": 3}]
    assert tuning.value == tuning.default_value
    for seed in range(3):
        chosen = tune(Dial, SPLITS, budget=4, seed=seed)
        assert chosen.value >= chosen.default_value


def test_the_best_is_kept_among_equals_at_the_defaults():
    assert tune(Dial, SPLITS, budget=8, k=1, space={"aim": Whole(3, 8)}).options == {"aim": 3}


def test_the_budget_is_a_number_of_trials():
    assert tune(Dial, SPLITS, budget=7).trials["number"].to_list() == list(range(7))


def test_hopeless_trials_are_given_up_after_a_window():
    trials = tune(Dial, SPLITS, budget=25).trials
    assert trials.filter(state="complete")["windows"].unique().to_list() == [3]
    pruned = trials.filter(state="pruned")
    assert pruned.height and pruned["windows"].max() < 3
    assert pruned["value"].max() <= trials.filter(state="complete")["value"].max()


def test_one_window_is_tuned_on_too():
    tuning = tune(Dial, windows(1), budget=25)
    assert tuning.options == {"aim": WANTED} and set(tuning.trials["state"]) == {"complete"}


def test_the_same_seed_gives_the_same_trials_and_another_one_others():
    once, again, other = (tune(Dial, SPLITS, budget=15, seed=seed) for seed in (1, 1, 2))
    assert_frame_equal(without_seconds(once), without_seconds(again))
    assert not without_seconds(once).equals(without_seconds(other))


def test_options_that_were_tried_before_are_not_run_again_but_count():
    Dial.fits.clear()
    tuning = tune(Switch, SPLITS, budget=12)
    assert len(Dial.fits) <= 4 * len(SPLITS)
    assert tuning.trials.height == 12 and tuning.options == {"way": "right"}


def test_a_default_outside_the_space_is_the_first_trial_all_the_same():
    tuning = tune(Switch, SPLITS, budget=6)
    assert json.loads(tuning.trials["options"][0]) == {"way": None}
    assert tune(Dial, SPLITS, budget=3, space={"aim": Whole(10, 14)}).default_value == pytest.approx(value_of(Dial(3)))


def test_what_a_model_refuses_fails_its_trial_only():
    tuning = tune(Picky, SPLITS, budget=12)
    failed = tuning.trials.filter(state="failed")
    assert failed.height and failed["value"].null_count() == failed.height
    assert all(json.loads(options)["aim"] % 2 for options in failed["options"])
    assert set(failed["reason"]) == {"The split leaves no 1 rows (2 train, 3 test)."}
    assert tuning.options["aim"] % 2 == 0


def test_a_model_that_never_learns_has_no_value_and_says_why():
    tuning = tune(Hopeless, SPLITS, budget=5)
    assert (tuning.options, tuning.value, tuning.default_value, tuning.gain()) == (None, None, None, None)
    with pytest.raises(DataError, match="hopeless came to an end: The split leaves no"):
        tuning.best_model()


def test_other_mistakes_are_raised():
    def broken(aim: int = 1) -> Dial:
        if aim != 1:
            raise ZeroDivisionError
        return Dial(aim)

    with pytest.raises(ZeroDivisionError):
        tune(broken, SPLITS, budget=9, space=Dial.space)


def test_what_is_fixed_is_not_tuned():
    tuning = tune(Dial, SPLITS, budget=5, fixed={"aim": WANTED})
    assert tuning.options == {"aim": WANTED} and tuning.trials.height == 1
    assert tune(partial(Dial, aim=WANTED), SPLITS, budget=5).options == {"aim": WANTED}
    assert tune(partial(Dial, pause=0.0), SPLITS, budget=5).options.keys() == {"pause", "aim"}


def test_all_models_have_the_same_budget_and_one_without_a_space_has_one_trial():
    found = tune_all([Dial, Picky, Popularity], SPLITS, budget=6)
    assert {name: tuning.trials.height for name, tuning in found.items()} == {"dial": 6, "picky": 6, "popularity": 1}
    assert_frame_equal(without_seconds(found["dial"]), without_seconds(tune(Dial, SPLITS, budget=6)))
    assert list(tune_all({"mine": Dial, "theirs": Dial}, SPLITS, budget=1)) == ["mine", "theirs"]
    with pytest.raises(UsageError, match="Two models are named dial"):
        tune_all([Dial, Dial], SPLITS, budget=2)


def test_no_trial_begins_when_the_seconds_are_used_but_the_default_is_tried():
    assert tune(Dial, SPLITS, budget=6, seconds=1e-6).trials.height == 1


def test_the_table_says_what_tuning_brought_paired_by_user():
    found = tune_all([Dial, Popularity, Hopeless], SPLITS, budget=25)
    table = tuning_table(found)
    assert table["model"].to_list() == ["dial", "popularity", "hopeless"]
    row = table.row(0, named=True)
    gain = paired_difference(found["dial"].default_values, found["dial"].values).row(0, named=True)
    assert row["gain"] == pytest.approx(value_of(Dial(WANTED)) - value_of(Dial()))
    assert (row["gain_low"], row["gain_high"]) == (gain["low"], gain["high"])
    assert row["options"] == f"aim={WANTED}" and row["trials"] == 25
    assert table.row(1, named=True)["gain"] == 0
    assert table.row(2, named=True)["value"] is None and table["failed"].to_list()[2] == 1


def test_a_real_model_is_tuned_within_its_space():
    tuning = tune(EASE, SPLITS, budget=3)
    assert tuning.default_value == pytest.approx(value_of(EASE()))
    assert EASE.space["regularisation"].contains(tuning.options["regularisation"])


def test_nothing_is_written_to_the_terminal_and_the_logging_of_optuna_is_left_alone(capfd):
    import optuna

    before = optuna.logging.get_verbosity()
    tune(Dial, SPLITS, budget=5)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == before != logging.ERROR


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"budget": 0}, "budget is a whole number from 1 up, but is 0"),
        ({"budget": 2.5}, "budget is a whole number from 1 up, but is 2.5"),
        ({"budget": True}, "budget is a whole number"),
        ({"seed": -1}, "seed is a whole number from 0 up"),
        ({"seconds": 0}, "seconds must be above 0"),
        ({"splits": []}, "at least one validation split"),
        ({"splits": [SPLITS[0], SPLITS[0]]}, "the same window number"),
        ({"metric": "ndgc"}, "Did you mean ndcg"),
        ({"k": 0}, "k"),
        ({"space": {"aims": Whole(1, 2)}}, "no argument 'aims'. Did you mean aim?"),
        ({"fixed": {"pauze": 1}}, "Did you mean pause?"),
        ({"space": {"aim": (1, 2)}}, "Whole, Real or OneOf, not tuple"),
        ({"model": partial(Dial, 3)}, "options by name"),
        ({"model": lambda aim: Dial(aim), "space": {"aim": Real(0, 1)}}, "has no default"),
        ({"model": lambda aim=(1,): Dial(1), "space": {"aim": Real(0, 1)}}, "The default of 'aim' is"),
    ],
    ids=range(15),
)  # fmt: skip
def test_a_wrong_call_is_one_clear_error(wrong, said):
    call = {"model": Dial, "splits": SPLITS, "budget": 2} | wrong
    with pytest.raises(AvrecError) as error:
        tune(**call)
    assert said in str(error.value)


def test_tables_and_models_that_are_fixed_tell_one_question_from_another() -> None:
    from functools import partial

    from avrec_lib.models import EASE, Blend, ContentNeighbours
    from avrec_lib.training.tunable import Tunable

    long = pl.DataFrame(
        {"item_id": [f"i{place}" for place in range(1000)], "vector": [[float(place)] for place in range(1000)]}
    )
    other = long.with_columns(vector=pl.concat_list(pl.lit(7.0)))
    identities = [Tunable.of(partial(ContentNeighbours, embeddings=table)).identity() for table in (long, long, other)]
    assert identities[0] == identities[1] != identities[2]
    blends = [Tunable.of(partial(Blend, models=[EASE(power)])).identity() for power in (1.0, 2.0)]
    assert blends[0] != blends[1]
    with pytest.raises(UsageError, match="cannot tell one"):
        Tunable.of(partial(Blend, models=[EASE()], name=object())).identity()
