"""Small files in the layouts of the named data sets, and where the real ones may lie."""

import os
import zipfile
from pathlib import Path

import pytest

from avrec_lib.data import Dataset
from avrec_lib.data.fetch import get
from avrec_lib.errors import FetchError

ML_100K = {
    "u.data": "196\t242\t3\t881250949\n186\t302\t5\t891717742\n196\t302\t1\t881250949\n",
    "u.item": (
        "242|Kolya (1996)|24-Jan-1997||http://x|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
        "302|L.A. Confidential (1997)|01-Jan-1997||http://x|0|0|0|0|0|0|1|0|0|0|1|0|0|1|0|0|1|0|0\n"
        "267|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
        "543|Mis\u00e9rables, Les (1995)|01-Jan-1995||http://x|0|0|0|0|0|0|0|0|1|0|0|0|1|0|0|0|0|0|0\n"
    ),
    "u.user": "196|49|M|writer|55105\n186|39|F|executive|00000\n",
}
"""The layout of ml-100k.zip with three ratings."""


def write_files(folder: Path, files: dict[str, str], encoding: str = "utf-8") -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
    return folder


def zip_of(path: Path, files: dict[str, str], encoding: str = "latin-1") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"ml-100k/{name}", text.encode(encoding))
    return path


def shared(folder: str) -> Path:
    """A folder of real data beside the repository (or in AVREC_SHARED); the test is skipped where there is none."""
    root = Path(os.environ.get("AVREC_SHARED") or Path(__file__).resolve().parents[3] / "shared")
    path = root / "data" / folder
    if not path.is_dir():
        pytest.skip(f"needs {path}")
    return path


def fetched(name: str) -> Dataset:
    """The named set from the network; the test is skipped where neither its source nor a package index is reached."""
    try:
        return get(name, tell=lambda _: None)
    except FetchError as error:
        pytest.skip(str(error))
