from __future__ import annotations

import time

import numpy as np

from avrec_lib.evaluate.memory import peak_memory


def test_what_is_held_and_given_back_is_seen() -> None:
    with peak_memory() as peak:
        held = np.ones(8_000_000)  # 61 MiB, written to
        time.sleep(0.05)
        del held
    assert 30 < peak.mib < 150  # what the process had to spare is not counted
