"""Headless Chromium, and a workbench whose notebooks were run for real."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Browser, sync_playwright

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATHS = ("/usr/bin/chromium", shutil.which("chromium"), shutil.which("chromium-browser"), shutil.which("google-chrome"))
CANARY = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
SHOWN = f'''
import polars as pl
from IPython.display import HTML, SVG, display

from avrec_lib.report import finding, histogram, interval_chart, line_chart, show, show_table, with_interval

CANARY = """{CANARY}"""
models = pl.DataFrame(
    {{"model": ["popular", "EASE", CANARY], "value": [0.04, 0.07, 0.05], "low": [0.03] * 3, "high": [0.08] * 3}}
)
show(interval_chart(models, x_label="NDCG@10", baseline="popular"), "NDCG@10 of {{n}} users", n=943, table=models)
show(histogram(pl.DataFrame({{"a": range(1000)}}), "a", x_label="events"), "Events of {{name}}", name=CANARY)
lines = pl.DataFrame({{"x": [0, 1, 2] * 2, "y": [1, 2, 3, 3, 2, 1], "by": ["up"] * 3 + [CANARY] * 3}})
show(line_chart(lines, "x", "y", by="by", x_label="x", y_label="y"), "Lines")
finding("**{{who}}** leads with {{value}}.", who=CANARY, value=with_interval(0.073, 0.05, 0.09))
show_table(models, "All models")
display(HTML(CANARY), SVG('<svg xmlns="http://www.w3.org/2000/svg"><script>window.hacked = 1</script></svg>'))
print(CANARY)
'''


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the system; `AVREC_CHROMIUM` names another."""
    found = next((path for path in (os.environ.get("AVREC_CHROMIUM"), *PATHS) if path and Path(path).exists()), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports folder of a workbench after `avrec run shown fails`."""
    home = tmp_path_factory.mktemp("workbench")
    _write(
        home / "notebooks" / "shown.ipynb",
        new_markdown_cell(f"# What a page shows\n\nA question. {CANARY}\n\n## The numbers\n\n$$\\frac{{1}}{{2}}$$"),
        new_markdown_cell("# 页面展示什么\n\n一个问题。\n\n## 数字", metadata={"tags": ["zh"]}),
        new_code_cell(f"dataset: str = {CANARY!r}  # a name", metadata={"tags": ["parameters"]}),
        new_code_cell(SHOWN),
        new_markdown_cell("## The end\n\n" + "A paragraph.\n\n" * 40),
    )
    _write(
        home / "notebooks" / "fails.ipynb",
        new_markdown_cell("# It fails"),
        new_code_cell("print('done before')"),
        new_code_cell(f"raise ValueError({CANARY!r})"),
        new_code_cell("print('never')"),
    )
    environment = os.environ | {"AVREC_HOME": str(home), "AVREC_LANGUAGE": "en"}
    command = [sys.executable, "-m", "avrec_lib", "run", "shown", "fails"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 1, answer.stderr
    return home / "reports"


def _write(path: Path, *cells: nbformat.NotebookNode) -> None:
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=list(cells)), path)


@pytest.fixture(scope="session")
def jupyterlab() -> Callable[..., contextlib.AbstractContextManager[tuple[str, str]]]:
    """Starts a JupyterLab on a workbench: `with jupyterlab(home) as (address, token)`."""
    return _jupyterlab


@contextlib.contextmanager
def _jupyterlab(home: Path, verb: Sequence[str] = (), **variables: str) -> Iterator[tuple[str, str]]:
    """The address of a JupyterLab on the workbench `home`, and its token; its process is ended afterwards.

    `verb` is what Python runs to start it, instead of JupyterLab itself. The test fails when there is no answer within
    a minute.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    _settings(home / "settings")
    token, address = secrets.token_hex(16), f"http://127.0.0.1:{port}"
    verb = verb or ("-m", "jupyterlab", f"--ServerApp.root_dir={home / 'notebooks'}", "--ip=127.0.0.1")
    command = [
        sys.executable, *verb, "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    environment = os.environ | {
        "AVREC_HOME": str(home),
        "AVREC_LANGUAGE": "en",
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        **variables,
    }
    with (home / "lab.log").open("w") as log:
        # A group of its own: what `avrec` starts is to end with it.
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait_for(f"{address}/api/status?token={token}", server)
            yield address, token
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
                try:
                    server.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    os.killpg(server.pid, signal.SIGKILL)


def _settings(folder: Path) -> None:
    """Draw every cell, also those out of view, and ask nothing about news."""
    wanted = {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    }
    for name, settings in wanted.items():
        file = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))


def _wait_for(address: str, server: subprocess.Popen, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        time.sleep(0.3)
    pytest.fail("JupyterLab did not start")
