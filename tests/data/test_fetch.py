import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from avrec_lib.data import download as download_module
from avrec_lib.data.catalogue import Entry, Source, entries
from avrec_lib.data.fetch import download_cache, get, get_entry
from avrec_lib.errors import DataError, FetchError, UsageError

TINY = replace(entries()["movielens-100k"], users=None, sources=())
CHILD = """
import sys
from avrec_lib.data.catalogue import Source, entries
from avrec_lib.data.fetch import get_entry
from dataclasses import replace
entry = replace(entries()["movielens-100k"], users=None, sources=(Source(url=sys.argv[1]),))
print(get_entry(entry).card.counts["events"])
"""


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch):
    monkeypatch.setattr(download_module, "FIRST_PAUSE", 0.01)


@pytest.fixture
def told():
    return []


def served(server, archive: Path, checksum: str = "") -> Entry:
    server.content = archive.read_bytes()
    return replace(TINY, sources=(Source(url=server.url, checksum=checksum),))


def test_a_named_set_is_downloaded_read_and_put_in_place(server, home, ml_100k_zip, told):
    dataset = get_entry(served(server, ml_100k_zip), tell=told.append)
    assert dataset.folder == home / "data" / "movielens-100k"
    assert dataset.card.counts == {"events": 3, "users": 2, "items": 2, "item_rows": 4, "user_rows": 2}
    assert dataset.card.licence == TINY.licence
    assert sorted(path.name for path in (home / "data").iterdir()) == ["cache", "movielens-100k"]
    assert "its checksum is recorded at this first use" in told[0]


def test_a_set_that_is_here_is_left_alone(server, home, ml_100k_zip, told):
    entry = served(server, ml_100k_zip)
    get_entry(entry, tell=told.append)
    get_entry(entry, tell=told.append)
    assert len(server.asked) == 1
    assert "movielens-100k is already here" in told[-1]


def test_force_reads_it_anew_from_the_archive_in_the_cache(server, home, ml_100k_zip, told):
    entry = served(server, ml_100k_zip)
    shutil.rmtree(get_entry(entry, tell=told.append).folder)
    assert get_entry(entry, force=True, tell=told.append).card.counts["events"] == 3
    assert len(server.asked) == 1
    assert told[-1] == "Reading set.zip from the cache."


def test_an_archive_that_changed_in_the_cache_is_fetched_again(server, home, ml_100k_zip, told):
    entry = served(server, ml_100k_zip)
    get_entry(entry, tell=told.append)
    (download_cache() / "set.zip").write_bytes(b"something else")
    get_entry(entry, force=True, tell=told.append)
    assert len(server.asked) == 2
    assert (download_cache() / "set.zip.bad").read_bytes() == b"something else"


def test_a_login_page_in_place_of_the_archive_is_not_remembered_as_the_right_file(server, home, ml_100k_zip, told):
    entry = served(server, ml_100k_zip)
    archive, server.content = server.content, b"<html>Please log in</html>"
    with pytest.raises(FetchError, match="sent something else than movielens-100k"):
        get_entry(entry, tell=told.append)
    server.content = archive
    assert get_entry(entry, tell=told.append).card.counts["events"] == 3


def test_a_source_that_is_down_gives_way_to_its_mirror(server, home, ml_100k_zip, told):
    live = served(server, ml_100k_zip).sources[0]
    down = Source(url="http://127.0.0.1:1/ml-100k.zip")
    dataset = get_entry(replace(TINY, sources=(down, live)), tell=told.append)
    assert dataset.card.counts["events"] == 3
    assert "http://127.0.0.1:1/ml-100k.zip cannot be reached" in told[0]
    assert f"Trying {live.url}." in told[0]
    assert live.url in dataset.card.source


def test_a_published_checksum_that_does_not_match_leaves_no_data_set(server, home, ml_100k_zip, told):
    entry = served(server, ml_100k_zip, "md5:" + "0" * 32)
    with pytest.raises(FetchError, match="not the one expected") as caught:
        get_entry(entry, tell=told.append)
    assert caught.value.exit_code == 1
    assert [path.name for path in (home / "data").iterdir()] == ["cache"]
    assert not (download_cache() / "set.zip").exists()


def test_a_published_checksum_that_matches_is_said(server, home, ml_100k_zip, told):
    checksum = "md5:" + hashlib.md5(ml_100k_zip.read_bytes()).hexdigest()
    get_entry(served(server, ml_100k_zip, checksum), tell=told.append)
    assert "it has the published checksum" in told[0]


def test_without_any_network_it_says_what_was_tried_and_what_to_do(home, monkeypatch, tmp_path, told):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    down = (Source(url="http://127.0.0.1:1/ml-100k.zip"), Source(wheel="recbole==1.2.1"))
    with pytest.raises(FetchError) as caught:
        get_entry(replace(TINY, sources=down), tell=told.append)
    said = str(caught.value)
    assert "http://127.0.0.1:1/ml-100k.zip cannot be reached" in said
    assert "pip could not bring recbole==1.2.1" in said
    assert said.endswith("avrec data get movielens-100k --from FILE")


def test_an_archive_given_by_hand_needs_no_network(home, ml_100k_zip, told):
    dataset = get_entry(TINY, ml_100k_zip, tell=told.append)
    assert dataset.card.source.endswith("(ml-100k.zip, given by hand)")


def test_files_of_another_set_are_refused_by_their_users(home, ml_100k_zip, told):
    with pytest.raises(DataError, match="These files have 2 users, but movielens-100k has 943"):
        get("movielens-100k", ml_100k_zip, tell=told.append)
    assert [path.name for path in (home / "data").iterdir()] == ["cache"]


def test_files_with_a_few_users_more_than_documented_are_read_and_it_is_noted(home, ml_100k_zip, told):
    dataset = get_entry(replace(TINY, users=3), ml_100k_zip, tell=told.append)
    assert told == ["These files have 2 users, the documentation of movielens-100k says 3."]
    assert told[0] in dataset.card.notes


def test_an_archive_without_the_files_is_refused(home, tmp_path, told):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"does not look like movielens-100k: it has no file u\.data"):
        get("movielens-100k", tmp_path / "empty", tell=told.append)


def test_a_binary_file_in_place_of_the_log_is_one_clear_sentence(home, tmp_path, told):
    (tmp_path / "set").mkdir()
    for name in ("ratings.csv", "movies.csv"):
        (tmp_path / "set" / name).write_bytes(bytes(range(256)) * 50)
    with pytest.raises(DataError, match="cannot be read"):
        get("movielens-latest-small", tmp_path / "set", tell=told.append)
    assert [path.name for path in (home / "data").iterdir()] == ["cache"]


def test_a_missing_archive_is_wrong_usage(home, told):
    with pytest.raises(UsageError, match="There is no file or folder /nowhere"):
        get("lastfm-2k", Path("/nowhere"), tell=told.append)


def test_two_processes_that_want_one_set_both_get_it(server, home, ml_100k_zip):
    server.content = ml_100k_zip.read_bytes()
    both = [
        subprocess.Popen([sys.executable, "-c", CHILD, server.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=60)[0].decode().strip() for process in both]
    assert answers == ["3", "3"]
    assert server.asked == [""]


def test_a_process_killed_in_the_middle_leaves_a_part_that_the_next_one_completes(server, home, ml_100k_zip):
    with zipfile.ZipFile(ml_100k_zip, "a") as archive:
        archive.writestr("ml-100k/README", bytes(600_000))
    server.content = ml_100k_zip.read_bytes()
    server.stalls_at = 400_000
    first = subprocess.Popen([sys.executable, "-c", CHILD, server.url], stderr=subprocess.DEVNULL)
    part = home / "data" / "cache" / "set.zip.part"
    deadline = time.monotonic() + 30
    while not (part.is_file() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = part.stat().st_size
    server.stalls_at = None
    second = subprocess.run([sys.executable, "-c", CHILD, server.url], capture_output=True, text=True, check=True)
    assert second.stdout.strip() == "3"
    assert server.asked == ["", f"bytes={kept}-"]


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on file sizes")
def test_a_full_disk_leaves_nothing_half_written(server, home, ml_100k_zip):
    """The system refuses to write past 2,000 bytes a file, as a full disk would."""
    server.content = ml_100k_zip.read_bytes() + bytes(50_000)
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n" + CHILD
    )
    done = subprocess.run([sys.executable, "-c", limited, server.url], capture_output=True, text=True, check=False)
    assert "FetchError: The disk is full: movielens-100k needs about 35 MB" in done.stderr
    assert {path.name for path in (home / "data").rglob("*") if path.is_file()} <= {".movielens-100k.lock"}


def test_a_disk_that_fills_while_the_tables_are_written_leaves_the_older_set(server, home, ml_100k_zip, told):
    entry = served(server, ml_100k_zip)
    before = get_entry(entry, tell=told.append).card
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))\n" + CHILD.replace("entry)", "entry, force=True)")
    )
    done = subprocess.run([sys.executable, "-c", limited, server.url], capture_output=True, text=True, check=False)
    assert "The disk is full" in done.stderr
    assert json.loads((home / "data/movielens-100k/dataset.json").read_text())["fingerprint"] == before.fingerprint
    assert sorted(path.name for path in (home / "data").iterdir()) == ["cache", "movielens-100k"]
