from __future__ import annotations

import polars as pl
import pytest

from avrec_lib.imports.values import ids


@pytest.mark.parametrize("around", [[], ["abc"], ["13.5"]])
def test_an_id_does_not_depend_on_what_stands_near_it(around: list[str]) -> None:
    assert ids(pl.Series(["12.0", *around]))[0] == "12"


def test_whole_floats_are_whole_and_others_stay() -> None:
    assert ids(pl.Series([12.0, 13.5, None])).to_list() == ["12", "13.5", None]
