"""A run folder becomes one page: nothing runs that a notebook shows, nothing leaves the folder, status first."""

from __future__ import annotations

import json
import re

import plotly.graph_objects as go
import pytest
from cells import code, displayed, markdown

from avrec_lib.errors import RunError
from avrec_lib.report.display import PLOTLY_MIME
from avrec_lib.report.export import export_report
from avrec_lib.report.run_record import CellRecord, ErrorRecord, Parameter, Result, RunRecord

CANARY = "<script>window.hacked = 1</script>"


def figure_output(figure):
    return {"output_type": "display_data", "metadata": {}, "data": {PLOTLY_MIME: json.loads(figure.to_json())}}


def page_of(folder, **options):
    return export_report(folder, **options).read_text("utf-8")


def test_every_plotly_figure_is_kept_as_data_and_counted_in_the_record(make_run):
    folder = make_run(code("a", *[figure_output(go.Figure(go.Scatter(x=[1], y=[2])))] * 3))
    page = page_of(folder)
    assert page.count('<script type="application/json">') == 3
    assert RunRecord.read(folder).figures == 3


def test_a_caption_is_numbered_and_stands_in_the_frame_of_its_figure(make_run):
    caption = displayed(text_html='<div class="avrec-caption">Clicks a day</div>')
    page = page_of(make_run(code("a", figure_output(go.Figure()), caption)))
    frame = re.search(r"<figure.*?</figure>", page, re.DOTALL)[0]
    assert re.search(r"Figure 1\..*Clicks a day</div></figcaption>", frame)


def test_no_script_of_an_output_a_title_or_a_parameter_reaches_the_page(make_run):
    folder = make_run(
        markdown(f"# A title {CANARY}\n\n{CANARY}<img src=x onerror='window.hacked = 1'>"),
        code(
            "a",
            displayed(text_html=f"<b onclick='hack()'>{CANARY}</b><iframe src='//example.org'></iframe>"),
            displayed(text_plain=CANARY),
            figure_output(go.Figure(layout_title_text=f"</script>{CANARY}")),
            {"output_type": "stream", "name": "stdout", "text": CANARY},
        ),
        title=CANARY,
        parameters={CANARY: Parameter(CANARY, "default")},
        results=[Result(CANARY, 1.0, model=CANARY, slice=CANARY)],
    )
    page = page_of(folder)
    assert "<script>window.hacked" not in page
    assert not re.search(r"<[^>]* on\w+=", page)
    assert "<iframe" not in page


def test_a_picture_in_svg_is_shown_where_its_scripts_cannot_run(make_run):
    page = page_of(make_run(code("a", displayed(**{"image_svg+xml": f"<svg>{CANARY}</svg>"}))))
    assert '<img src="data:image/svg+xml;base64,' in page
    assert "<svg>" not in page


def test_nothing_on_the_page_leads_out_of_the_folder(make_run):
    text = "[site](https://example.org/a) ![x](https://example.org/x.png) https://example.org/b [here](#part) [f](../f)"
    page = page_of(make_run(markdown(text), code("a", displayed(text_html='<a href="https://example.org">x</a>'))))
    addresses = re.findall(r'(?:href|src|action)="([^"]*)"', page)
    assert "#part" in addresses
    assert [address for address in addresses if ":" in address and not address.startswith("data:")] == []
    assert [address for address in addresses if address.startswith("//")] == []
    assert '<span class="avrec-address">https://example.org/a</span>' in page


def test_formulas_become_mathml_and_unknown_ones_stay_readable(make_run):
    page = page_of(make_run(markdown("A share $\\frac{1}{2}$ and\n\n$$\\notknown{x}$$")))
    assert "<math" in page and "<mfrac>" in page
    assert '<code class="avrec-tex">\\notknown{x}</code>' in page


def test_a_chinese_cell_is_the_pair_of_the_cell_before_it(make_run):
    page = page_of(
        make_run(
            markdown("# Start\n\n## Question"),
            markdown("# 开始\n\n## 问题", "zh"),
            markdown("## Alone"),
            language="zh",
        )
    )
    assert '<html lang="zh-CN" data-language="zh">' in page
    assert '<h1><span lang="en">Start</span><span lang="zh">开始</span></h1>' in page
    assert '<li class="level-2" lang="en"><a href="#question">Question</a></li>' in page
    assert '<li class="level-2" lang="zh"><a href="#问题">问题</a></li>' in page
    assert '<li class="level-2"><a href="#alone">Alone</a></li>' in page


def test_two_headings_of_one_name_get_two_anchors(make_run):
    page = page_of(make_run(markdown("## Data"), markdown("## Data")))
    assert '<h2 id="data">' in page and '<h2 id="data-2">' in page


def test_a_failed_run_says_where_what_and_what_was_done_before(make_run):
    cells = [CellRecord(1, "load()", "ok", 1.0), CellRecord(2, "fit()", "failed", 0.5), CellRecord(3, "x", "not run")]
    error = ErrorRecord(2, "ValueError", "no rows\nmore", "Traceback\n\x1b[31mValueError\x1b[0m")
    folder = make_run(markdown("# T"), *map(code, "abc"), status="failed", cells=cells, error=error)
    page = page_of(folder)
    assert "The run failed in code cell 2 of 3." in page
    assert '<a href="#cell-2">' in page
    assert "ValueError: no rows</p>" in page
    assert "Code cells finished before that: 1, in 1.0 s" in page
    assert '<pre class="printed">Traceback\nValueError</pre>' in page


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("died", "The kernel died in code cell 1 of 1."),
        ("timed_out", "Code cell 1 of 1 ran out of time."),
        ("interrupted", "The run was interrupted in code cell 1 of 1."),
    ],
)
def test_every_way_to_end_has_its_own_sentence(make_run, status, sentence):
    cells = [CellRecord(0, "fit()", "failed")]
    page = page_of(make_run(code("fit()"), status=status, cells=cells, error=ErrorRecord(0, "X", "Why.")))
    assert sentence in page
    assert f'class="banner {status}"' in page


def test_a_run_that_never_reached_a_cell_has_a_report_too(make_run):
    folder = make_run(code("a"), status="died", cells=[], error=ErrorRecord(None, "RuntimeError", "No kernel."))
    (folder / "executed.ipynb").unlink()
    assert "The kernel died before the first cell." in page_of(folder)


def test_results_of_several_models_stand_side_by_side(make_run):
    results = [
        Result(name, value, value - 0.01, value + 0.01, 943, model=model, better="higher", interval_method="bootstrap")
        for model, value in (("EASE", 0.073), ("popular", 0.044))
        for name in ("ndcg@10", "recall@10")
    ]
    page = page_of(make_run(code("a"), results=results))
    assert page.count("0.073 [0.063, 0.083]") == 2
    assert page.count('<td class="name">ndcg@10') == 1


def test_a_result_of_a_slice_is_behind_a_fold(make_run):
    results = [Result("ndcg@10", 0.1, n=943), Result("ndcg@10", 0.01, n=8, slice="new users")]
    page = page_of(make_run(code("a"), results=results))
    assert "By slice: 1" in page and "new users" in page


def test_long_print_is_folded_and_a_progress_bar_is_its_last_state(make_run):
    many = {"output_type": "stream", "name": "stdout", "text": "\n".join(map(str, range(100)))}
    bar = {"output_type": "stream", "name": "stdout", "text": ["10 %\r", "\x1b[1m100 %\x1b[0m\n"]}
    page = page_of(make_run(code("a", many), code("b", bar)))
    assert "Printed text (lines: 100)" in page
    assert '<pre class="printed stdout">100 %</pre>' in page


def test_a_huge_print_does_not_make_a_huge_page(make_run):
    flood = {"output_type": "stream", "name": "stdout", "text": "x" * 5_000_000}
    assert len(page_of(make_run(code("a", flood)))) < 60_000


def test_a_huge_table_stays_in_the_notebook(make_run):
    page = page_of(make_run(code("a", displayed(text_html="<table>" + "<tr><td>x</td></tr>" * 50_000 + "</table>"))))
    assert "too large for a report" in page
    assert len(page) < 60_000


def test_a_formula_cannot_break_out_of_an_attribute(make_run):
    picture = '![$\\text{" onerror=hack() "}$](data:image/png;base64,AAAA)'
    forged = '$\\text{" onerror=hack() "}$ <b title="\ue0100\ue011">x</b>'
    page = page_of(make_run(code("a", displayed(text_markdown=f"{picture}\n\n{forged}"))))
    assert "<math" in page
    assert not re.search(r"<(img|b)[^>]*onerror", page)


def test_a_widget_leaves_a_line_that_says_where_it_lives(make_run):
    view = {"model_id": "1"}
    page = page_of(
        make_run(code("a", displayed(**{"application_vnd.jupyter.widget-view+json": view, "text_plain": "W"})))
    )
    assert "open the notebook in JupyterLab" in page


def test_ten_aggregated_figures_stay_under_three_hundred_kilobytes(make_run):
    import polars as pl

    from avrec_lib.report import histogram
    from avrec_lib.report.house_style import MOST_POINTS

    figure = histogram(pl.DataFrame({"a": range(MOST_POINTS)}), "a", x_label="a", bins=60)
    folder = make_run(*[code("a", figure_output(figure))] * 10)
    assert export_report(folder).stat().st_size < 300 * 1024


def test_style_script_and_plotly_are_shared_and_written_once(make_run, home):
    folder = make_run(code("a", figure_output(go.Figure())))
    page = page_of(folder)
    bundle = home / "reports" / "_assets" / "plotly.min.js"
    written = bundle.stat().st_mtime_ns
    page_of(folder)
    assert '<script src="../../_assets/plotly.min.js"></script>' in page
    assert bundle.stat().st_mtime_ns == written


def test_a_page_for_mail_needs_no_other_file(make_run):
    folder = make_run(markdown("# T"), code("a", figure_output(go.Figure())))
    page = page_of(folder, inline=True)
    assert (folder / "report-inline.html").is_file()
    assert '<link rel="stylesheet"' not in page and "<script src" not in page
    assert "plotly.js v" in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.count("sha256-") == 2


def test_only_a_page_that_compiles_shaders_may_compile(make_run):
    flat = page_of(make_run(code("a", figure_output(go.Figure(go.Scatter(x=[1], y=[1]))))))
    solid = make_run(code("a", figure_output(go.Figure(go.Scatter3d(x=[1], y=[1], z=[1])))), run_id="20260101-b")
    assert "unsafe-eval" not in flat
    assert "unsafe-eval" in page_of(solid)


def test_a_damaged_notebook_is_one_sentence(make_run):
    folder = make_run(code("a"))
    (folder / "executed.ipynb").write_text("{")
    with pytest.raises(RunError, match=r"executed.ipynb cannot be read"):
        export_report(folder)
