"""The figure and the section of the effects: legible, true to the matrix, and the same bytes each time."""

import dataclasses

import pytest
from drawn_texts import assert_texts_are_legible, drawn_texts
from pydantic import TypeAdapter

from example_effects import example_effects
from example_records import example_record
from trivet.effects.cells import effect_of
from trivet.effects.private_training import IMAGE_MEASUREMENTS, PRIVATE
from trivet.effects.results import Change, EffectMatrix
from trivet.effects.study import NETWORK_FIGURES
from trivet.record import as_json
from trivet.report.facts import run_page_facts
from trivet.report.figures.effects import (
    alt_classes,
    alt_effects,
    alt_frontier,
    draw_classes,
    draw_effects,
    draw_frontier,
    has_effects,
)
from trivet.report.figures.registry import save_figure
from trivet.report.figures.style import ATTACKED, CORRECTED, INK, PAGE_WIDTH, PUBLISHED
from trivet.report.text.document import make_document, read_prose


def of_leg(leg):
    matrix = example_effects()
    kept = {
        "interventions": tuple(row for row in matrix.interventions if row.leg == leg),
        "effects": tuple(effect for effect in matrix.effects if effect.leg == leg),
    }
    return dataclasses.replace(matrix, **kept)


@pytest.mark.parametrize("matrix", [example_effects(), of_leg("security"), of_leg("fairness")])
def test_every_text_is_legible_and_the_figure_is_as_wide_as_the_page(matrix):
    figure = draw_effects(matrix)
    assert figure.get_size_inches()[0] == PAGE_WIDTH
    assert_texts_are_legible(figure)


def test_every_row_and_every_outcome_is_named():
    texts = {text for text, _ in drawn_texts(draw_effects(example_effects()))}
    for row in example_effects().interventions:
        assert row.short in texts
    for effect in example_effects().effects:
        assert effect.outcome in texts


def test_marks_and_lines_are_the_changes_and_their_intervals_in_the_colour_of_the_outcome():
    colors = {
        "better": CORRECTED,
        "worse": ATTACKED,
        "changed": INK,
        "no measurable effect": PUBLISHED,
        "no effect by construction": PUBLISHED,
    }
    drawn = [
        (tuple(map(float, line.get_xdata())), line.get_color())
        for axes in draw_effects(example_effects()).axes
        for line in axes.lines
    ]
    for effect in example_effects().effects:
        if effect.change is not None:
            assert ((effect.change,), colors[effect.outcome]) in drawn
            assert ((effect.low, effect.high), colors[effect.outcome]) in drawn


def test_columns_of_one_scale_share_their_axis_which_holds_zero():
    figure = draw_effects(example_effects())
    limits = {axes.get_title(): axes.get_xlim() for axes in figure.axes}
    assert limits["Female,\ntree scores"] == limits["all rows,\ntree decisions"]
    for low, high in limits.values():
        assert low < 0 < high


def test_the_words_have_every_measurable_change():
    words = alt_effects(example_effects())
    assert example_effects().statement in words
    for effect in example_effects().effects:
        measurable = effect.outcome in {"better", "worse", "changed"}
        assert (f"{effect.row} on {effect.column}:" in words) == measurable


def test_a_matrix_without_measured_cells_has_no_figure():
    matrix = example_effects()
    assert has_effects(matrix)
    gone = [effect for effect in matrix.effects if effect.outcome == "not measured"]
    assert not has_effects(dataclasses.replace(matrix, effects=tuple(gone)))


@pytest.mark.slow
def test_the_same_bytes_twice(tmp_path):
    first, second = (
        [path.read_bytes() for path in save_figure(draw_effects(example_effects()), tmp_path / name)]
        for name in ("one", "two")
    )
    assert first == second


def document(effects):
    record = as_json(example_record())
    record["effects"] = (
        None if effects is None else TypeAdapter(EffectMatrix).dump_python(effects, mode="json")
    )
    return make_document(run_page_facts(record), read_prose("effects"))


def test_the_section_shows_the_record_and_names_its_sources():
    shown = document(example_effects())
    texts = {value.text for value in shown.values.values()}
    for effect in example_effects().effects:
        if effect.leg == "security" or effect.outcome in {"better", "worse", "changed"}:
            assert effect.sentence in texts
        if effect.leg != "security":
            assert effect.outcome in texts
    assert {"fig:effects_matrix", "tbl:effects-fairness", "tbl:effects-privacy"} <= set(shown.targets)
    assert [source.key for source in shown.sources]


def trained():
    """The matrix with private training beside the noise."""
    matrix = example_effects()
    columns = (*(each.measurement for each in NETWORK_FIGURES), *IMAGE_MEASUREMENTS)
    cells = tuple(
        effect_of(row, column, Change(0.9, 0.9 - step / 50, -step / 50, -step / 40, -step / 60))
        for row in PRIVATE
        for step, column in enumerate(columns, 1)
    )
    return dataclasses.replace(
        matrix,
        interventions=(*matrix.interventions, *PRIVATE),
        measurements=(*matrix.measurements, *columns),
        effects=(*matrix.effects, *cells),
    )


def test_private_training_has_a_block_and_a_section_of_its_own():
    figure = draw_effects(trained())
    assert_texts_are_legible(figure)
    assert len(figure.axes) == len(draw_effects(example_effects()).axes) + 7
    shown = document(trained())
    assert "tbl:effects-training" in shown.targets
    assert "sec:effects-training" not in document(example_effects()).targets
    texts = {value.text for value in shown.values.values()}
    mine = [effect for effect in trained().effects if effect.intervention.startswith("dp-sgd")]
    assert {effect.sentence for effect in mine} <= texts
    # Its rows are in no table but their own.
    text = repr(shown.blocks)
    _, noise = text.split("sec:effects-privacy", 1)
    noise, training = noise.split("sec:effects-training", 1)
    first = len(example_effects().effects)
    assert f"effects.effects.{first - 1}.row" in noise
    assert f"effects.effects.{first}.row" not in noise
    assert f"effects.effects.{first}.row" in training


def test_without_a_matrix_there_is_no_section():
    assert "sec:effects" not in document(None).targets


def test_a_part_that_was_not_measured_is_not_told():
    matrix = dataclasses.replace(
        of_leg("security"), models=None, table=None, rows=None, samples=None, draws=None
    )
    targets = document(matrix).targets
    assert "sec:effects-security" in targets
    assert "sec:effects-fairness" not in targets


def test_a_frontier_has_every_remedy_of_a_system_beside_the_others_and_says_which_are_on_it():
    matrix = example_effects()
    figure = draw_frontier(matrix)
    assert_texts_are_legible(figure)
    texts = {text for text, _ in drawn_texts(figure)}
    marks = [
        (float(line.get_xdata()[0]), line.get_markerfacecolor() == CORRECTED)
        for axes in figure.axes
        for line in axes.lines
        if line.get_marker() in {"o", "s"}
    ]
    for frontier in matrix.frontiers:
        for point in frontier.points:
            assert point.title in texts
            for each in point.figures:
                if each.value is not None:
                    assert (each.value, point.on_frontier is True) in marks
        assert frontier.statement in alt_frontier(matrix)
    assert {"outdone by none", "another is as good in all and better in one"} <= texts
    assert {"not measured in all", "not measured"} <= texts


def test_classes_that_change_most_are_drawn_under_each_repair_and_all_that_change_are_said():
    matrix = example_effects()
    figure = draw_classes(matrix)
    assert_texts_are_legible(figure)
    (axes,) = figure.axes
    assert len(axes.get_yticklabels()) == 10
    assert axes.get_title() == "unlearning"
    said = alt_classes(matrix)
    assert "class class 0: \N{MINUS SIGN}0.050" in said
    assert "class class 1: 0.040" in said
    assert "class class 5" not in said


def test_an_own_system_has_its_own_words():
    own = dataclasses.replace(example_effects(), study=False, estimator="logistic", trained_rows=2_442)
    shown = document(own)
    assert {"fig:effects_frontier", "fig:effects_classes", "tbl:effects-security"} <= set(shown.targets)
    text = repr(shown.blocks)
    assert "Adult" not in text
    texts = {value.text for value in shown.values.values()}
    assert {own.notes[0], own.frontiers[0].statement, "logistic", "2,442"} <= texts
    scored = dataclasses.replace(own, models=None, estimator=None, trained_rows=None)
    targets = document(scored).targets
    assert "sec:effects-thresholds" in targets
    assert "sec:effects-fairness" not in targets
