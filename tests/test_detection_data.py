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


def test_the_zoo_is_large_enough_and_its_sets_share_no_seed(tables, rows):
    assert len(rows) >= 60
    seeds = {name: {row["seed"] for row in rows if row["set"] == name} for name in tables.SETS}
    assert sum(map(len, seeds.values())) == len(set.union(*seeds.values())) == len(rows)
    untouched = tables.rows_of(rows, "untouched")
    assert len(untouched) >= 30
    assert sum(row["attack"] == "none" for row in untouched) >= 20


def test_on_the_untouched_set_few_clean_networks_are_accused_and_patches_are_found(tables, rows):
    untouched = tables.rows_of(rows, "untouched")
    clean = [row for row in untouched if row["attack"] == "none"]
    made_for = [row for row in untouched if row["attack"] in tables.MADE_FOR]
    assert sum(row["trivet"]["positive"] for row in clean) <= 0.05 * len(clean)
    assert sum(tables.found(row, "trivet") for row in made_for) >= 0.95 * len(made_for)
