"""The contract of a recommender, for a stranger's class before it sees the data: what it promises and does not keep.

Our own models keep all of it and more (their tests inherit it). A stranger's class is held to what the evaluation
relies on; the rest is mentioned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from avrec_lib.data.note import Note
from avrec_lib.errors import AvrecError, UsageError
from avrec_lib.models import promises
from avrec_lib.models.blame import said_by
from avrec_lib.models.promises import Make, Subject, Unkept


@dataclass(frozen=True)
class Promise:
    """`kept` raises `Unkept` (or whatever the model raises). What is not `required` the evaluation can do without."""

    sentence: str
    kept: Callable[[Subject], None]
    required: bool = True


@dataclass(frozen=True)
class Broken:
    """A promise that was not kept, and what came instead."""

    promise: Note
    reason: Note
    required: bool

    def text(self) -> str:
        """Both in the current language."""
        return f"{self.promise.text()} {self.reason.text()}"


def check_contract(make: Make) -> list[Broken]:
    """The promises that the models of `make` do not keep, required ones first; empty when all is well.

    `make` is called several times and must give an unfitted model each time. What a model raises is reported with
    the line of its own code. A model that cannot be made or fitted is asked nothing else. An AvrecError of `make`, such
    as that there is no such file, is no promise broken and is raised.
    """
    _let_us_speak(make)
    subject = Subject(make)
    broken: list[Broken] = []
    for promise in PROMISES:
        reason = _reason(promise, subject)
        if reason is not None:
            broken.append(Broken(Note(promise.sentence), reason, promise.required))
            if promise in FIRST:
                break
    return sorted(broken, key=lambda one: not one.required)


def require_contract(make: Make) -> list[Broken]:
    """Raise UsageError listing the required promises that are broken; returns the others, to be mentioned."""
    broken = check_contract(make)
    required = [one.text() for one in broken if one.required]
    if required:
        raise UsageError(
            "The model breaks {count} promises that the evaluation relies on: {broken}",
            hint="`avrec_lib.protocols.Recommender` says what is expected.", count=len(required),
            broken=" · ".join(required),
        )  # fmt: skip
    return broken


def _let_us_speak(make: Make) -> None:
    try:
        make()
    except AvrecError:
        raise
    except (Exception, SystemExit):  # noqa: BLE001, the first promise reports it
        return


def _reason(promise: Promise, subject: Subject) -> Note | None:
    try:
        promise.kept(subject)
    except Unkept as unkept:
        return Note(unkept.message, unkept.values)
    except (Exception, SystemExit) as error:  # noqa: BLE001, a stranger's code may raise anything, and it is reported
        return said_by(error)
    return None


FIRST = (
    Promise("It has a name, fit and recommend.", promises.has_its_methods),
    Promise("It can be copied before it learns.", promises.it_can_be_copied),
    Promise("fit learns from `schema.Events` and returns the model itself.", promises.fit_returns_the_model),
    Promise("recommend returns `schema.Ranked`: ranks from 1, scores that fall.", promises.lists_keep_their_schema),
)
"""Without these nothing else can be asked."""
PROMISES = (
    *FIRST,
    Promise("A list has at most k items.", promises.lists_have_at_most_k_items),
    Promise("A k larger than the catalogue gives what there is.", promises.a_large_k_gives_what_there_is),
    Promise("Items seen in training are hidden.", promises.seen_items_are_hidden),
    Promise("The pairs of `seen` are hidden too.", promises.further_seen_pairs_are_hidden),
    Promise("Only candidates are ranked, unknown ones left out.", promises.only_candidates_are_ranked),
    Promise("An unknown user is answered, if with an empty list.", promises.an_unknown_user_is_answered),
    Promise("score and recommend agree.", promises.score_and_recommend_agree),
    # Many a GPU model cannot keep it; what it costs is the spread over seeds, which `evaluate.seeds` measures.
    Promise("Fitting twice gives the same lists.", promises.fitting_twice_gives_the_same_lists, required=False),
    Promise("Seen items are shown where asked.", promises.seen_items_are_shown_where_asked, required=False),
    Promise("A query may bring its own history.", promises.a_query_may_bring_its_own_history, required=False),
    Promise(
        "Nothing at or after the cut of a query is known.",
        promises.nothing_at_or_after_the_cut_is_known,
        required=False,
    ),
    Promise("It can score, save and load.", promises.it_has_all_methods, required=False),
)
