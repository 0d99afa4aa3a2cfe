import dataclasses
import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from trivet.study.fairness_results import FairnessSettings

SETTINGS = TypeAdapter(FairnessSettings)


def test_the_defaults_satisfy_their_own_constraints():
    assert SETTINGS.validate_python(dataclasses.asdict(FairnessSettings())) == FairnessSettings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("test_size", 0),
        ("test_size", 1),
        ("seed", -1),
        ("seed", 2**32),
        ("max_iter", 0),
        ("cut", 1.1),
        ("swaps", -1),
        ("swap_sweep", ()),
        ("swap_sweep", (0, -5)),
        ("tolerance", -0.1),
        ("grid_size", 1),
        ("grid_low", -0.1),
        ("penalty", float("inf")),
        ("clusters", 0),
        ("cluster_rows", 0),
        ("four_fifths", 1.2),
        ("validation_size", 1.0),
        ("massaging_sweep", ()),
        ("level", 95),
    ],
)
def test_values_without_meaning_are_refused(name, value):
    with pytest.raises(ValidationError, match=name):
        SETTINGS.validate_python({name: value})


def test_results_and_settings_need_no_heavy_import():
    code = (
        "import sys, trivet.study.fairness_results\n"
        "print([m for m in ('duckdb', 'pandas', 'scipy', 'sklearn', 'torch') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
