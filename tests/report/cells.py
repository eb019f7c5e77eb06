"""Cells and outputs of an executed notebook, as small as a test needs them."""

from __future__ import annotations

from typing import Any


def markdown(source: str, *tags: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source, "metadata": {"tags": list(tags)}, **more}


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": list(outputs), "execution_count": 1}


def displayed(**data: Any) -> dict[str, Any]:
    """An output with MIME types as keywords: `text_html` is `text/html`."""
    bundle = {name.replace("_", "/", 1): content for name, content in data.items()}
    return {"output_type": "display_data", "data": bundle, "metadata": {}}
