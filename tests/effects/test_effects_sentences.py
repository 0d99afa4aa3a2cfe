"""A cell's word and sentence follow from its numbers, and from nothing else."""

import dataclasses
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from trivet.effects.cells import effect_of, signed, statement_of
from trivet.effects.results import Change, Effect, Intervention, Measurement, unmeasured

REMEDY = Intervention("repair", "the repair", "repair", "security", "Something is repaired.")
FIGURE = Measurement(
    name="figure",
    title="figure of merit",
    short="figure\nof merit",
    leg="fairness",
    unit="share, from 0 to 1",
    scale="share",
    better="higher",
    format=".4f",
    interval="some",
)
ENDS = st.floats(-2, 2)
INTERVALS = st.tuples(ENDS, ENDS, ENDS).map(sorted)


def measured(low, change, high):
    return Change(0.5, 0.5 + change, change, low, high)


@given(INTERVALS, st.sampled_from(["higher", "lower", "neither"]))
def test_the_outcome_is_what_the_interval_says(interval, better):
    low, _, high = interval
    effect = effect_of(REMEDY, dataclasses.replace(FIGURE, better=better), measured(*interval))
    if low <= 0 <= high:
        assert effect.outcome == "no measurable effect"
    elif better == "neither":
        assert effect.outcome == "changed"
    else:
        assert effect.outcome == ("better" if (low > 0) == (better == "higher") else "worse")


@given(INTERVALS)
def test_a_sentence_says_no_measurable_effect_exactly_where_the_interval_holds_zero(interval):
    low, change, high = interval
    effect = effect_of(REMEDY, FIGURE, measured(*interval))
    assert effect.sentence.startswith("No measurable effect of the repair on") == (low <= 0 <= high)
    assert ("could have been missed" in effect.sentence) == (low <= 0 <= high)
    for number in (change, low, high):
        assert signed(number, ".4f") in effect.sentence
    assert "0.5000" in effect.sentence
    assert effect.half_width == pytest.approx((high - low) / 2)


@given(INTERVALS)
def test_what_could_have_been_missed_is_half_the_interval_and_never_printed_as_nothing(interval):
    effect = effect_of(REMEDY, FIGURE, measured(*interval))
    if effect.outcome == "no measurable effect":
        missed = float(effect.sentence.split("an effect smaller than ")[1].split(" ")[0])
        assert missed == pytest.approx(max(effect.half_width, 1e-4), abs=5.1e-5)
        assert missed > 0


def test_signs_are_printed_and_zero_has_none():
    assert signed(0.25, ".2f") == "+0.25"
    assert signed(-0.25, ".2f") == "\N{MINUS SIGN}0.25"
    assert signed(-0.001, ".2f") == "0.00"
    assert signed(0.0, ".2f") == "0.00"


def test_a_worse_cell_in_words():
    effect = effect_of(REMEDY, FIGURE, Change(0.9, 0.85, -0.05, -0.07, -0.03, note="A note."))
    assert effect.sentence == (
        "With the repair, the figure of merit is 0.8500 instead of 0.9000: a change of \N{MINUS SIGN}0.0500 "
        "(\N{MINUS SIGN}0.0700 to \N{MINUS SIGN}0.0300), for the worse. A note."
    )
    assert (effect.row, effect.column) == ("repair", "figure of merit")


def test_no_effect_by_construction_and_none_measured_say_why():
    fixed = dataclasses.replace(measured(0.0, 0.0, 0.0), by_construction="nothing is touched")
    built = effect_of(REMEDY, FIGURE, fixed)
    assert built.outcome == "no effect by construction"
    assert built.sentence == (
        "No effect of the repair on the figure of merit by construction: nothing is touched."
    )
    missing = effect_of(REMEDY, FIGURE, unmeasured("there are no rows"))
    assert missing.outcome == "not measured"
    assert missing.sentence.endswith("was not measured: there are no rows.")
    assert missing.low is missing.half_width is None
    assert (built.reason, missing.reason) == ("nothing is touched", "there are no rows")


def test_the_statement_counts_the_cells_and_expects_chance():
    cells = [
        effect_of(REMEDY, FIGURE, measured(-0.2, -0.1, -0.05)),
        effect_of(REMEDY, FIGURE, measured(-0.2, 0.1, 0.3)),
        effect_of(REMEDY, FIGURE, measured(0.1, 0.1, 0.3)),
        effect_of(REMEDY, FIGURE, unmeasured("no rows")),
    ]
    statement = statement_of(cells, level=0.9)
    assert statement == (
        "4 figures were compared without and with a remedy: 1 measurably worse, 1 measurably better, 1 "
        "without a measurable effect and 1 not measured. Even if no remedy had any effect, about 0.3 of the "
        "3 intervals would leave out 0 by chance."
    )
    assert statement_of([], level=0.9) == "No remedy of one leg was measured on another."


@given(INTERVALS)
def test_a_cell_survives_json(interval):
    effect = effect_of(REMEDY, FIGURE, measured(*interval))
    adapter = TypeAdapter(Effect)
    text = json.dumps(adapter.dump_python(effect, mode="json"), allow_nan=False)
    assert adapter.validate_python(json.loads(text)) == effect


def test_the_results_load_nothing_heavy():
    code = "import sys, trivet.effects, trivet.effects.results; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "trivet.effects.results" in loaded
    assert not {"torch", "sklearn", "matplotlib", "numpy"} & set(loaded)
