"""One file from the network: resumed where it broke, and in place only when whole."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from avrec_lib.errors import FetchError
from avrec_lib.progress import meter
from avrec_lib.strings import say

ATTEMPTS = 4  # a broken line is taken up again where it broke; a line that never opened is not
FIRST_PAUSE = 0.2  # seconds; each further one is three times as long
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def download(url: str, target: Path) -> Path:
    """Bring `url` to `target`, going on from `target.part` when an earlier try left one and the file is unchanged.

    Raises FetchError when the server cannot be reached, refuses, or keeps breaking off (what came is kept).
    """
    part, validator = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    pause = FIRST_PAUSE
    with httpx.Client(follow_redirects=True, timeout=TIMEOUT) as client:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _receive(client, url, part, validator)
                break
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
                raise FetchError("{place} cannot be reached: {reason}.", place=url, reason=_reason(error)) from error
            except httpx.HTTPStatusError as error:
                status = error.response.status_code
                raise FetchError("{place} answered {status}.", place=url, status=status) from error
            except httpx.HTTPError as error:
                if attempt == ATTEMPTS:
                    raise FetchError(
                        "{place} broke off: {reason}.", hint="What came is kept; the next try goes on from there.",
                        place=url, reason=_reason(error),
                    ) from error  # fmt: skip
                time.sleep(pause)
                pause *= 3
            except OSError as error:
                if error.errno in DISK_FULL:  # the space is needed more than the part
                    part.unlink(missing_ok=True)
                    validator.unlink(missing_ok=True)
                raise
    part.replace(target)
    validator.unlink(missing_ok=True)
    return target


def download_wheel(wheel: str, target: Path) -> Path:
    """Bring the wheel `package==version` to `target` with the pip of this environment, so its own settings apply.

    Nothing is installed. Raises FetchError with pip's last word when it has no such wheel or no network.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".pip-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
        command += ["--disable-pip-version-check", "--no-input", "--retries=1", "--timeout=15", "--dest", folder, wheel]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        found = sorted(Path(folder).glob("*.whl"))
        if f"[Errno {errno.ENOSPC}]" in done.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        if done.returncode != 0 or not found:
            lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
            reason = lines[-1].strip().removeprefix("ERROR: ") if lines else say("no wheel came")
            raise FetchError("pip could not bring {wheel}: {reason}.", wheel=wheel, reason=reason.rstrip("."))
        found[0].replace(target)
    return target


def _receive(client: httpx.Client, url: str, part: Path, validator: Path) -> None:
    """One request: from the start, or from the end of `part` while the server still has the same file."""
    known = _validator(url, part, validator)
    have = part.stat().st_size if known else 0
    # Bytes as they lie on the server: a transparently compressed answer could not be resumed.
    headers = {"Accept-Encoding": "identity"}
    if known:
        headers |= {"Range": f"bytes={have}-", "If-Range": known}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            if response.headers.get("Content-Range") == f"bytes */{have}":
                return  # everything had come before
            part.unlink()
            raise httpx.RemoteProtocolError(say("the part kept from before does not fit"))
        response.raise_for_status()
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            have = 0
            _remember(url, response, validator)
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink()
            raise httpx.RemoteProtocolError(say("the part kept from before does not fit"))
        rest = response.headers.get("Content-Length", "")
        _write(response, part, have, int(rest) if rest.isdigit() else None)


def _write(response: httpx.Response, part: Path, have: int, rest: int | None) -> None:
    name = part.name.removesuffix(".part")
    label = say("Downloading the rest of {file}", file=name) if have else say("Downloading {file}", file=name)
    with part.open("ab" if have else "wb") as file, meter(label, rest and rest / 1e6, "MB") as shown:
        for block in response.iter_raw():  # as they come: a buffer of ours would be lost with the line
            file.write(block)
            shown.advance(len(block) / 1e6)


def _remember(url: str, response: httpx.Response, validator: Path) -> None:
    """Note what tells this version of the file from another, so that a part is only ever completed by the same one."""
    tag = response.headers.get("ETag", "")
    known = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    validator.write_text(json.dumps({"url": url, "validator": known}), "utf-8")


def _validator(url: str, part: Path, validator: Path) -> str:
    try:
        known = json.loads(validator.read_text("utf-8"))
        return known["validator"] if part.stat().st_size and known["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _reason(error: Exception) -> str:
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)).rstrip(".") or type(error).__name__
