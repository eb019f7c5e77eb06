"""One family of errors: what came, what was expected, and the nearest fix.

Library code raises these for anything a person can cause. The command line prints `message` and `hint` and leaves
with `exit_code`; a traceback is for `--debug` and for our own mistakes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from avrec_lib.strings import Language, say


class AvrecError(Exception):
    """Something a person can mend. `message` and `hint` are templates of `strings`, filled with `values`."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", **values: Any) -> None:
        super().__init__(message, hint, values)
        self.message, self.hint, self.values = message, hint, values

    def text(self, language: Language | None = None) -> str:
        """Message and hint in `language` (default: the current one), on one line."""
        parts = (say(part, language, **self.values) for part in (self.message, self.hint) if part)
        return " ".join(parts)

    def __str__(self) -> str:
        return self.text()


class UsageError(AvrecError):
    """The request itself is wrong: an unknown name, a bad value, a missing file."""

    exit_code = 2


class DataError(AvrecError):
    """The rows cannot carry what was asked of them: a missing column, no times, a broken file."""

    exit_code = 2


class FetchError(AvrecError):
    """A data set could not be brought here: no network, no mirror, a checksum that does not match."""


class RunError(AvrecError):
    """A notebook run failed or a run folder cannot be used."""


class RunKilledError(RunError):
    """A kernel died or a cell ran out of time."""

    exit_code = 3


class ProtocolError(AvrecError):
    """The protocol card is red: what would be measured misleads. `reasons` are (check, template, values) each."""

    def __init__(
        self, message: str, *, hint: str = "", reasons: Sequence[tuple[str, str, Mapping[str, Any]]] = (), **values: Any
    ) -> None:
        super().__init__(message, hint=hint, **values)
        self.reasons = tuple(reasons)

    def text(self, language: Language | None = None) -> str:
        """Message, each reason with the name of its check, and hint in `language`, on one line."""
        parts = [say(self.message, language, **self.values)]
        for check, template, values in self.reasons:
            reason = say(template, language, **values)
            name = say(check, language).replace("_", " ")
            parts.append(say("{check}: {reason}", language, check=name, reason=reason))
        if self.hint:
            parts.append(say(self.hint, language, **self.values))
        return " ".join(parts)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name`, or an empty string when none is close."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else ""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a misspelt `kind` ("data set", "notebook", …): nearest name first, else the list of known ones."""
    names = sorted(known)
    guess = nearest(name, names)
    hint = "Did you mean {guess}?" if guess else "Known: {known}."
    return UsageError(
        "There is no {kind} named {name}.",
        hint=hint,
        kind=say(kind),
        name=repr(name),
        guess=guess,
        known=", ".join(names) or "–",
    )
