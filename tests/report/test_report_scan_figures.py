"""The pictures of a scan: legible, true to the result, whatever the classes are called."""

import dataclasses
import math

import numpy as np
import pytest
from drawn_texts import assert_texts_are_legible, drawn_texts
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from example_scan import HOSTILE_NAMES, SUSPECT, example_scan
from trivet.report.figures import scan
from trivet.report.figures.scan import (
    SMALLEST_NORM,
    WRONG,
    alt_scale_profile,
    draw_scale_profile,
    draw_suspect,
    draw_trigger_grid,
    margin_scale,
    norm_scale,
)
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    PAGE_WIDTH,
    PALE,
    _width,
    drawn_name,
    written_name,
)

CASES = {
    "a hundred labels": {"classes": 100},
    "five labels of flat images": {"classes": 5, "size": (10, 100)},
    "tall colour images": {"classes": 12, "size": (60, 20), "channels": 3},
    "hostile names, repaired": {"names": HOSTILE_NAMES, "repaired": True},
    "wide names": {"names": ("WWWWWWWWWWWWWWWW",) * 10, "repaired": True},
    "no suspect": {"suspected": False},
    "empty masks": {"empty": True},
}


QUICK = {"a hundred labels", "tall colour images", "hostile names, repaired", "no suspect"}


def figures_of(scanned):
    yield draw_scale_profile(scanned)
    yield draw_trigger_grid(scanned)
    if scanned.suspect is not None:
        yield draw_suspect(scanned, scanned.suspect)
        yield strip_figure(scanned)


def strip_figure(scanned):
    return scan.draw_strip(*scanned.audit)


def words_of(axes):
    return [text.get_text() for text in axes.texts if text.get_text()]


def pictures_of(figure):
    return [axes for axes in figure.axes if axes.images]


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[] if case in QUICK else pytest.mark.slow) for case in CASES]
)
def test_every_text_lies_within_the_picture_and_on_no_other(case):
    for figure in figures_of(example_scan(**CASES[case])):
        assert_texts_are_legible(figure)


def test_names_are_drawn_as_they_are_and_never_as_mathematics():
    texts = {text for text, _ in drawn_texts(draw_trigger_grid(example_scan(names=HOSTILE_NAMES)))}
    assert "1 $x^2$" in texts
    assert any(text.startswith("6 \\$100") for text in texts)
    assert any(text.startswith(r"2 \x1b[31") for text in texts)
    # The font has no Chinese and no Hebrew: the numbers stand alone there.
    assert {"4", "8", "9"} <= texts


@given(st.text(max_size=400), st.integers(0, 10_000), st.sampled_from([20.0, 38.0, 90.0]))
def test_a_drawn_name_is_one_narrow_line_of_glyphs_that_the_font_has(name, label, width):
    shown = drawn_name(label, name, width=width)
    assert shown.startswith(str(label))
    assert shown.replace("\\$", "").count("$") == 0
    assert shown.isprintable()
    assert shown == str(label) or _width(shown.replace(r"\$", "$")) <= width


@pytest.mark.parametrize(
    ("name", "written"), [("cat", "7 (cat)"), ("7", "7"), ("", "7"), ("a\nb", r"7 (a\nb)"), ("é" * 90, None)]
)
def test_a_written_name_follows_the_number(name, written):
    shown = written_name(7, name)
    assert shown == written or (written is None and shown == f"7 ({'é' * 27}…)")


def test_the_grid_shows_the_triggers_on_mid_grey_and_frames_the_suspect():
    scanned = example_scan()
    pictures = pictures_of(draw_trigger_grid(scanned))
    assert len(pictures) == 10
    for label, axes in enumerate(pictures):
        mask, pattern = scanned.masks[label, 0], scanned.patterns[label, 0]
        np.testing.assert_allclose(axes.images[0].get_array(), 0.5 * (1 - mask) + mask * pattern, rtol=1e-5)
        frame = {to_hex(spine.get_edgecolor()).upper() for spine in axes.spines.values()}
        assert frame == {ATTACKED if label == SUSPECT else PALE}
        assert axes.get_title() == f"{label}\n{scanned.masks[label].sum():.1f}"


def test_of_many_labels_the_grid_shows_the_most_unusual_first():
    scanned = example_scan(classes=100)
    shown = [int(axes.get_title().split("\n")[0]) for axes in pictures_of(draw_trigger_grid(scanned))]
    scores = {label.label: label.log_score for label in scanned.result.labels}
    assert shown[0] == SUSPECT
    assert shown[1:] == sorted(set(scores) - {SUSPECT}, key=scores.get)[:19]
    assert "20 of 100 labels" in scan.alt_grid(scanned.audit[0])


def test_colour_triggers_are_shown_in_colour():
    scanned = example_scan(channels=3)
    assert pictures_of(draw_trigger_grid(scanned))[0].images[0].get_array().shape == (28, 28, 3)
    assert pictures_of(draw_suspect(scanned, scanned.suspect))[1].images[0].get_array().shape == (28, 28, 3)


def test_the_suspect_s_mask_is_shown_as_it_is():
    scanned = example_scan()
    left, _ = pictures_of(draw_suspect(scanned, scanned.suspect))
    np.testing.assert_array_equal(left.images[0].get_array(), scanned.masks[SUSPECT, 0])
    assert "an L1 norm of 16.0 pixels" in scan.alt_trigger(scanned.audit[0])


@pytest.mark.parametrize("classes", [10, 100])
def test_the_profile_shows_norms_and_margins_and_their_scores(classes):
    scanned = example_scan(classes=classes)
    figure = draw_scale_profile(scanned)
    assert figure.get_figwidth() == (COLUMN_WIDTH if classes == 10 else PAGE_WIDTH)
    upper, lower, norm_scores, margin_scores = figure.axes
    labels = scanned.result.labels
    for axes, values in (
        (upper, [label.l1 for label in labels]),
        (lower, [label.margin for label in labels]),
    ):
        points = {line.get_xdata()[0]: line for line in axes.lines if len(line.get_xdata()) == 1}
        assert {x: line.get_ydata()[0] for x, line in points.items()} == dict(enumerate(values))
        assert [x for x, line in points.items() if line.get_color() == ATTACKED] == [SUSPECT]
    assert upper.get_yscale() == "log"
    hollow = {line.get_xdata()[0] for line in upper.lines if line.get_markerfacecolor() == "white"}
    assert hollow == scanned.left_early
    assert len(hollow) == (0 if classes == 10 else 79)
    # A label's place on the right axis is its score.
    for label in labels:
        place = lower.transData.transform((0, label.margin))
        assert margin_scores.transData.inverted().transform(place)[1] == pytest.approx(label.margin_score)
        if label.label not in scanned.left_early:
            place = upper.transData.transform((0, label.l1))
            assert norm_scores.transData.inverted().transform(place)[1] == pytest.approx(label.log_score)


def test_the_scales_are_read_off_the_scores():
    scanned = example_scan()
    logs = [math.log(label.l1) for label in scanned.result.labels]
    assert norm_scale(scanned).centre == pytest.approx(np.median(logs))
    margins = [label.margin for label in scanned.result.labels]
    assert margin_scale(scanned).centre == pytest.approx(np.median(margins))


def test_an_almost_empty_mask_is_drawn_at_the_bottom_and_does_not_bend_the_scale():
    scanned = example_scan()
    scale = norm_scale(scanned)
    labels = tuple(
        dataclasses.replace(label, l1=1e-9, log_score=scale.score(math.log(1e-9)))
        if label.label == SUSPECT
        else label
        for label in scanned.result.labels
    )
    emptied = dataclasses.replace(scanned, result=dataclasses.replace(scanned.result, labels=labels))
    assert emptied.left_early == frozenset()
    assert norm_scale(emptied).centre == pytest.approx(scale.centre)
    upper = draw_scale_profile(emptied).axes[0]
    (shown,) = [line.get_ydata()[0] for line in upper.lines if line.get_color() == ATTACKED]
    assert shown == SMALLEST_NORM


def test_without_scores_there_is_no_axis_for_them():
    scanned = example_scan(empty=True)
    assert norm_scale(scanned) is None
    assert len(draw_scale_profile(scanned).axes) == 3


def test_labels_that_a_method_names_are_named_in_the_profile_without_a_suspect():
    scanned = example_scan(suspected=False)
    upper, lower = draw_scale_profile(scanned).axes[:2]
    named = {str(opinion.label) for opinion in scanned.result.opinions}
    assert set(words_of(upper)) == set(words_of(lower)) == named
    assert "largest margin" in alt_scale_profile(scanned)


def test_the_strip_says_by_sign_what_is_wrong_before_and_after():
    scanned = example_scan(repaired=True)
    pictures = pictures_of(strip_figure(scanned))
    assert len(pictures) == 2 * scanned.strip.images
    first, stamped = pictures[:2]
    np.testing.assert_array_equal(first.images[0].get_array(), scanned.pixels[0, 0])
    assert not np.array_equal(stamped.images[0].get_array(), scanned.pixels[0, 0])
    assert words_of(first) == ["true class", "0", "clean", "before", "✓ 0", "after", "✓ 0"]
    assert words_of(stamped) == ["stamped", "before", f"{WRONG} 4", "after", "✓ 0"]
    assert words_of(pictures[-2]) == ["8", f"{WRONG} 0", "✓ 8"]
    assert words_of(pictures[-1]) == [f"{WRONG} 4", f"{WRONG} 0"]
    colours = {text.get_text(): text.get_color() for text in stamped.texts}
    assert colours[f"{WRONG} 4"] == ATTACKED != colours["✓ 0"]
    told = scan.alt_strip(scanned.audit[0])
    assert "Clean, 7 get their true class; with the trigger, 8 get the trigger's label" in told
    assert told.endswith("After the repair, 0 do.")


def test_without_a_repair_the_strip_has_one_line_of_predictions():
    scanned = example_scan()
    first, stamped = pictures_of(strip_figure(scanned))[:2]
    assert words_of(first) == ["true class", "0", "clean", "predicted", "✓ 0"]
    assert words_of(stamped) == ["stamped", "predicted", f"{WRONG} 4"]
    assert "repair" not in scan.alt_strip(scanned.audit[0])


def test_labels_that_only_had_more_steps_were_compared_with_the_others():
    scanned = example_scan()
    labels = tuple(
        dataclasses.replace(label, steps=20 if label.label > 5 else 60) for label in scanned.result.labels
    )
    further = dataclasses.replace(scanned, result=dataclasses.replace(scanned.result, labels=labels))
    assert further.left_early == frozenset()
    assert norm_scale(further) == norm_scale(scanned)
