"""The matrix as a whole: which cells there are, that it survives JSON, and that it is the same twice."""

import dataclasses
import json

import numpy as np
import pytest
from pydantic import TypeAdapter

from trivet.datasets import load_mnist
from trivet.effects import (
    EffectMatrix,
    EffectSettings,
    RepairSubject,
    measure_effects,
    study_system,
    suspect_of,
)
from trivet.effects.repairs import STUDY_MEASUREMENTS, STUDY_REPAIRS
from trivet.security import (
    contract_named,
    load_demo_checkpoint,
    scan,
)
from trivet.security.repairs.methods import REPAIRS

SMALL = EffectSettings(rows=1_200, samples=3, pairs=2, draws=300)
LEGS = ("security", "privacy", "fairness")


def nobody():
    """The study's network, of which nothing is suspected."""
    checkpoint = load_demo_checkpoint()
    return RepairSubject(
        checkpoint.info.name,
        checkpoint.model,
        contract_named("(x-0.5)/0.5"),
        load_mnist("test").take(np.arange(40)),
        None,
        tuple(REPAIRS[name] for name in STUDY_REPAIRS),
        STUDY_MEASUREMENTS,
    )


def measure(settings, *, legs, subject=None, seed=3):
    system = study_system(settings, legs=legs, subject=subject or nobody())
    return measure_effects(settings, system, seed=seed)


@pytest.fixture(scope="module")
def matrix():
    return measure(SMALL, legs=LEGS)


def test_every_row_meets_the_figures_of_other_legs_only(matrix):
    legs = {row.name: row.leg for row in matrix.interventions}
    measured = {column.name: column.leg for column in matrix.measurements}
    assert {effect.leg for effect in matrix.effects} == set(LEGS)
    for effect in matrix.effects:
        assert legs[effect.intervention] == effect.leg != measured[effect.measurement]
    places = [(effect.intervention, effect.measurement) for effect in matrix.effects]
    assert len(places) == len(set(places)) == 3 + 4 * 6 + 3 * 6


def test_every_cell_has_a_sentence_and_an_interval_or_a_reason(matrix):
    for effect in matrix.effects:
        assert effect.sentence.endswith(".")
        assert (effect.outcome == "not measured") == (effect.low is None)
        assert (effect.low is None) <= (effect.reason is not None)
        if effect.outcome == "no measurable effect":
            assert effect.sentence.startswith("No measurable effect")


def test_a_network_that_nobody_suspects_has_no_effects(matrix):
    cells = [effect for effect in matrix.effects if effect.leg == "security"]
    assert {effect.outcome for effect in cells} == {"not measured"}
    assert "no label is suspected" in cells[0].sentence
    assert matrix.network is matrix.images is None


def test_it_survives_json(matrix):
    adapter = TypeAdapter(EffectMatrix)
    text = json.dumps(adapter.dump_python(matrix, mode="json"), allow_nan=False)
    assert adapter.validate_python(json.loads(text)) == matrix


@pytest.mark.slow
def test_it_depends_on_the_seed_alone(matrix):
    np.random.seed(1)  # noqa: NPY002 - the global state must not matter
    assert measure(SMALL, legs=LEGS) == matrix
    assert measure(SMALL, legs=LEGS, seed=4).effects != matrix.effects


@pytest.mark.slow
def test_private_training_is_measured_where_it_is_wanted(matrix, monkeypatch):
    from trivet.effects import private_training  # noqa: PLC0415 - its size is changed

    monkeypatch.setattr(private_training, "IMAGE_STEPS", 4)
    settings = dataclasses.replace(SMALL, private=True)
    found = measure(settings, legs=LEGS)
    assert found.effects[: len(matrix.effects)] == matrix.effects
    added = found.effects[len(matrix.effects) :]
    assert len(added) == 2 * 7
    assert {effect.leg for effect in added} == {"privacy"}
    legs = {each.name: each.leg for each in found.measurements}
    assert {legs[effect.measurement] for effect in added} == set(LEGS)
    pair = measure(settings, legs=("security", "privacy"))
    assert {each.measurement for each in pair.effects if each.leg == "privacy"} == {
        "private-clean-accuracy",
        "private-asr",
    }


def test_legs_that_were_not_audited_are_left_out():
    alone = measure(SMALL, legs=("fairness",))
    assert alone.effects == alone.interventions == alone.measurements == ()
    assert alone.statement == "No remedy of one leg was measured on another."
    pair = measure(SMALL, legs=("security", "privacy"))
    assert [effect.measurement for effect in pair.effects] == ["repair-exposure"]
    assert pair.table is None


@pytest.mark.slow
def test_the_whole_on_the_embedded_data():
    checkpoint, images = load_demo_checkpoint(), load_mnist("test")
    found = scan(checkpoint, images, contract=contract_named("[0,1]"), seed=0)
    subject = suspect_of(
        checkpoint, found.result, images, masks=found.masks, patterns=found.patterns, declared="[0,1]"
    )
    matrix = measure(EffectSettings(), legs=LEGS, subject=subject, seed=0)
    by_place = {(effect.intervention, effect.measurement): effect for effect in matrix.effects}
    assert len(by_place) == 45
    for effect in matrix.effects:
        assert effect.low <= effect.change <= effect.high
    # A logistic regression of nine features exposes nobody; a tree with leaves of five rows does.
    assert by_place["reweighing", "logistic-scores-all"].before == pytest.approx(0.5, abs=0.01)
    assert by_place["reweighing", "tree-scores-all"].before > 0.55
    # A handful of people carry little of a ratio once the noise is as large as they are many.
    assert by_place["noise-0.1", "verdict-Other"].outcome == "worse"
    assert by_place["noise-1", "verdict-Female"].outcome == "no measurable effect"
    assert (matrix.repair_images, matrix.images) == (len(found.working), len(found.held_out))
