"""The committed benchmark of detection: the page shows the data, and the data hold what is claimed."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from trivet.security.scanning.rates import benchmark_rates

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "detection.json"
PAGE = ROOT / "docs" / "detection.md"


def benchmark(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tables():
    return benchmark("detection_tables")


@pytest.fixture(scope="module")
def rows():
    return json.loads(DATA.read_text(encoding="utf-8"))


def test_the_page_shows_the_data_and_nothing_else(tables, rows):
    page = PAGE.read_text(encoding="utf-8")
    assert tables.render(page, rows) == page


def test_enough_networks_were_measured_and_all_of_them_untouched(rows):
    assert len(rows) >= 60
    assert len({row["seed"] for row in rows}) == len(rows)
    assert {row["set"] for row in rows} == {"untouched"}
    assert sum(row["attack"] == "none" for row in rows) >= 20


def test_few_clean_networks_are_accused(rows):
    clean = [row for row in rows if row["attack"] == "none"]
    assert sum(row["trivet"]["positive"] for row in clean) <= 0.05 * len(clean)


def test_the_misses_on_the_page_are_all_of_them(tables, rows):
    wrong = [
        row
        for row in rows
        if (row["trivet"]["positive"] if row["attack"] == "none" else not tables.found(row, "trivet"))
    ]
    listed = tables.misses(rows).splitlines()[2:]
    assert len(listed) == len(wrong)
    assert all(any(f"| {row['seed']} |" in line for line in listed) for row in wrong)


@pytest.fixture(scope="module")
def colour():
    benchmark("colour_networks")
    return benchmark("colour_detection")


@pytest.mark.parametrize("profile", ["standard", "quick"])
def test_the_rates_that_every_scan_shows_are_those_of_the_rows_of_its_profile(colour, profile):
    rows = json.loads(colour.DATA.read_text(encoding="utf-8"))
    rows = colour.quick(rows) if profile == "quick" else rows
    assert json.loads(colour.RATES.read_text(encoding="utf-8"))[profile] == colour.rates(rows)
    packaged = benchmark_rates(profile)
    assert packaged.profile == profile
    shown = [row for row in rows if row["part"] != "tuning" and "verdict" in row and colour.works(row)]
    assert packaged.clean.networks + sum(rate.networks for rate in packaged.kinds.values()) == len(shown)
    right = sum(row["right"] for row in shown)
    assert (
        packaged.clean.networks - packaged.clean.count + sum(rate.count for rate in packaged.kinds.values())
        == right
    )


def test_an_attack_of_no_kind_is_refused(colour):
    with pytest.raises(SystemExit, match="no kind of search is named for new"):
        colour.rates([{"part": "apart", "kind": "new", "verdict": "suspicious", "right": True}])


@pytest.fixture(scope="module")
def calibration():
    return benchmark("calibration")


def test_the_page_shows_the_coverage_of_the_rows(calibration):
    rows = json.loads(calibration.DATA.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    assert calibration.render(page, rows + calibration.colour()) == page


def test_halves_too_small_for_a_level_say_so(calibration):
    (held_out,) = calibration._all(calibration.colour())
    assert held_out.smallest > 0.05
    assert "with a reference | not possible | not possible | not possible" in calibration.table(
        calibration.colour()
    )


def test_the_reference_keeps_the_rate_of_false_alarms_and_the_model_is_measured(calibration):
    rows = json.loads(calibration.DATA.read_text(encoding="utf-8"))
    found = calibration.coverage(rows, "mnist-cnn")
    assert len(found.ranked) == len(found.model) >= 100
    assert np.mean(found.ranked <= 0.05) <= 0.1
    assert np.mean(found.model <= 0.05) <= 0.1
