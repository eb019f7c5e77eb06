"""Which line of a stranger's code an error comes from."""

from __future__ import annotations

import site
import sysconfig
import traceback
from pathlib import Path

from avrec_lib.data.note import Note

OURS = str(Path(__file__).resolve().parent.parent)


def said_by(error: BaseException) -> Note:
    """What `error` says and the last line of a stranger's code that it passed."""
    text = str(error).strip().splitlines()
    said = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    place = place_of(error)
    if not place:
        return Note("It raised {error}.", {"error": said.rstrip(".")})
    return Note("It raised {error} in {place}.", {"error": said.rstrip("."), "place": place})


def place_of(error: BaseException) -> str:
    """`my_model.py:12`: the last line outside of avrec and, if there is one, of libraries; else an empty string."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if not frame.filename.startswith((OURS, "<frozen"))]  # fmt: skip
    libraries = (sysconfig.get_path("stdlib"), *site.getsitepackages(), site.getusersitepackages())
    own = [frame for frame in frames if not frame.filename.startswith(libraries)]
    last = (own or frames)[-1:]
    return f"{last[0].filename}:{last[0].lineno}" if last else ""
