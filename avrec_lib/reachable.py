"""Which of the places that packages and data sets come from answer from here."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from avrec_lib.data.catalogue import Entry, entries
from avrec_lib.strings import say

PATIENCE = 3.0  # seconds for one place
PUBLIC_INDEX = "https://pypi.org/simple/"


State = Literal["ok", "missing", "differs", "broken"]  # broken: avrec cannot work


@dataclass(frozen=True)
class Check:
    """One thing looked at: its name, its state, what was found, what its lack costs, how to get it."""

    name: str
    state: State
    found: str
    cost: str = ""
    remedy: str = ""


def answers(address: str, seconds: float = PATIENCE) -> bool:
    """Whether anything at all, even a refusal, comes back from the server of `address`."""
    import httpx

    try:
        httpx.head(address, timeout=seconds)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return True


def index_address() -> str:
    """The package index that pip uses here: its setting, else the public one."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20).stdout
    settings = dict(re.findall(r"^(.+?)='(.*)'$", listed, re.MULTILINE))
    # The order in which pip itself looks.
    places = (":env:.index-url", "install.index-url", "global.index-url")
    return next((settings[place] for place in places if place in settings), PUBLIC_INDEX)


def package_index() -> Check:
    """Whether pip can fetch packages, and data sets that come in wheels."""
    address = index_address()
    host = urlsplit(address).hostname or address
    if answers(address):
        return Check(say("Package index"), "ok", host)
    cost = say("nothing can be installed or updated, and no data set fetched from a wheel; what is here works.")
    remedy = say("check the network, or the index that pip is set to use (pip config list)")
    return Check(say("Package index"), "missing", say("{host} does not answer", host=host), cost, remedy)


def data_hosts() -> list[Check]:
    """One check for each server that named data sets are fetched from."""
    needing: dict[str, list[Entry]] = {}
    addresses: dict[str, str] = {}
    for entry in entries().values():
        for url in (source.url for source in entry.sources if source.url):
            host = urlsplit(url).hostname or url
            addresses.setdefault(host, url)
            if entry not in needing.setdefault(host, []):
                needing[host].append(entry)
    with ThreadPoolExecutor(max(len(addresses), 1)) as pool:
        reached = dict(zip(addresses, pool.map(answers, addresses.values()), strict=True))
    return [_data_host(host, needing[host], reached) for host in addresses]


def _data_host(host: str, needing: list[Entry], reached: dict[str, bool]) -> Check:
    name = say("Data host")
    if reached[host]:
        return Check(name, "ok", f"{host} ({', '.join(entry.name for entry in needing)})")
    elsewhere = [entry.name for entry in needing if _other_ways(entry, reached)]
    lost = [entry.name for entry in needing if entry.name not in elsewhere]
    costs = []
    if elsewhere:
        costs.append(say("{names}: taken from another source.", names=", ".join(elsewhere)))
    if lost:
        costs.append(say("{names}: cannot be fetched from here.", names=", ".join(lost)))
    remedy = say("avrec data get NAME --from FILE takes an archive you already have") if lost else ""
    return Check(name, "missing", say("{host} does not answer", host=host), " ".join(costs), remedy)


def _other_ways(entry: Entry, reached: dict[str, bool]) -> bool:
    return any(source.wheel or reached.get(urlsplit(source.url).hostname or "") for source in entry.sources)
