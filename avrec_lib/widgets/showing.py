"""Where a demo appears: live by hand, as one line in a report."""

from __future__ import annotations

import os

from avrec_lib.report import finding
from avrec_lib.report.recording import RUN_ID_VARIABLE
from avrec_lib.widgets.experiment_state import ExperimentState
from avrec_lib.widgets.recommendation_state import RecommendationState


def show_demo(state: RecommendationState) -> None:
    """Display the demo of `state`; in a run without a person, say where it lives (a report holds no widgets)."""
    if os.environ.get(RUN_ID_VARIABLE):
        finding("The demo itself is live: open this notebook with `avrec demo`. Below, the same visit by script.")
        return
    from IPython.display import display

    from avrec_lib.widgets.view import DemoView

    display(DemoView(state).widget)


def show_experiment(state: ExperimentState) -> None:
    """Display the demo of a test; in a run without a person, say where it lives (a report holds no widgets)."""
    if os.environ.get(RUN_ID_VARIABLE):
        finding("The demo itself is live: open it with `avrec demo experiment`. Below, the same test by script.")
        return
    from IPython.display import display

    from avrec_lib.widgets.experiment_view import ExperimentView

    display(ExperimentView(state).widget)
