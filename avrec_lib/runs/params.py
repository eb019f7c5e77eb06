"""Parameters of a notebook: declared in its tagged cell, read without running it, refused before a kernel starts."""

from __future__ import annotations

import ast
import io
import operator
import re
import tokenize
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from avrec_lib.errors import UsageError, nearest
from avrec_lib.runs.param_types import SUPPORTED, ParameterType, check_value, from_text, parse_type
from avrec_lib.strings import say

# The word must end the name: `hf_token` is a secret, `token_limit` and `max_tokens` are sizes.
SECRET_NAME = re.compile(
    r"(^|_)(password|passwd|pwd|passphrase|secret|token|(api|access|private|secret)_?key|credentials?)$"
)
SECRET_VALUE = re.compile(
    r"^(sk-|hf_|gh[opsu]_|github_pat_|xox[abp]-|glpat-)[\w-]{16,}$|^AKIA[0-9A-Z]{16}$|-----BEGIN |^eyJ[\w-]+\.[\w-]+\."
    r"|://[^/\s:@]+:[^/\s@]+@"
)
SECRET_HINT = "Pass it through an environment variable that the notebook reads."


NOT_EMPTY = "not empty"
BOUND = re.compile(rf"\s*(?:{NOT_EMPTY}|(>=|<=|>|<) ?(-?\d[\d_]*(?:\.\d+)?))\s*(,|;|$)")
HOLDS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


@dataclass(frozen=True)
class ParameterSpec:
    """One line of a parameters cell: `name: type = default  # comment`.

    A comment that begins with bounds limits the values: `# > 0, < 1; share of the events` or `# >= 1; length`. Those of
    a list hold for each entry, and `# not empty, >= 1; lengths` asks for one at least; `not empty` text has a letter.
    """

    name: str
    type: ParameterType
    default: Any
    comment: str = ""

    @property
    def bounds(self) -> list[tuple[str, float]]:
        """The bounds of numbers that the comment begins with, as (sign, limit)."""
        return [(match[1], float(match[2])) for match in self._bounds() if match[1]]

    @property
    def not_empty(self) -> bool:
        """Whether `not empty` is among the bounds that the comment begins with."""
        return any(not match[1] for match in self._bounds())

    def _bounds(self) -> Iterator[re.Match[str]]:
        rest = self.comment
        while match := BOUND.match(rest):
            yield match
            rest = rest[match.end() :] if match[3] == "," else ""


def read_parameters(source: str, notebook: str) -> dict[str, ParameterSpec]:
    """The parameters that the cell `source` declares, in its order; imports and comments may stand between them.

    Raises UsageError naming the line: no type, a type we do not support, a default that is no literal or does not
    fit, a name that looks like a secret.
    """
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise _bad_line(notebook, error.lineno or 1, say("it is not Python ({reason})", reason=error.msg)) from None
    comments = _comments(source)
    found: dict[str, ParameterSpec] = {}
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            reason = say("only lines like {example} may stand here", example="name: int = 10  # what it does")
            raise _bad_line(notebook, statement.lineno, reason)
        name = statement.target.id
        refuse_secret_name(name)
        if name in found:
            raise _bad_line(notebook, statement.lineno, say("{name} is declared twice", name=repr(name)))
        declared, default = _declared(statement, notebook)
        found[name] = ParameterSpec(name, declared, default, comments.get(statement.end_lineno or 0, ""))
    return found


def convert(spec: ParameterSpec, text: str) -> Any:
    """`text` from a command line as a value of the declared type; raises UsageError saying what was expected."""
    _refuse_secret_value(spec.name, text)
    try:
        return _within(spec, from_text(spec.type, text))
    except ValueError:
        raise _mistyped(spec, text) from None


def accept(spec: ParameterSpec, value: Any) -> Any:
    """`value` from YAML or notebook metadata when it is of the declared type; raises UsageError otherwise."""
    _refuse_secret_value(spec.name, value)
    try:
        return _within(spec, check_value(spec.type, value))
    except ValueError:
        raise _mistyped(spec, value) from None


def _within(spec: ParameterSpec, value: Any) -> Any:
    """`value`, when it (or each of its entries) keeps the bounds of its declaration; raises UsageError otherwise."""
    if spec.not_empty and value == []:
        entry = spec.type.item or spec.type
        message = "The parameter {name} is empty, but needs at least one entry: {entry}."
        raise UsageError(message, name=repr(spec.name), entry=entry.in_words())
    if spec.not_empty and isinstance(value, str) and not value.strip():
        raise _mistyped(spec, value)
    for number in value if isinstance(value, list) else [value]:
        for sign, limit in spec.bounds if isinstance(number, int | float) else []:
            if not HOLDS[sign](number, limit):
                raise UsageError(
                    "The parameter {name} is {value}, but must be {bounds}.", name=repr(spec.name), value=number,
                    bounds=", ".join(f"{sign} {limit:g}" for sign, limit in spec.bounds),
                )  # fmt: skip
    return value


def split_words(words: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """The `name=value` words of a command line as a dict.

    Raises UsageError for a word without `=`, a name that is not `known`, given twice, or looks like a secret.
    """
    texts: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError("{word} is not a parameter.", hint="Write it as name=value.", word=repr(word))
        refuse_secret_name(name)
        if name in texts:
            raise UsageError("The parameter {name} is given twice.", name=repr(name))
        if name not in known:
            raise unknown_parameter(name, known)
        texts[name] = text
    return texts


def unknown_parameter(name: str, known: Collection[str]) -> UsageError:
    """The error for a parameter that no notebook of the run declares, with the nearest name."""
    guess = nearest(name, known)
    hint = "Did you mean {guess}?" if guess else "Known: {known}." if known else "It has no parameters."
    names = ", ".join(sorted(known))
    return UsageError("There is no parameter named {name}.", hint=hint, name=repr(name), guess=guess, known=names)


def refuse_secret_name(name: str) -> None:
    """Raise UsageError when `name` looks like a secret: parameters are written into reports."""
    if SECRET_NAME.search(name.lower()):
        message = "{name} looks like a secret, and parameters are written into reports."
        raise UsageError(message, hint=SECRET_HINT, name=repr(name))


def _refuse_secret_value(name: str, value: Any) -> None:
    if isinstance(value, str) and SECRET_VALUE.search(value):
        message = "The value of {name} looks like a key or a password, and parameters are written into reports."
        raise UsageError(message, hint=SECRET_HINT, name=repr(name))


def _declared(statement: ast.AnnAssign, notebook: str) -> tuple[ParameterType, Any]:
    name = repr(ast.unparse(statement.target))
    declared = parse_type(statement.annotation)
    if declared is None:
        written = ast.unparse(statement.annotation)
        template = "{name} has the type {type}, but supported are {supported}"
        reason = say(template, name=name, type=written, supported=SUPPORTED)
        raise _bad_line(notebook, statement.lineno, reason)
    try:
        if statement.value is not None:
            return declared, check_value(declared, ast.literal_eval(statement.value))
    except (ValueError, TypeError, SyntaxError):
        pass
    reason = say("the default of {name} must be a literal of the type {type}", name=name, type=declared)
    raise _bad_line(notebook, statement.lineno, reason)


def _mistyped(spec: ParameterSpec, value: Any) -> UsageError:
    guess = nearest(str(value), [str(choice) for choice in spec.type.choices])
    return UsageError(
        "The parameter {name} is {value}, but {expected} is expected.",
        hint="Did you mean {guess}?" if guess else "",
        name=repr(spec.name),
        value=repr(value),
        expected=spec.type.in_words(),
        guess=guess,
    )


def _bad_line(notebook: str, line: int, reason: str) -> UsageError:
    message = "Line {line} of the parameters cell of {notebook}: {reason}."
    return UsageError(message, line=line, notebook=notebook, reason=reason)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ").rstrip() for token in tokens if token.type == tokenize.COMMENT}
