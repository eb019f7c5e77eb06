import hashlib

import pytest

from avrec_lib.data.checksums import record, verify
from avrec_lib.errors import DataError, FetchError

CONTENT = b"an archive, as it were"


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_published_checksum_is_compared(tmp_path, algorithm):
    path = tmp_path / "set.zip"
    path.write_bytes(CONTENT)
    published = f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}"
    assert verify(path, "somewhere", published) == "it has the published checksum"


def test_a_file_with_another_checksum_is_set_aside(tmp_path):
    path = tmp_path / "set.zip"
    path.write_bytes(CONTENT)
    with pytest.raises(FetchError, match="not the one expected") as caught:
        verify(path, "somewhere", "md5:0123")
    assert caught.value.exit_code == 1
    assert [file.name for file in tmp_path.iterdir()] == ["set.zip.bad"]


def test_a_checksum_nobody_published_is_compared_once_it_is_recorded(tmp_path):
    path = tmp_path / "set.zip"
    path.write_bytes(CONTENT)
    assert verify(path, "somewhere", "") == "its checksum is recorded at this first use"
    record(path, "somewhere")
    assert verify(path, "somewhere", "") == "it has the checksum recorded at first use"
    assert verify(path, "elsewhere", "") == "its checksum is recorded at this first use"
    path.write_bytes(CONTENT[1:])
    with pytest.raises(FetchError, match="not the one expected"):
        verify(path, "somewhere", "")


def test_what_is_recorded_is_not_recorded_anew(tmp_path):
    path = tmp_path / "set.zip"
    for content in (CONTENT, b"another"):
        path.write_bytes(content)
        record(path, "somewhere")
    with pytest.raises(FetchError):
        verify(path, "somewhere", "")


def test_a_damaged_book_of_checksums_is_one_clear_sentence(tmp_path):
    (tmp_path / "set.zip").write_bytes(CONTENT)
    (tmp_path / "checksums.json").write_text("{")
    with pytest.raises(DataError, match=r"checksums\.json cannot be read"):
        verify(tmp_path / "set.zip", "somewhere", "")
