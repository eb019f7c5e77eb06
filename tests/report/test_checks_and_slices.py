"""What an evaluation is worth is shown: checks by level, a banner nobody misses, groups with intervals."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from cells import code

from avrec_lib import report
from avrec_lib.data.facts import Fact
from avrec_lib.errors import UsageError
from avrec_lib.evaluate.slices import slice_table
from avrec_lib.report.display import BANNER_MIME, HEADLINE_CLASS, PLOTLY_MIME
from avrec_lib.report.export import export_report
from avrec_lib.report.run_record import RunRecord
from avrec_lib.report.site import build_index
from avrec_lib.report.words import Term, plain

CANARY = "<script>window.hacked = 1</script>"
RED = Fact("tied_events", 3, 0.75, "red", "{share} of the events have no time.")
AMBER = Fact("repeats", 1, 0.25, "amber", "{share} of {who}", {"who": CANARY})
FINE = Fact("near_duplicates", 0, 0.0, "info", "{share} are near.")

SLICES = pl.DataFrame(
    [
        ("popularity", "ndcg", 10, "gender", "F", 0.10, 0.08, 0.12, 200, 0.20, False, 0.001),
        ("popularity", "ndcg", 10, "gender", "M", 0.25, 0.22, 0.28, 300, 0.20, False, 0.01),
        ("popularity", "ndcg", 10, "known or new user", "new", 0.90, None, None, 2, 0.20, True, None),
        ("EASE", "ndcg", 10, "gender", "F", 0.30, 0.25, 0.35, 200, 0.31, False, 1.0),
        ("EASE", "ndcg", 10, "gender", "M", 0.52, 0.32, 0.72, 300, 0.31, False, 0.06),
        ("EASE", "ndcg", 10, "known or new user", "new", 0.00, None, None, 2, 0.31, True, None),
    ],
    schema=[
        "model",
        "metric",
        "k",
        "slice",
        "group",
        "value",
        "low",
        "high",
        "users",
        "overall",
        "small",
        "p_adjusted",
    ],
    orient="row",
).with_columns(gap=pl.col("value") - pl.col("overall"), ratio=pl.col("value") / pl.col("overall"))


@pytest.fixture
def displayed(monkeypatch):
    """The bundles that reach IPython's display."""
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def outputs(bundles):
    return [{"output_type": "display_data", "data": json.loads(json.dumps(b)), "metadata": {}} for b in bundles]


def test_checks_stand_worst_first_with_icon_word_and_sentence(home, displayed):
    report.show_checks([FINE, AMBER, RED], "Checks of {name}", name="a log")
    html = displayed[0]["text/html"]
    assert html.index("✗ <span") < html.index("tied events") < html.index("! <span") < html.index("repeats")
    assert "would mislead" in html and "read with care" in html
    assert "75.0 % of the events have no time." in html
    assert '<tr class="avrec-red">' in html
    assert "Checks: 1 would mislead, 1 to be read with care, 1 fine." in displayed[0]["text/plain"]


def test_what_is_fine_stands_behind_a_fold_that_counts(home, displayed):
    report.show_checks([FINE, AMBER, RED])
    assert "near duplicates" not in displayed[0]["text/html"]
    assert "<details" in displayed[1]["text/html"] and "near duplicates" in displayed[1]["text/html"]
    assert "Checks that are fine: 1" in displayed[1]["text/html"]


def test_a_check_has_its_name_in_chinese_and_its_values_are_text(home, displayed):
    report.show_checks([RED, AMBER])
    html = displayed[0]["text/html"]
    assert '<span lang="zh" hidden>时间并列的事件</span>' in html
    assert CANARY not in html and "&lt;script&gt;" in html


def test_no_check_at_all_and_only_fine_ones_are_no_headline(home, displayed):
    report.show_checks([], headline=True)
    report.show_checks([FINE], headline=True)
    assert not any(HEADLINE_CLASS in bundle["text/html"] for bundle in displayed)


def test_checks_that_are_not_fine_stand_in_short_too(make_run, displayed):
    report.show_checks([RED, FINE], headline=True)
    page = export_report(make_run(code("a", *outputs(displayed)))).read_text("utf-8")
    short = page[page.index('id="avrec-short"') : page.index('class="story"')]
    assert "tied events" in short and "near duplicates" not in short


def test_cards_side_by_side_have_the_worst_check_on_top_and_a_dash_where_none_was_made(home, displayed):
    report.show_checks_side_by_side({"global_time": [FINE], "random": [FINE, RED]}, "Checks of {name}", name=CANARY)
    html, text = displayed[0]["text/html"], displayed[0]["text/plain"]
    assert html.index("tied events") < html.index("near duplicates")
    assert '<td style="text-align:left">–</td><td style="text-align:left"><span class="avrec-mark avrec-red"' in html
    assert "✗</span>\u00a075.0\u00a0%" in html and CANARY not in html
    assert text.splitlines()[1:] == ["tied_events: random ✗", "near_duplicates: global_time ✓, random ✓"]


def test_of_several_facts_of_one_check_the_worst_stands_side_by_side(home, displayed):
    fine = replace(RED, level="info")
    report.show_checks_side_by_side({"random": [fine, RED, fine]})
    assert displayed[0]["text/plain"].splitlines() == ["tied_events: random ✗"]


def test_a_banner_stands_above_the_status_of_the_report_in_the_index_and_in_the_record(make_run, displayed):
    report.banner("**yes** {name}", name=CANARY)
    report.banner("**yes** {name}", name=CANARY)
    assert displayed[0][BANNER_MIME]["en"] == f"yes {CANARY}"
    folder = make_run(code("a", *outputs(displayed)))
    page = export_report(folder).read_text("utf-8")
    top = page[page.index('<main id="content">') : page.index('<section class="banner')]
    assert top.count('class="avrec-banner"') == 1
    assert "⚠ yes &lt;script&gt;" in top
    assert CANARY not in page
    assert [texts["en"] for texts in RunRecord.read(folder).banners] == [f"yes {CANARY}"]
    index = build_index().read_text("utf-8")
    assert "⚠ yes &lt;script&gt;" in index and CANARY not in index


def test_an_earlier_run_with_a_banner_is_marked_in_the_history(make_run, displayed):
    report.banner("yes")
    export_report(make_run(code("a", *outputs(displayed)), run_id="20260101-000000-aaaaaa"))
    make_run(code("a"), run_id="20260102-000000-aaaaaa")
    index = build_index().read_text("utf-8")
    assert '<span class="alarmed" title="yes">⚠</span>' in index
    assert 'class="avrec-banner"' not in index


def test_a_banner_that_somebody_wrote_by_hand_does_not_break_the_report(make_run):
    broken = [{BANNER_MIME: content, "text/plain": "x"} for content in ("text", {"de": "nein"}, None, ["a"])]
    page = export_report(make_run(code("a", *outputs(broken)))).read_text("utf-8")
    assert "⚠" in page  # the one that is a table of texts


def test_a_term_is_said_in_the_language_of_its_sentence():
    assert plain("{x}", "en", x=Term("few users")) == "few users"
    assert plain("{x}", "zh", x=Term("few users")) == "用户太少"


def test_slices_have_a_panel_each_with_rows_in_order_and_a_dotted_line_for_each_model(home):
    figure = report.slice_chart(SLICES, x_label="NDCG@10")
    assert list(figure.layout.yaxis.ticktext) == [
        'F<br><span style="font-size:11px">n = 200</span>', 'M<br><span style="font-size:11px">n = 300</span>',
    ]  # fmt: skip
    assert "few users" in figure.layout.yaxis2.ticktext[0]
    assert [note.text for note in figure.layout.annotations] == ["<b>gender</b>", "<b>known or new user</b>"]
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [(line.name, line.x[0], line.yaxis) for line in lines] == [
        ("popularity", 0.2, "y"), ("EASE", 0.31, "y"), ("popularity", 0.2, "y2"), ("EASE", 0.31, "y2"),
    ]  # fmt: skip
    assert figure.layout.xaxis2.title.text == "NDCG@10" and figure.layout.xaxis2.matches == "x"


def test_the_points_of_a_small_group_are_hollow_and_have_no_whisker_without_an_interval(home):
    figure = report.slice_chart(SLICES, x_label="NDCG@10")
    points = [trace for trace in figure.data if trace.mode == "markers" and trace.x[0] is not None]
    small = [trace for trace in points if trace.yaxis == "y2"]
    assert [trace.marker.symbol for trace in small] == ["circle-open", "square-open"]
    assert all(trace.error_x.array is None for trace in small)
    women_and_men = points[0]
    assert list(women_and_men.error_x.array) == pytest.approx([0.02, 0.03])
    assert women_and_men.y[0] < 0 < women_and_men.y[1] < 1  # the first model stands a little above its row


def test_panels_and_rows_travel_in_both_languages(home):
    labels = report.slice_chart(SLICES, x_label="NDCG@10").layout.meta["labels"]
    assert labels["zh"]["annotations.0.text"] == "<b>性别</b>"
    assert "用户太少" in labels["zh"]["yaxis2.ticktext"][0]
    assert labels["en"]["annotations.0.text"] == "<b>gender</b>"


def test_markup_in_a_group_is_text(home):
    table = SLICES.with_columns(group=pl.lit("<a href='x'>b</a>"))
    assert report.slice_chart(table, x_label="").layout.yaxis.ticktext[0].startswith("&lt;a href=")


def test_one_chart_shows_one_metric(home):
    both = pl.concat([SLICES, SLICES.with_columns(metric=pl.lit("recall"))])
    with pytest.raises(UsageError, match="one metric at one k"):
        report.slice_chart(both, x_label="")


def test_the_largest_gap_that_is_no_chance_is_said_and_small_groups_are_passed_over(home, displayed):
    report.show_slices(SLICES, "ndcg", 10)
    figure, words = displayed
    assert PLOTLY_MIME in figure
    assert (
        "Furthest from the whole, and beyond chance among 2 groups: popularity has 0.100 [0.080, 0.120] where gender "
        "is “F” (n = 200 users), against 0.200 overall." in words["text/plain"]
    )
    assert "在性别为“F”的组" in words["text/html"]
    assert "few users" in words["text/html"]


def test_when_no_gap_is_beyond_chance_it_says_so_though_an_interval_leaves_the_whole(home, displayed):
    report.show_slices(SLICES.filter(pl.col("model") == "EASE"), "ndcg", 10)
    words = displayed[1]["text/plain"]
    assert "No group stands apart from the whole beyond chance, of 2 with enough users." in words


def test_when_all_groups_are_small_it_says_so(home, displayed):
    report.show_slices(SLICES.filter("small"), "ndcg", 10)
    assert "No group has enough users to be told apart from the whole." in displayed[1]["text/plain"]


def test_a_report_without_any_difference_between_groups_names_one_in_at_most_a_twentieth_of_cases(home, displayed):
    rng = np.random.default_rng(11)
    users, reports, named, by_interval = [f"u{place}" for place in range(600)], 40, 0, 0
    for _ in range(reports):
        groups = pl.concat(
            pl.DataFrame({"query_id": users, "slice": [f"s{part}"] * 600, "group": [f"g{n % 6}" for n in
                          rng.permutation(600)]}) for part in range(5)
        )  # fmt: skip
        of_user = rng.beta(0.6, 2.0, 600)  # a hard user is hard for all models
        values = pl.concat(
            pl.DataFrame({"model": model, "seed": 0, "window": 0, "query_id": users, "user_id": users,
                          "metric": "ndcg", "k": 10, "value": np.clip(of_user + rng.normal(0, 0.1, 600), 0, 1)})
            for model in ("popularity", "EASE", "iALS")
        )  # fmt: skip
        table = slice_table(values, groups, resamples=200)
        by_interval += table.filter(~pl.col("overall").is_between("low", "high")).height > 0
        displayed.clear()
        report.show_slices(table, "ndcg", 10)
        named += "Furthest from the whole" in displayed[1]["text/plain"]
    assert by_interval > reports / 2  # what an interval leaves is no finding
    assert named <= reports / 20


def test_what_could_not_be_sliced_is_said_below(home, displayed):
    left_out = pl.DataFrame({"slice": ["platform"], "reason": ["No training event names a platform."]})
    report.show_slices(SLICES, "ndcg", 10, left_out=left_out)
    assert displayed[2]["text/plain"] == "platform: No training event names a platform."
    assert "没有训练事件记录平台。" in displayed[2]["text/html"]


def test_no_slice_at_all_shows_only_what_was_left_out(home, displayed):
    left_out = pl.DataFrame({"slice": ["platform"], "reason": ["No training event names a platform."]})
    report.show_slices(SLICES.head(0), "ndcg", 10, left_out=left_out)
    assert len(displayed) == 1


def test_a_misspelt_metric_names_the_nearest(home):
    with pytest.raises(UsageError, match=r"metric of the slices named 'ndgc@10'.*Did you mean ndcg@10"):
        report.show_slices(SLICES, "ndgc", 10)


def test_tie_rules_stand_side_by_side_within_a_model(home):
    table = pl.DataFrame(
        {"model": ["EASE"] * 2, "rule": ["file order", "item id"], "value": [0.07, 0.04], "low": [0.05, 0.03],
         "high": [0.09, 0.05]}
    )  # fmt: skip
    figure = report.dot_plot(table, row="model", by="rule", x_label="NDCG@10")
    assert [trace.name for trace in figure.data if trace.showlegend] == ["file order", "item id"]
    assert list(figure.layout.yaxis.ticktext) == ["EASE"]


def test_a_dot_plot_of_nothing_is_an_empty_figure(home):
    empty = pl.DataFrame(schema={"model": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64})
    assert len(report.dot_plot(empty, row="model", x_label="").data) == 0


def test_a_band_leaves_out_the_steps_without_an_interval_and_whole_steps_get_a_tick_each():
    table = pl.DataFrame({"window": [0, 1, 2], "y": [5, 6, 7], "low": [None, 5, 6], "high": [None, 7, 8]})
    figure = report.line_chart(table, "window", "y", x_label="", y_label="", low="low", high="high")
    assert list(figure.data[0].x) == [1, 2, 2, 1]
    assert list(figure.data[1].y) == [5, 6, 7]
    assert list(figure.layout.xaxis.tickvals) == [0, 1, 2]
