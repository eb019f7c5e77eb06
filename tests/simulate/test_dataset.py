from __future__ import annotations

from pathlib import Path

from avrec_lib.data import open_dataset
from avrec_lib.data.dataset import Dataset
from avrec_lib.simulate.dataset import simulate_dataset


def test_a_simulated_log_is_a_data_set_like_any_other(home: Path) -> None:
    simulate_dataset("simulated-video", "video", users=80, days=3)
    opened = open_dataset("simulated-video")
    assert opened.has("propensity") and opened.has("duration_seconds", "items") and opened.has("registered_at", "users")
    assert "Simulated: nobody did any of this." in opened.card.notes[0]
    assert list((home / "data").glob(".simulated-*")) == []


def test_the_same_seed_gives_the_same_fingerprint_and_another_another(home: Path) -> None:
    def mark(seed: int, kind: str = "music") -> str:
        written: Dataset = simulate_dataset(home / f"{kind}-{seed}", kind, users=60, days=3, seed=seed)
        return written.card.fingerprint

    assert mark(1) == mark(1)
    assert len({mark(1), mark(2), mark(1, "video")}) == 3
