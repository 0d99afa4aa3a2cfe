"""Pages and pictures of audits of fairness: true, legible, and with nothing that runs."""

import dataclasses
import re
from types import SimpleNamespace

import pytest
from drawn_texts import assert_texts_are_legible, drawn_texts
from page_elements import Page, assert_is_drawn_within_its_edges, rows_of
from undrawn_pages import write_undrawn

from example_audits import changed
from example_fairness import (
    HOSTILE,
    example_audit,
    example_comparison,
    failed_model,
    hostile_audit,
    hostile_comparison,
    lonely_comparison,
    many_groups_audit,
    model,
    undefined_audit,
)
from example_records import own_record
from trivet.errors import UsageError
from trivet.fairness.mitigation import registry
from trivet.record import FairnessLeg, as_json
from trivet.report import write_report
from trivet.report.figures import FIGURES as ROWS
from trivet.report.figures import save_figures
from trivet.report.figures.groups import (
    MOST_GROUPS,
    alt_impact,
    alt_outcome_rates,
    draw_impact,
    draw_outcome_rates,
    has_impact,
)
from trivet.report.figures.measures import draw_measures, has_measures
from trivet.report.figures.mitigations import (
    alt_frontier,
    alt_models,
    draw_frontier,
    draw_models,
    has_models,
    model_name,
)
from trivet.report.figures.parts import (
    alt_calibration,
    alt_parts_by_class,
    alt_parts_by_feature,
    draw_calibration,
    draw_parts_by_class,
    draw_parts_by_feature,
    has_calibration,
    has_parts_by_class,
    has_parts_by_feature,
)
from trivet.report.figures.style import ATTACKED, CORRECTED, PUBLISHED_TEXT
from trivet.report.pages import FAIRNESS, MITIGATIONS, write_page
from trivet.report.text.places import MOST_ROWS

CASES = {
    "many": (FAIRNESS, many_groups_audit),
    "comparison": (MITIGATIONS, example_comparison),
    "hostile comparison": (MITIGATIONS, hostile_comparison),
    "lonely": (MITIGATIONS, lonely_comparison),
}


#: Of the comparison, whose figures are those of the hostile one with shorter texts, the words are looked at.
DRAWN = {"many", "hostile comparison", "lonely"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fairness")
    return {
        case: (write_page if case in DRAWN else write_undrawn)(page, make(), folder / case)
        for case, (page, make) in CASES.items()
    }


@pytest.fixture(scope="module")
def pages(written):
    return {case: files[0].read_text(encoding="utf-8") for case, files in written.items()}


def test_the_page_comes_first_and_the_pictures_that_belong_to_it(written):
    names = {case: {path.stem for path in files if path.suffix == ".png"} for case, files in written.items()}
    assert all(files[0].name == "fairness.html" for files in written.values())
    audit = {row.name for row in ROWS if row.of == "fairness.audit"}
    assert names["comparison"] == audit | {row.name for row in ROWS if row.of == "fairness.comparison"}
    assert names["lonely"] == {"fairness_audit_rates"}
    assert names["many"] == {"fairness_audit_impact", "fairness_audit_rates", "fairness_audit_calibration"}


@pytest.mark.slow
def test_pictures_of_an_earlier_result_are_removed(tmp_path):
    write_page(MITIGATIONS, example_comparison(), tmp_path)
    write_page(FAIRNESS, undefined_audit(), tmp_path)
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"fairness_audit_rates"}


@pytest.mark.slow
def test_the_same_result_gives_the_same_bytes(written, tmp_path):
    for case in ("many", "hostile comparison"):
        page, make = CASES[case]
        for path, other in zip(write_page(page, make(), tmp_path / case), written[case], strict=True):
            assert path.read_bytes() == other.read_bytes(), path.name


def test_nothing_on_a_page_runs_or_comes_from_elsewhere(pages):
    for source in pages.values():
        page = Page(source)
        assert not {tag for tag, _ in page.elements} & {"link", "iframe", "object", "form", "img"}
        for _, attributes in page.elements:
            assert not any(name.startswith("on") for name in attributes)
            assert attributes.get("href", "#").startswith(("#", "data:text/csv;"))
        ids = page.ids()
        assert len(ids) == len(set(ids))
        assert "\x1b" not in source
        assert "\u202e" not in source


def test_every_picture_of_a_page_is_told_in_words(pages):
    for source in pages.values():
        pictures = Page(source).drawings()
        assert pictures
        captions = re.findall(r"<figcaption>(.*?)</figcaption>", source, re.DOTALL)
        for attributes in pictures:
            assert attributes["role"] == "img"
            assert len(attributes["aria-label"]) > 60
            assert attributes["aria-label"] not in captions


@pytest.mark.parametrize("case", ["hostile comparison", "lonely"])
def test_a_strangers_text_is_shown_as_text(pages, case):
    assert '<script>alert("x")</script>' in Page(pages[case]).text
    assert pages[case].count("<script") == 1


def test_each_group_is_told_with_its_intervals(pages):
    audit = example_audit()
    groups = [(attribute, group) for attribute in audit.attributes for group in attribute.groups]
    shown = rows_of(pages["comparison"], "tbl:own-fairness-impact")
    assert [row[:2] for row in shown] == [[attribute.name, group.group] for attribute, group in groups]
    assert [row[-1] for row in shown] == [group.verdict for _, group in groups]
    female = groups[0][1]
    impact = female.disparate_impact
    assert shown[0][2] == f"{impact.value:.3f} ({impact.low:.3f} to {impact.high:.3f})"
    assert shown[0][3] == f"{female.simultaneous_low:.3f} to {female.simultaneous_high:.3f}"
    assert shown[1][2:-1] == [""] * 6
    assert [row[-2] for row in shown] == [
        {None: "", True: "yes", False: "no"}[group.below_four_fifths] for _, group in groups
    ]
    eskimo = rows_of(pages["comparison"], "tbl:own-fairness-rates")[3]
    assert eskimo[1:4] == ["Eskimo", "53", "0"]
    assert eskimo[5] == "undefined"


def test_bounds_that_are_open_on_one_side_are_told(tmp_path):
    audit = example_audit()
    gender = audit.attributes[0]
    female = gender.groups[0]
    ends = ((None, 0.5, "up to 0.500"), (0.25, None, "from 0.250"), (None, None, ""))
    groups = tuple(
        dataclasses.replace(
            female,
            group=str(place),
            simultaneous_low=low,
            simultaneous_high=high,
            disparate_impact=dataclasses.replace(female.disparate_impact, low=low, high=high),
        )
        for place, (low, high, _) in enumerate(ends)
    )
    open_ended = dataclasses.replace(
        audit, attributes=(dataclasses.replace(gender, groups=(*groups, gender.groups[1])),)
    )
    page, *_ = write_page(FAIRNESS, open_ended, tmp_path)
    rows = rows_of(page.read_text(encoding="utf-8"), "tbl:own-fairness-impact")
    assert [row[3] for row in rows[:3]] == [told for _, _, told in ends]
    assert rows[0][2] == "0.178 (up to 0.500)"
    assert rows[2][2] == "0.178"
    assert "gender 0: 0.1785 (up to 0.5000)" in alt_impact(open_ended)
    assert_texts_are_legible(draw_impact(open_ended))


def test_what_is_undefined_says_why(pages):
    text = " ".join(Page(pages["lonely"]).text.split())
    assert "letter, a: the disparate impact is undefined (no row of the reference group" in text
    rows = rows_of(pages["lonely"], "tbl:own-fairness-impact")
    assert [row[2] for row in rows] == ["undefined", ""]
    assert "tbl:own-fairness-classes" not in pages["lonely"]


def test_metrics_of_all_groups_are_told_and_those_of_one_are_left_to_the_file(pages):
    rows = rows_of(pages["lonely"], "tbl:metrics")
    assert rows == [
        ["letter", "demographic_parity_difference", "0.1680", ""],
        ["letter", "equal_opportunity_difference", "undefined", "no row of the group has a positive label"],
    ]


def test_the_models_are_told_with_both_intervals(pages):
    comparison = example_comparison()
    accuracy = rows_of(pages["comparison"], "tbl:own-mitigation-accuracy")
    assert [row[0] for row in accuracy] == [each.title for each in comparison.models]
    assert accuracy[0][3:] == ["0.8530 (0.8470 to 0.8590)", "0.8458 to 0.8602", ""]
    assert accuracy[-1][3:] == ["no model", "", ""]
    fairness = rows_of(pages["comparison"], "tbl:own-mitigation-fairness")
    assert fairness[1][1:4] == ["Female", "0.360 (0.324 to 0.400)", "0.308 to 0.412"]
    assert [row[2] for row in fairness[-2:]] == ["undefined", "no model"]
    assert [row[6] for row in fairness] == ["yes" if each.on_frontier else "" for each in comparison.models]
    groups = rows_of(pages["comparison"], "tbl:mitigation-groups")
    assert len(groups) == sum(len(each.groups) for each in comparison.models)
    assert groups[2][:2] == ["without the sensitive columns", "Female"]


def test_the_mitigations_come_before_the_audit_of_the_baseline(pages):
    order = [
        pages["comparison"].index(f'id="sec:{name}"')
        for name in ("own-mitigations", "own-fairness", "mitigation-groups", "metrics", "provenance")
    ]
    assert order == sorted(order)
    assert "here no model was trained again" in " ".join(Page(pages["hostile comparison"]).text.split())
    assert "sec:own-mitigations" not in pages["many"]


def test_the_pictures_are_not_blank_and_do_not_run_over_their_edges(written):
    for case in DRAWN:
        pictures = [path for path in written[case] if path.suffix == ".png"]
        assert pictures
        for path in pictures:
            assert_is_drawn_within_its_edges(path)


AUDITS = {
    "audit": example_audit,
    "hostile": hostile_audit,
    "undefined": undefined_audit,
    "many": many_groups_audit,
}
COMPARISONS = {
    "comparison": example_comparison,
    "hostile": hostile_comparison,
    "crowded": lambda: dataclasses.replace(
        example_comparison(),
        models=tuple(model(f"model-{i}", 0.85 - 0.001 * i, 0.8 + 0.01 * i) for i in range(9)),
    ),
    "zero": lambda: dataclasses.replace(
        example_comparison(), models=(model("baseline", 0.8, 1e-9), failed_model(note="none"))
    ),
}
SCORED = ("audit", "hostile", "many")
OF_AUDITS = [
    (draw_impact, has_impact, SCORED),
    (draw_measures, has_measures, ("audit", "hostile")),
    (draw_outcome_rates, lambda _: True, AUDITS),
    (draw_parts_by_class, has_parts_by_class, ("audit", "hostile")),
    (draw_parts_by_feature, has_parts_by_feature, ("audit", "hostile")),
    (draw_calibration, has_calibration, SCORED),
]
FIGURES = {
    **{f"{draw.__name__} {name}": (draw, AUDITS[name]) for draw, _, names in OF_AUDITS for name in names},
    **{
        f"{draw.__name__} {name}": (draw, make)
        for name, make in COMPARISONS.items()
        for draw in (draw_frontier, draw_models)
    },
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_text_of_a_picture_can_be_read(name):
    draw, make = FIGURES[name]
    assert_texts_are_legible(draw(make()))


def test_a_picture_is_drawn_of_each_audit_that_has_its_numbers():
    for _, has, names in OF_AUDITS:
        assert {name for name, make in AUDITS.items() if has(make())} == set(names)


def test_a_picture_is_told_in_words_with_its_numbers():
    audit, comparison = example_audit(), example_comparison()
    assert "gender Female: 0.1785 (0.1538 to 0.2072), disparate" in alt_impact(audit)
    assert "race Eskimo: 0.0000, undefined, 0.0000" in alt_outcome_rates(audit)
    assert "gender, Male minus Female: difference +0.1680, base rates +0.1000" in alt_parts_by_class(audit)
    assert "other features +0.0032" in alt_parts_by_feature(audit)
    assert "0.100 at 0.100" in alt_calibration(audit)
    assert "exponentiated gradient: 0.9174 and 0.8400 on the frontier" in alt_frontier(comparison)
    assert "learned: not drawn" in alt_frontier(comparison)
    assert "suppression: 0.7600 and undefined" in alt_models(comparison)
    assert "learned: no model" in alt_models(comparison)


def test_small_features_are_lumped_and_the_bars_still_sum_to_the_whole():
    (axes,) = draw_parts_by_feature(example_audit()).axes
    widths = [bar.get_width() for container in axes.containers for bar in container]
    whole, *parts = widths
    assert whole == pytest.approx(16.8)
    assert sum(parts) == pytest.approx(whole)
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names.count("other features") == 1
    assert "column 13" not in names


def test_a_verdict_has_a_shape_and_a_colour_of_its_own():
    (axes,) = draw_impact(example_audit()).axes
    marks = {(line.get_marker(), line.get_color()) for line in axes.lines if line.get_marker() != "None"}
    assert marks == {("D", ATTACKED), ("s", PUBLISHED_TEXT), ("o", CORRECTED), ("<", ATTACKED)}


def test_a_name_that_the_font_lacks_is_that_groups_place_in_the_table():
    named = changed(example_audit(), "attributes.0.groups.0.group", "東京")
    texts = [text for text, _ in drawn_texts(draw_impact(named))]
    assert "group 1 in the table" in texts
    assert "東京" not in texts


def test_of_many_groups_the_most_disparate_are_drawn_and_the_others_counted():
    texts = [text for text, _ in drawn_texts(draw_impact(many_groups_audit()))]
    assert "group 0" in texts
    assert f"group {MOST_GROUPS}" not in texts
    assert f"the {MOST_GROUPS} most disparate of 60 groups" in texts


def test_what_cannot_be_drawn_is_named():
    texts = [text for text, _ in drawn_texts(draw_frontier(example_comparison()))]
    assert "not drawn: suppression, learned" in texts
    texts = [text for text, _ in drawn_texts(draw_models(example_comparison()))]
    assert {"undefined", "no model: learned"} <= set(texts)
    assert not has_models(lonely_comparison())


def test_an_interval_around_parity_reaches_it_whichever_way_round():
    """A disparate impact of 1.09 and its interval from 0.98 to 1.21 are drawn at 0.92, from 0.83 to 1."""
    (axes,) = draw_frontier(example_comparison()).axes
    spans = [tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2]
    assert any(span == pytest.approx((0.9 / 1.09, 1.0)) for span in spans)


@pytest.mark.slow
def test_a_table_of_the_report_is_no_longer_than_a_printed_page(tmp_path, pages):
    record = own_record(fairness=FairnessLeg(many_groups_audit()))
    save_figures(record, {}, tmp_path / "figures")
    files = write_report(as_json(record), tmp_path / "figures", tmp_path, engine="typst")
    rows = rows_of(files.html.read_text(encoding="utf-8"), "tbl:own-fairness-rates")
    assert len(rows) == MOST_ROWS
    assert rows[-1] == [f"… and {61 - MOST_ROWS + 1} more", *[""] * 7]
    assert len(rows_of(pages["many"], "tbl:own-fairness-rates")) == 61


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be written"):
        write_page(FAIRNESS, undefined_audit(), tmp_path / "file" / "out")


def test_the_example_is_as_hostile_as_it_says():
    assert all(attribute.name in HOSTILE for attribute in hostile_audit().attributes)


def test_titles_of_mitigations_are_drawn_whole():
    for each in registry.MITIGATIONS.values():
        assert model_name(SimpleNamespace(title=each.title), 1) == each.title
