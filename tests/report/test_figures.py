"""Builders make small, legible figures; show() displays them with caption, takeaway and table in both languages."""

from __future__ import annotations

import datetime
import itertools

import polars as pl
import pytest

from avrec_lib import report
from avrec_lib.errors import UsageError
from avrec_lib.report.display import PLOTLY_MIME
from avrec_lib.report.tables import number, table_html

MODELS = pl.DataFrame(
    {"model": ["Popular", "EASE"], "value": [0.044, 0.073], "low": [0.03, 0.055], "high": [0.058, 0.091]}
)


@pytest.fixture
def displayed(monkeypatch):
    """The bundles that reach IPython's display."""
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def test_a_value_with_its_interval_reads_as_the_field_writes_it():
    assert report.with_interval(0.0731, 0.0551, 0.0909) == "0.073 [0.055, 0.091]"


def test_an_undefined_value_is_a_dash_and_a_missing_interval_is_left_out():
    assert report.with_interval(None, None, None) == "–"
    assert report.with_interval(0.5, None, None, digits=1) == "0.5"


def test_a_negative_number_has_a_true_minus_and_a_rounded_zero_has_none():
    assert number(-1234.5, 1) == "−1,234.5"
    assert number(-0.0001) == "0.000"


def test_a_figure_over_the_limit_says_to_aggregate():
    with pytest.raises(UsageError, match=r"6,000 points.*at most 5,000.*Aggregate"):
        report.scatter(pl.DataFrame({"a": range(6_000)}), "a", "a", x_label="a", y_label="a")


def test_the_limit_holds_for_a_figure_made_by_hand(displayed):
    import plotly.graph_objects as go

    with pytest.raises(UsageError, match="10,000 points"):
        report.show(go.Figure(go.Heatmap(z=[[0] * 100] * 100)), "a picture")
    assert displayed == []


def test_a_misspelt_column_names_the_nearest():
    with pytest.raises(UsageError, match=r"no column named 'valu'.*Did you mean value"):
        report.bar_chart(MODELS, "model", "valu", x_label="", y_label="")


def test_more_series_than_can_be_told_apart_are_refused():
    table = pl.DataFrame({"x": range(9), "y": range(9), "by": [f"s{i}" for i in range(9)]})
    with pytest.raises(UsageError, match="9 series"):
        report.line_chart(table, "x", "y", by="by", x_label="", y_label="")


def test_series_differ_in_colour_and_also_in_dash_and_marker():
    table = pl.DataFrame({"x": [0, 1] * 2, "y": [1, 2, 3, 4], "by": ["a", "a", "b", "b"]})
    first, second = report.line_chart(table, "x", "y", by="by", x_label="", y_label="").data
    assert first.line.color != second.line.color
    assert first.line.dash != second.line.dash
    assert first.marker.symbol != second.marker.symbol


def test_a_histogram_counts_every_row_however_many():
    figure = report.histogram(pl.DataFrame({"a": list(range(50_000))}), "a", x_label="a", bins=10)
    assert list(figure.data[0].y) == [5_000] * 10 + [0]


def test_a_histogram_of_few_whole_numbers_has_a_bin_for_each():
    figure = report.histogram(pl.DataFrame({"stars": [1, 1, 5]}), "stars", x_label="stars")
    assert list(figure.data[0].x) == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert list(figure.data[0].y) == [2, 0, 0, 0, 1, 0]


def test_bins_of_whole_numbers_on_a_log_axis_never_shrink_and_lose_nobody():
    figure = report.histogram(pl.DataFrame({"a": list(range(1, 1_001))}), "a", x_label="a", log_x=True)
    edges = list(figure.data[0].x)
    widths = [right - left for left, right in itertools.pairwise(edges)]
    assert widths == sorted(widths)
    assert sum(figure.data[0].y) == 1_000


def test_a_histogram_of_nothing_is_an_empty_figure():
    empty = pl.DataFrame({"a": [None, None]}, schema={"a": pl.Float64})
    assert len(report.histogram(empty, "a", x_label="a").data) == 0


def test_a_histogram_of_times_says_what_to_do_instead():
    table = pl.DataFrame({"day": [datetime.date(2020, 1, 1)]})
    with pytest.raises(UsageError, match=r"needs numbers; 'day' holds Date.*Count it by day"):
        report.histogram(table, "day", x_label="day")


def test_the_gini_of_equal_shares_is_zero_and_of_one_owner_of_four_is_three_quarters():
    def legend(values):
        table = pl.DataFrame({"plays": values})
        return report.lorenz_curve(table, "plays", x_label="items", y_label="plays").data[1].name

    assert legend([5, 5, 5, 5]) == "Gini 0.000"
    assert legend([0, 0, 0, 8]) == "Gini 0.750"


def test_the_interval_chart_puts_the_best_on_top_and_marks_the_baseline():
    figure = report.interval_chart(MODELS, x_label="NDCG@10", baseline="Popular")
    assert [trace.name for trace in figure.data] == ["EASE", "Popular"]
    assert figure.data[1].marker.symbol == "diamond-open"
    assert figure.data[0].error_x.array[0] == pytest.approx(0.018)


def test_an_interval_that_holds_the_reference_is_hollow():
    table = MODELS.with_columns(low=pl.Series([-0.01, 0.055]))
    filled, hollow = report.interval_chart(table, x_label="difference", reference=0.0).data
    assert (filled.marker.symbol, hollow.marker.symbol) == ("circle", "circle-open")


def test_markup_in_a_name_is_text():
    table = MODELS.with_columns(model=pl.Series(["<a href='https://example.org'>x</a>", "b"]))
    figure = report.bar_chart(table, "model", "value", x_label="", y_label="")
    assert figure.data[0].x[0].startswith("&lt;a href=")


def test_bars_are_equally_wide_whatever_numbers_they_stand_for():
    table = pl.DataFrame({"seconds": [1.0, 10.0, 1000.0], "n": [3, 2, 1]})
    figure = report.bar_chart(table, "seconds", "n", x_label="s", y_label="n", as_share=True)
    assert figure.layout.xaxis.type == "category"
    assert list(figure.data[0].x) == ["1", "10", "1000"]
    assert figure.layout.yaxis.tickformat == ".0%"


def test_lying_bars_have_their_first_row_on_top():
    figure = report.bar_chart(MODELS, "model", "value", x_label="model", y_label="NDCG", horizontal=True)
    assert list(figure.data[0].y) == ["Popular", "EASE"]
    assert figure.layout.yaxis.autorange == "reversed"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("NDCG", "model")


def test_a_heatmap_holds_a_row_for_each_kind_of_y():
    table = pl.DataFrame({"hour": [0, 1, 0, 1], "day": [1, 1, 2, 2], "n": [1.0, 2.0, 3.0, None]})
    figure = report.heatmap(table, "hour", "day", "n", x_label="hour", y_label="day", value_label="events")
    assert [list(row) for row in figure.data[0].z] == [[1.0, 2.0], [3.0, None]]
    assert figure.layout.coloraxis.colorbar.title.text == "events"


def test_a_band_goes_up_one_side_and_back_on_the_other():
    table = pl.DataFrame({"x": [0, 1], "y": [5, 6], "low": [4, 5], "high": [6, 7]})
    band, line = report.line_chart(table, "x", "y", x_label="", y_label="", low="low", high="high").data
    assert (list(band.x), list(band.y)) == ([0, 1, 1, 0], [6, 7, 5, 4])
    assert list(line.y) == [5, 6]


def test_dates_are_shown_as_digits_in_every_language():
    days = pl.DataFrame({"day": [datetime.date(2020, 1, 1), datetime.date(2020, 2, 1)], "n": [1, 2]})
    figure = report.line_chart(days, "day", "n", x_label="day", y_label="events")
    assert list(figure.data[0].x) == ["2020-01-01", "2020-02-01"]
    assert figure.layout.xaxis.tickformatstops[3].value == "%Y-%m"


def test_axis_names_travel_in_both_languages():
    figure = report.histogram(pl.DataFrame({"a": [1, 2]}), "a", x_label="a")
    assert figure.layout.meta["labels"]["zh"]["yaxis.title.text"] == "数量"


def test_show_displays_the_figure_then_caption_takeaway_and_folded_table(displayed):
    figure = report.interval_chart(MODELS, x_label="NDCG@10")
    report.show(figure, "NDCG@10 of {n} users", takeaway="**{best}** leads.", table=MODELS, n=943, best="EASE")
    drawing, words = displayed
    assert drawing[PLOTLY_MIME]["data"][0]["name"] == "EASE"
    assert drawing["text/plain"] == "NDCG@10 of 943 users"
    assert '<div class="avrec-caption">NDCG@10 of 943 users</div>' in words["text/html"]
    assert "<strong>EASE</strong> leads." in words["text/html"]
    assert "<details" in words["text/html"] and "0.073 [0.055, 0.091]" in words["text/html"]


def test_only_the_current_language_is_visible_by_hand(displayed, monkeypatch):
    monkeypatch.setenv("AVREC_LANGUAGE", "zh")
    report.finding("yes")
    assert '<span lang="en" hidden>yes</span><span lang="zh">是</span>' in displayed[0]["text/html"]
    assert displayed[0]["text/plain"] == "是"


def test_asterisks_and_markup_in_a_value_stay_as_they_are(displayed):
    report.finding("**{title}** is popular.", title="M**A**S*H <script>")
    assert "<strong>M**A**S*H &lt;script&gt;</strong> is popular." in displayed[0]["text/html"]


def test_a_sentence_without_its_value_says_which_is_missing(displayed):
    with pytest.raises(UsageError, match="needs a value for 'n'"):
        report.finding("{n} users", m=3)


def test_a_long_table_says_how_many_rows_it_leaves_out():
    html = table_html(pl.DataFrame({"n": range(30)}), limit=20)
    assert html.count("<tr>") == 21
    assert "… 10 more rows" in html


def test_yes_and_no_show_one_language_by_hand():
    html = table_html(pl.DataFrame({"seen": [True]}), only_current=True)
    assert '<span lang="zh" hidden>是</span>' in html


def test_cells_are_escaped_and_nulls_are_dashes():
    html = table_html(pl.DataFrame({"title": ["<img src=x onerror=alert(1)>", None]}))
    assert "<img" not in html
    assert "<td>–</td>" in html


def test_only_the_columns_named_are_translated():
    html = table_html(pl.DataFrame({"title": ["yes"], "answer": ["yes"]}), translate=["answer"])
    assert '<td>yes</td><td><span lang="en">yes</span><span lang="zh">是</span></td>' in html
