"""What every deep model checks of its options before it takes them."""

from __future__ import annotations

from avrec_lib.errors import UsageError


def check_whole(least: int = 1, **options: object) -> None:
    """Raises UsageError, with its name, for an option that is no whole number from `least` up."""
    for name, number in options.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < least:
            raise UsageError(
                "{name} is a whole number from {least} up, but is {number}.", name=name, least=least, number=number
            )
