"""No input makes trivet end in an exception, a signal, a hang, or take more than its share of memory."""

from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import try_inputs
from surfaces import SURFACES

#: Inputs of a longer run, by surface; a tenth of a second each on most.
LONG = {"archive": 6_900, "audit.toml": 2_700, "IDX": 2_700}
WEIGHTS = 3_000
RECORDS = 1_750
TABLES = 600
OF_TABLES = {"check", "release", "fairness", "packed table", "npz", "pictures"}


def inputs_of(name):
    if name in {"gate", "card", "compare", "view"}:
        return RECORDS
    return LONG.get(name, TABLES if name in OF_TABLES else WEIGHTS)


@pytest.mark.parametrize("name", SURFACES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=1, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_odd_inputs_are_answered_or_refused_in_one_line(name, seed, tmp_path):
    assert tried(name, seed, tmp_path, inputs=2).faults == []


@pytest.mark.slow
@pytest.mark.parametrize("name", SURFACES)
def test_many_odd_inputs_are_answered_or_refused_in_one_line(name, tmp_path):
    outcome = tried(name, 0, tmp_path, inputs=inputs_of(name))
    assert outcome.faults == []
    assert sum(outcome.counts.values()) == inputs_of(name)
    assert outcome.counts["refusal"] or name == "view"  # an index lists what it leaves out


def tried(name, seed, folder, *, inputs):
    surface = SURFACES[name]
    surface.read(surface.sound(folder))  # what is loaded here is there in every fork
    return try_inputs(partial(_made, surface, folder), surface.read, inputs=inputs, seed=seed)


def _made(surface, folder, random):
    return surface.make(random, folder)
