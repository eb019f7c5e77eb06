import json
import random

import pytest

from avrec_lib.data import download as module
from avrec_lib.data.download import download, download_wheel
from avrec_lib.errors import FetchError

CONTENT = random.Random(7).randbytes(300_000)


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)


def test_a_file_that_breaks_off_is_taken_up_where_it_broke(server, tmp_path):
    server.content, server.breaks = CONTENT, [100_000]
    assert download(server.url, tmp_path / "set.zip").read_bytes() == CONTENT
    assert server.asked == ["", "bytes=100000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]


def test_what_came_before_a_line_kept_breaking_is_used_by_the_next_call(server, tmp_path):
    server.content, server.breaks = CONTENT, [50_000] * module.ATTEMPTS
    with pytest.raises(FetchError, match="broke off") as caught:
        download(server.url, tmp_path / "set.zip")
    assert "the next try goes on from there" in str(caught.value)
    assert not (tmp_path / "set.zip").exists()
    assert download(server.url, tmp_path / "set.zip").read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={50_000 * module.ATTEMPTS}-"


def test_a_file_that_changed_on_the_server_is_fetched_from_its_start(server, tmp_path):
    server.content, server.breaks = CONTENT, [50_000] * module.ATTEMPTS
    with pytest.raises(FetchError):
        download(server.url, tmp_path / "set.zip")
    server.content, server.tag = CONTENT[::-1], '"two"'
    assert download(server.url, tmp_path / "set.zip").read_bytes() == CONTENT[::-1]


def test_a_server_that_knows_no_ranges_is_asked_for_the_whole_again(server, tmp_path):
    server.content, server.breaks, server.ranges = CONTENT, [100_000], False
    assert download(server.url, tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_part_without_a_validator_is_not_trusted(server, tmp_path):
    (tmp_path / "set.zip.part").write_bytes(b"of another file")
    server.content = CONTENT
    assert download(server.url, tmp_path / "set.zip").read_bytes() == CONTENT
    assert server.asked == [""]


def test_a_part_that_is_already_whole_is_taken_as_it_is(server, tmp_path):
    server.content = CONTENT
    (tmp_path / "set.zip.part").write_bytes(CONTENT)
    (tmp_path / "set.zip.part.json").write_text(json.dumps({"url": server.url, "validator": server.tag}))
    assert download(server.url, tmp_path / "set.zip").read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_a_refusal_is_said_with_its_status(server, tmp_path):
    server.status = 404
    with pytest.raises(FetchError, match=r"set\.zip answered 404\."):
        download(server.url, tmp_path / "set.zip")


def test_a_server_that_is_down_is_said_at_once(server, tmp_path):
    server.close()
    with pytest.raises(FetchError, match="cannot be reached"):
        download(server.url, tmp_path / "set.zip")


def test_a_wheel_that_pip_does_not_find_is_said_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(FetchError, match=r"pip could not bring recbole==1\.2\.1: No matching distribution"):
        download_wheel("recbole==1.2.1", tmp_path / "recbole.whl")
    assert list(tmp_path.iterdir()) == []
