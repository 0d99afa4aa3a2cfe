"""The figures: complete, legible, true to the record, and the same bytes on every run."""

import dataclasses
import subprocess
import sys
from functools import cache

import matplotlib as mpl
import numpy as np
import pytest
from drawn_texts import assert_texts_are_legible
from hypothesis import given
from hypothesis import strategies as st
from page_elements import assert_is_drawn_within_its_edges

from example_audits import changed
from example_records import TARGET, example_own_record, example_record, example_triggers
from example_scan import example_scan
from trivet.errors import ReportError, UsageError
from trivet.report.figures import (
    FIGURES,
    FORMATS,
    available,
    pictures,
    save_figures,
    scan,
    study_fairness,
    study_privacy,
    study_security,
)
from trivet.report.figures.labels import spread
from trivet.report.figures.style import COLUMN_WIDTH, PAGE_WIDTH

ALL = (
    "trigger_reconstructed",
    "trigger_all_labels_grid",
    "security_scale_profile",
    "security_before_after",
    "security_confusion_before_after",
    "security_unlearning_sweep",
    "privacy_scenarios",
    "privacy_tail_curves",
    "privacy_epsilon_sweep",
    "fairness_comparison",
    "fairness_group_rates",
    "fairness_tradeoff",
    "fairness_swapk_sweep",
    "security_scan_trigger",
    "security_scan_stamped",
    "security_scan_cells",
    "security_scan_profile",
    "security_scan_triggers",
    "privacy_plan_noise",
    "privacy_plan_curves",
    "privacy_training_curves",
    "privacy_mechanisms",
    "privacy_code",
    "privacy_membership_roc",
    "privacy_membership_groups",
    "fairness_audit_impact",
    "fairness_audit_rates",
    "fairness_audit_measures",
    "fairness_audit_classes",
    "fairness_audit_features",
    "fairness_audit_calibration",
    "fairness_audit_subgroups",
    "fairness_mitigation_frontier",
    "fairness_mitigation_models",
    "effects_frontier",
    "effects_matrix",
    "effects_classes",
)
#: Of pages alone: no record has them.
OUTCOMES = ("outcome_amounts", "outcome_ranking", "outcome_classes")
#: Of the user's own audits, and of what the study's baseline has no scores and columns for here.
OWN = (
    "privacy_training_curves",
    "privacy_mechanisms",
    "privacy_code",
    "privacy_membership_roc",
    "privacy_membership_groups",
    "fairness_audit_measures",
    "fairness_audit_features",
    "fairness_audit_calibration",
    "fairness_audit_subgroups",
    "effects_frontier",
    "effects_matrix",
    "effects_classes",
)
NAMES = tuple(name for name in ALL if name not in OWN)
#: As in the published study, whose numbers and places they keep.
PUBLISHED = ALL[:13]

#: Figures of an audit: others are of two, of looks over time, or of outcomes, which have pages of their own.
OF_AUDITS = [row for row in FIGURES if not row.name.startswith(("compared", "watch", "outcome"))]


def clean_record():
    """A network without evidence of a backdoor, from a file of which nothing is known."""
    record = example_record()
    published = dataclasses.replace(record.security.published, expected_label=None, agrees=None)
    audit, _ = example_scan(suspected=False).audit
    return dataclasses.replace(record, security=dataclasses.replace(audit, published=published))


def disagreeing_record():
    """The published rule names another label than the attacked one."""
    record = example_record()
    published = dataclasses.replace(record.security.published, detected_label=3, agrees=False)
    return dataclasses.replace(record, security=dataclasses.replace(record.security, published=published))


RECORDS = {"attacked": example_record, "clean": clean_record, "disagreeing": disagreeing_record}
#: The figures of each: without a suspect there is no strip, and the published ones are all there.
DRAWN = {"attacked": NAMES, "clean": (*PUBLISHED, *NAMES[16:]), "disagreeing": NAMES}
#: The figures that another security leg changes.
CHANGED = {
    "attacked": NAMES,
    "clean": ("security_scale_profile", "security_scan_profile", "security_scan_triggers"),
    "disagreeing": ("trigger_reconstructed", "trigger_all_labels_grid", "security_scale_profile"),
}


@cache
def own_figure(row):
    return row.figure(example_own_record(), example_triggers())


def test_the_names_in_the_order_of_the_report():
    assert tuple(row.name for row in FIGURES) == (*ALL, *OUTCOMES, "compared_differences", "watch_ratio")


def test_a_plan_and_audits_of_the_user_s_own_have_figures():
    assert tuple(row.name for row in available(example_own_record())) == ALL


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_has_the_figures_of_what_it_holds(kind):
    assert tuple(row.name for row in available(RECORDS[kind]())) == DRAWN[kind]


def test_every_figure_is_written_in_every_format(study_figures):
    assert [path.name for path in study_figures] == [
        f"{name}.{suffix}" for name in NAMES for suffix in FORMATS
    ]


@pytest.mark.slow
def test_two_runs_write_the_same_bytes(study_figures, tmp_path):
    again = save_figures(example_record(), example_triggers(), tmp_path / "deep")
    for first, second in zip(study_figures, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


@pytest.mark.parametrize("name", NAMES)
def test_no_picture_is_blank_and_none_runs_over_its_edge(study_figures, name):
    path = next(path for path in study_figures if path.name == f"{name}.png")
    assert_is_drawn_within_its_edges(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_files_say_nothing_about_time_or_place(study_figures, suffix):
    for path in study_figures:
        if path.suffix == f".{suffix}":
            content = path.read_bytes()
            assert b"CreationDate" not in content
            assert b"<dc:date>" not in content


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        pytest.param(kind, row, id=f"{row.name}-{kind}")
        for kind, names in CHANGED.items()
        for row in FIGURES
        if row.name in names
    ],
)
def test_every_text_lies_within_the_figure_and_on_no_other(row, kind):
    assert_texts_are_legible(row.figure(RECORDS[kind](), example_triggers()))


@pytest.mark.parametrize("row", OF_AUDITS, ids=lambda row: row.name)
def test_a_figure_is_one_column_wide_or_two(row):
    width = PAGE_WIDTH if row.picture(example_own_record()).wide else COLUMN_WIDTH
    assert own_figure(row).get_figwidth() == width


@pytest.mark.parametrize("row", OF_AUDITS, ids=lambda row: row.name)
def test_bars_start_at_zero(row):
    for axes in own_figure(row).axes:
        for bar in axes.containers:
            low, high = axes.get_xlim()
            assert low <= 0 < high
            assert all(patch.get_x() == 0 for patch in bar)


def test_a_missing_trigger_is_named(tmp_path):
    arrays = {name: array for name, array in example_triggers().items() if name != "published.mask"}
    with pytest.raises(ReportError, match=r"no array 'published\.mask'"):
        save_figures(example_record(), arrays, tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        save_figures(example_record(), example_triggers(), tmp_path / "file")


def test_figures_of_a_missing_leg_are_left_out_and_others_do_not_depend_on_the_reader(
    study_figures, tmp_path
):
    record = dataclasses.replace(example_record(), security=None, fairness=None)
    assert [row.name for row in available(record)] == [*NAMES[6:9], *NAMES[18:20]]
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.hashsalt": None}):
        before = dict(mpl.rcParams)
        paths = save_figures(record, {}, tmp_path)
        assert dict(mpl.rcParams) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)
    assert len(paths) == 5 * len(FORMATS)
    originals = {path.name: path.read_bytes() for path in study_figures}
    for path in paths:
        assert path.read_bytes() == originals[path.name], path.name


def test_figures_need_no_window_toolkit_and_no_model():
    code = (
        "import sys; from trivet.report.figures import FIGURES; FIGURES;"
        "print([m for m in ('matplotlib.pyplot', 'torch', 'sklearn', 'dp_accounting') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def lines_of(axes):
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


def test_the_scale_profile_shows_the_record_s_norms_on_a_log_axis():
    study = example_record().security.published
    (axes,) = study_security.scale_profile(study).axes
    assert [y for x, ys in lines_of(axes) for y in ys if len(x) == 1][:10] == list(study.norms)
    assert axes.get_yscale() == "log"
    assert any("expected, detected" in text.get_text() for text in axes.texts)


def test_expected_and_detected_labels_are_marked_apart_where_they_differ():
    (axes,) = study_security.scale_profile(disagreeing_record().security.published).axes
    words = [text.get_text() for text in axes.texts]
    assert any(text.startswith("expected\n") for text in words)
    assert any(text.startswith("detected\n") for text in words)


def test_the_tail_curves_are_the_record_s():
    study = example_record().privacy.published
    (axes,) = study_privacy.tail_curves(study).axes
    shown = [tuple(y) for x, y in lines_of(axes) if len(x) == len(study.tail_curves.thresholds)]
    curves = study.tail_curves
    assert shown == [curves.base, curves.planned, curves.sequential, curves.unbounded]


def test_the_comparison_draws_the_intervals_and_the_four_fifths_band():
    study = example_record().fairness
    impact = study_fairness.comparison(study).axes[1]
    drawn = lines_of(impact)
    for place, model in enumerate(
        (study.published.baseline, study.published.promotion_demotion, study.published.no_gender)
    ):
        interval = model.disparate_impact
        assert ([interval.low, interval.high], [place, place]) in drawn
    assert [[edge, edge] for edge in (0.8, 1.25)] == [x for x, y in drawn if y == [0, 1]]


def test_the_gap_s_interval_reaches_zero_where_that_of_disparate_impact_holds_one():
    study = example_record().fairness
    (axes,) = study_fairness.tradeoff(study).axes
    model = study.published.group_thresholds
    low, high = model.disparate_impact.low, model.disparate_impact.high
    assert low < 1 < high
    assert ([0.0, max(1 - low, high - 1)], [model.accuracy] * 2) in lines_of(axes)


def test_a_model_without_a_disparate_impact_has_no_mark_and_the_word_undefined():
    leg = example_record().fairness
    for place in (
        "published.baseline.disparate_impact.value",
        "comparison.models.1.groups.0.selection_rate.value",
    ):
        leg = changed(leg, place, None)
    (tradeoff,) = study_fairness.tradeoff(leg).axes
    assert leg.published.baseline.accuracy not in [y for _, ys in lines_of(tradeoff) for y in ys]
    assert tradeoff.get_xlabel().endswith("not drawn: baseline")
    impact = study_fairness.comparison(leg).axes[1]
    assert [text.get_text() for text in impact.texts].count("undefined") == 1
    assert 0.0 not in [x for xs, _ in lines_of(impact) for x in xs]
    (rates,) = study_fairness.group_rates(leg).axes
    assert "undefined" in [text.get_text() for text in rates.texts]
    for told in (
        study_fairness.alt_comparison(leg),
        study_fairness.alt_group_rates(leg),
        study_fairness.alt_tradeoff(leg),
    ):
        assert "undefined" in told
        assert "0.0000" not in told


def test_the_reconstructed_trigger_is_stamped_on_mid_grey():
    arrays = example_triggers()
    figure = study_security.reconstructed(example_record().security.published, arrays)
    mask, pattern = (arrays[f"published.{part}"][TARGET, 0] for part in ("mask", "pattern"))
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), mask)
    np.testing.assert_allclose(
        figure.axes[1].images[0].get_array(), 0.5 * (1 - mask) + mask * pattern, rtol=1e-6
    )


def test_a_colour_trigger_is_shown_in_colour():
    arrays = dict(example_triggers())
    arrays["published.pattern"] = np.repeat(arrays["published.pattern"], 3, axis=1)
    figure = study_security.reconstructed(example_record().security.published, arrays)
    assert figure.axes[1].images[0].get_array().shape == (28, 28, 3)


def test_the_strip_shows_the_record_s_predictions_on_the_triggers_pixels():
    arrays, audit = example_triggers(), example_record().security
    pictures = [axes for axes in scan.draw_strip(audit, arrays).axes if axes.images]
    assert len(pictures) == 2 * audit.strip.images
    mask, pattern = (arrays[f"scan.{part}"][TARGET, 0] for part in ("mask", "pattern"))
    for place in range(audit.strip.images):
        clean, stamped = pictures[2 * place : 2 * place + 2]
        pixels = arrays["strip.pixels"][place, 0]
        np.testing.assert_array_equal(clean.images[0].get_array(), pixels)
        np.testing.assert_allclose(stamped.images[0].get_array(), (1 - mask) * pixels + mask * pattern)
    words = [text.get_text() for text in pictures[-1].texts if text.get_text()]
    assert words == ["\N{MULTIPLICATION SIGN} 4", "\N{MULTIPLICATION SIGN} 0"]
    assert "with the trigger, 8 get the trigger's label. After the repair, 0 do." in scan.alt_strip(audit)


def test_a_strip_without_its_pixels_is_named():
    arrays = {name: array for name, array in example_triggers().items() if name != "strip.pixels"}
    with pytest.raises(ReportError, match=r"no array 'strip\.pixels'"):
        scan.draw_strip(example_record().security, arrays)


def test_every_figure_is_told_in_words_with_the_record_s_numbers():
    told = {name: picture.alt for name, picture in pictures(example_record()).items() if picture}
    assert tuple(told) == NAMES
    assert all(text.endswith(".") and "\n" not in text and len(text) > 60 for text in told.values())
    assert "0.3518 before and 0.9637 after" in told["security_before_after"]
    assert "scale 920, probability 0.4973" in told["privacy_scenarios"]
    assert "0.8211 and 0.1785" in told["fairness_comparison"]
    assert "the best k is 0" in told["fairness_swapk_sweep"]


@given(
    wanted=st.lists(st.floats(0, 1), min_size=1, max_size=8),
    gap=st.floats(0.001, 0.1),
)
def test_spread_labels_keep_their_order_their_distance_and_the_range(wanted, gap):
    placed = spread(wanted, gap=gap, low=0.0, high=1.0)
    order = np.argsort(wanted, kind="stable")
    steps = np.diff(np.array(placed)[order])
    assert np.all(steps >= gap - 1e-9)
    assert min(placed) >= 0
    assert max(placed) <= 1 + 1e-9


def test_labels_that_are_far_apart_stay_where_they_are():
    assert spread([0.9, 0.1, 0.5], gap=0.1, low=0.0, high=1.0) == pytest.approx((0.9, 0.1, 0.5))
