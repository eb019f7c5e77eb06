"""A notebook as a story to read: title, prose in both languages, code behind folds, what each cell showed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from avrec_lib.report.display import BANNER_MIME, HEADLINE_CLASS
from avrec_lib.report.outputs import Figures, render_outputs, text_of
from avrec_lib.report.prose import Heading, highlighted
from avrec_lib.report.run_record import CellRecord
from avrec_lib.strings import Language

CHINESE_TAG = "zh"
TITLE = re.compile(r"<h1[^>]*>(.*?)</h1>\s*", re.DOTALL)


@dataclass(frozen=True)
class ContentsLine:
    """A line of the contents; `language` is None when it is shown in both."""

    heading: Heading
    language: Language | None


@dataclass(frozen=True)
class Prose:
    """A markdown cell, and its Chinese pair (None: the text is shown in both languages)."""

    html: Markup
    chinese: Markup | None = None
    listed: int = 0  # headings of its own in the contents
    kind: str = "prose"


@dataclass(frozen=True)
class Code:
    """A code cell: its place among the code cells (from 1), coloured source, record of the run, outputs."""

    number: int
    source: Markup
    record: CellRecord | None
    outputs: list[Markup]
    is_parameters: bool
    kind: str = "code"


@dataclass
class Story:
    """What a report tells: titles by language (plain text), banners (text by language), findings in short, contents,
    blocks in order, figures.
    """

    titles: dict[Language, str] = field(default_factory=dict)
    banners: list[dict[str, str]] = field(default_factory=list)
    headlines: list[Markup] = field(default_factory=list)
    contents: list[ContentsLine] = field(default_factory=list)
    blocks: list[Prose | Code] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)


def tell(notebook: Mapping[str, Any], cells: list[CellRecord]) -> Story:
    """The story of an executed notebook; `cells` are the records of its code cells."""
    story, records = Story(), {cell.index: cell for cell in cells}
    code_cells, pair_of = 0, -1
    for index, cell in enumerate(notebook["cells"]):
        tags = cell.get("metadata", {}).get("tags", [])
        source = text_of(cell.get("source", ""))
        if cell["cell_type"] == "markdown":
            is_pair = CHINESE_TAG in tags and index == pair_of
            _add_prose(story, source, cell.get("attachments", {}), is_pair)
            pair_of = index + 1
        elif cell["cell_type"] == "code" and source.strip():
            code_cells += 1
            outputs = render_outputs(cell.get("outputs", []), story.figures)
            for texts in _banners(cell):
                if texts not in story.banners:
                    story.banners.append(texts)
            story.headlines += [output for output in outputs if HEADLINE_CLASS in output]
            is_parameters = bool({"parameters", "injected-parameters"} & set(tags))
            story.blocks.append(
                Code(code_cells, highlighted(source.strip("\n")), records.get(index), outputs, is_parameters)
            )
    return story


def _banners(cell: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for output in cell.get("outputs", []):
        texts = output.get("data", {}).get(BANNER_MIME)
        if isinstance(texts, dict):
            english = str(texts.get("en", ""))
            yield {"en": english, "zh": str(texts.get("zh", english))}


def _add_prose(story: Story, source: str, attachments: Mapping[str, Any], is_pair: bool) -> None:
    html, headings = story.figures.writer.render(source, attachments)
    language: Language = "zh" if is_pair else "en"
    if headings and headings[0].level == 1 and language not in story.titles and (is_pair or not story.titles):
        story.titles[language] = headings.pop(0).text
        html = Markup(TITLE.sub("", html, count=1))
    listed = [heading for heading in headings if heading.level in (2, 3)]
    previous = story.blocks[-1] if story.blocks else None
    if is_pair and isinstance(previous, Prose):
        story.blocks[-1] = Prose(previous.html, html)
        first = len(story.contents) - previous.listed
        story.contents[first:] = [ContentsLine(entry.heading, "en") for entry in story.contents[first:]]
        story.contents += [ContentsLine(heading, "zh") for heading in listed]
    else:
        story.blocks.append(Prose(html, listed=len(listed)))
        story.contents += [ContentsLine(heading, None) for heading in listed]
