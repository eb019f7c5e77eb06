"""Who reads it? Figures and tables of the notebooks, their reports, the index of reports, and two runs side by side."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avrec_lib.report.checks import banner, show_checks, show_checks_side_by_side
    from avrec_lib.report.display import finding, show, show_table
    from avrec_lib.report.distributions import histogram, interval_chart, lorenz_curve
    from avrec_lib.report.dot_plots import dot_plot
    from avrec_lib.report.figures import bar_chart, heatmap, line_chart, scatter
    from avrec_lib.report.recording import (
        artefact_folder,
        read_artefact,
        record,
        record_fingerprints,
        record_table,
        store,
    )
    from avrec_lib.report.slices import show_slices, slice_chart
    from avrec_lib.report.tables import side_by_side, with_interval
    from avrec_lib.report.words import Term

_HOME = {
    "Term": "words",
    "artefact_folder": "recording",
    "banner": "checks",
    "bar_chart": "figures",
    "dot_plot": "dot_plots",
    "finding": "display",
    "heatmap": "figures",
    "histogram": "distributions",
    "interval_chart": "distributions",
    "line_chart": "figures",
    "lorenz_curve": "distributions",
    "read_artefact": "recording",
    "record": "recording",
    "record_fingerprints": "recording",
    "record_table": "recording",
    "scatter": "figures",
    "show": "display",
    "show_checks": "checks",
    "show_checks_side_by_side": "checks",
    "show_slices": "slices",
    "show_table": "display",
    "slice_chart": "slices",
    "store": "recording",
    "side_by_side": "tables",
    "with_interval": "tables",
}
__all__ = [
    "Term",
    "artefact_folder",
    "banner",
    "bar_chart",
    "dot_plot",
    "finding",
    "heatmap",
    "histogram",
    "interval_chart",
    "line_chart",
    "lorenz_curve",
    "read_artefact",
    "record",
    "record_fingerprints",
    "record_table",
    "scatter",
    "show",
    "show_checks",
    "show_checks_side_by_side",
    "show_slices",
    "show_table",
    "side_by_side",
    "slice_chart",
    "store",
    "with_interval",
]


def __getattr__(name: str) -> Any:
    """Import what a notebook asks for when it asks: the command line shares this package and must start fast."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
