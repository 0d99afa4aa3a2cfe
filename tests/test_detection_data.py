"""The committed benchmark of detection: the page shows the data, and the data hold what is claimed."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "detection.json"
PAGE = ROOT / "docs" / "detection.md"


@pytest.fixture(scope="module")
def tables():
    place = ROOT / "benchmarks" / "detection_tables.py"
    spec = importlib.util.spec_from_file_location("detection_tables", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
