"""The shell of every page: one stylesheet, one script, one plotly bundle in `reports/_assets/`, or all in one file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from avrec_lib.paths import replacing, reports_folder
from avrec_lib.progress import in_words
from avrec_lib.report.results import result_text
from avrec_lib.report.tables import cell_text, number, with_interval
from avrec_lib.report.words import both
from avrec_lib.strings import Language, current_language

if TYPE_CHECKING:
    import jinja2

STYLESHEET, SCRIPT, PLOTLY = "report.css", "report.js", "plotly.min.js"


@cache
def environment() -> jinja2.Environment:
    """The templates of `report/templates/`, with `both` (a sentence in both languages) and the number formats."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("avrec_lib.report", "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.globals |= {"both": both, "in_words": in_words, "with_interval": with_interval, "number": number}
    made.tests["has_key"] = lambda mapping, key: key in mapping
    made.filters |= {"cell": cell_text, "result_text": result_text, "as_written": as_written}
    return made


def write_page(
    template: str, target: Path, *, plotly: bool, compiled: bool = False, inline: bool = False,
    language: Language | None = None, **context: Any,
) -> Path:  # fmt: skip
    """Render `template` into `target`, beside then renamed, and see to it that `_assets/` has what the page asks for.

    `plotly`: the page has figures; `compiled`: figures that compile shaders. `inline` puts everything into the file.
    """
    assets = Markup("") if inline else Path(os.path.relpath(reports_folder() / "_assets", target.parent)).as_posix()
    html = environment().get_template(template).render(
        **context,
        language=language or current_language(),
        assets=assets,
        plotly=plotly,
        inline={name: Markup(asset(name)) for name in _wanted(plotly)} if inline else {},
        policy=_policy(plotly, compiled, inline),
    )  # fmt: skip
    if not inline:
        write_assets(plotly)
    with replacing(target) as path:
        path.write_text(html, "utf-8")
    return target


def as_written(value: Any) -> str:
    """The value of a parameter: text as it is, anything else as JSON."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)


def asset(name: str) -> str:
    """The text of a file of `_assets/`, safe inside `<script>` or `<style>`."""
    if name == PLOTLY:
        from plotly.offline import get_plotlyjs

        return get_plotlyjs().replace("</script", "<\\/script")
    return resources.files(__package__).joinpath("templates", name).read_text("utf-8").strip()


def write_assets(plotly: bool) -> None:
    """Put the stylesheet, the script and (when `plotly`) the bundle into `reports/_assets/`, where they differ."""
    folder = reports_folder() / "_assets"
    for name in _wanted(plotly):
        content = asset(name).encode()
        path = folder / name
        if not path.is_file() or path.stat().st_size != len(content) or path.read_bytes() != content:
            with replacing(path) as beside:
                beside.write_bytes(content)


def _wanted(plotly: bool) -> list[str]:
    return [STYLESHEET, *([PLOTLY] if plotly else []), SCRIPT]  # our script draws with plotly, so it comes after


def _policy(plotly: bool, compiled: bool, inline: bool) -> str:
    """What the browser may load and run: our own files, nothing else, whatever a notebook's output holds."""
    if inline:
        names = [name for name in _wanted(plotly) if name != STYLESHEET]
        digests = (base64.b64encode(hashlib.sha256(asset(name).encode()).digest()).decode() for name in names)
        scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    else:
        scripts = "'self' file:"  # on file:// a page is an origin of its own, and 'self' may match nothing
    if compiled:
        scripts += " 'unsafe-eval'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' file: 'unsafe-inline'; "
        "img-src 'self' file: data: blob:; base-uri 'none'; form-action 'none'"
    )
