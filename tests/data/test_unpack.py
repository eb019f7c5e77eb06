import io
import tarfile
import zipfile

import pytest

from avrec_lib.data.unpack import is_wanted, unpack
from avrec_lib.errors import DataError, UsageError


def tar_of(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def zip_of(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(("make", "name"), [(zip_of, "a.zip"), (zip_of, "a.whl"), (tar_of, "a.tar.gz")])
def test_only_the_wanted_members_are_written(tmp_path, make, name):
    archive = make(tmp_path / name, {"set/data/u.data": b"rows", "set/README": b"words", "other/u.data.txt": b"no"})
    unpack(archive, ["u.data"], tmp_path / "out", limit_mb=1)
    assert [str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()] == [
        "set/data/u.data"
    ]


@pytest.mark.parametrize(
    ("path", "pattern", "wanted"),
    [
        ("obp/dataset/obd/bts/all/all.csv", "bts/all/all.csv", True),
        ("obp/dataset/obd/random/all/all.csv", "bts/all/all.csv", False),
        ("lastfm/user_taggedartists_2.dat", "user_taggedartists*.dat", True),
        ("u.data.bak", "u.data", False),
    ],
)
def test_a_member_is_wanted_by_the_end_of_its_path(path, pattern, wanted):
    assert is_wanted(path, [pattern]) is wanted


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize("escaping", ["../u.data", "/tmp/avrec-escaped/u.data", "set/../../u.data"])
def test_a_member_that_leaves_the_folder_is_refused(tmp_path, make, escaping):
    archive = make(tmp_path / "a.bin", {escaping: b"rows"})
    with pytest.raises(UsageError, match="lies outside"):
        unpack(archive, ["u.data"], tmp_path / "out", limit_mb=1)
    assert not (tmp_path / "u.data").exists()


def test_a_link_in_an_archive_is_not_followed(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("set/u.data")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    unpack(tmp_path / "a.tar.gz", ["u.data"], tmp_path / "out", limit_mb=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_an_archive_that_unpacks_without_end_is_refused(tmp_path, make):
    archive = make(tmp_path / "bomb", {"u.data": bytes(5_000_000)})
    assert archive.stat().st_size < 20_000
    with pytest.raises(DataError, match="unpacks to more than 2 MB"):
        unpack(archive, ["u.data"], tmp_path / "out", limit_mb=2)


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_an_archive_that_was_cut_short_is_called_damaged(tmp_path, make):
    whole = make(tmp_path / "whole", {"u.data": bytes(range(256)) * 4000}).read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="is damaged"):
        unpack(tmp_path / "half", ["u.data"], tmp_path / "out", limit_mb=9)


def test_a_zip_with_a_wrong_byte_is_called_damaged(tmp_path):
    archive = zip_of(tmp_path / "a.zip", {"u.data": b"1234567890" * 1000})
    content = bytearray(archive.read_bytes())
    content[50] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        unpack(archive, ["u.data"], tmp_path / "out", limit_mb=9)


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text("user,item\n1,2\n")
    with pytest.raises(UsageError, match="neither a folder nor an archive"):
        unpack(tmp_path / "log.csv", ["u.data"], tmp_path / "out", limit_mb=1)
