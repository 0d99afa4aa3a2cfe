"""Where a number comes from: every equation, paper and pattern named exists, and seeds are the record's."""

import pytest

from trivet.place import leaves, matches, pattern_of
from trivet.report.write.origins import INPUTS, NOT_RANDOM, ORIGINS, SEEDS, origin_lines


@pytest.fixture(scope="module")
def places(own_record):
    """One place of every pattern, that of the first items: an origin tells no two items of a list apart."""
    found = [place for place, _ in leaves(own_record, "")]
    return list({pattern_of(place): place for place in reversed(found)}.values())


@pytest.mark.parametrize("origin", ORIGINS, ids=lambda origin: f"{origin.within} {origin.names}")
def test_every_origin_is_in_the_report_and_about_something(origin, places, own_document):
    assert any(origin.fits(place) for place in places)
    assert set(origin.names.split()) <= {name for place in places for name in pattern_of(place)}
    assert {f"eq:{name}" for name in origin.equations} <= own_document.targets.keys()
    assert {*origin.papers} <= {source.key for source in own_document.sources}


def test_no_origin_hides_behind_another(places):
    for place, origin in enumerate(ORIGINS):
        mine = [each for each in places if origin.fits(each)]
        before = ORIGINS[:place]
        assert any(not any(row.fits(each) for row in before) for each in mine), origin


def test_seeds_are_places_of_the_record(places):
    for part, seed in SEEDS:
        assert any(matches(part, place) for place in places)
        assert seed in places


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("fairness.published.baseline.disparate_impact.low", ["Katz", "Katz log", "Seed 0"]),
        ("privacy.plan.rows[method=gaussian].scale", ["Source: Balle"]),
        ("privacy.mechanisms.0.best.epsilon_lower", ["Equation (5)", "Seed 0"]),
        ("privacy.mechanisms.0.epsilon", []),
        ("privacy.published.counting.base.scale", ["Equation (6)"]),
        ("security.published.settings.steps", []),
        ("fairness.audit.attributes.0.proxies.auc", ["DeLong", "Seed 0"]),
        ("audit.title", []),
    ],
)
def test_the_record_says_what_it_knows(place, expected, own_record, own_document):
    lines = origin_lines(place, own_document, own_record)
    assert len(lines) == len(expected)
    for line, words in zip(lines, expected, strict=True):
        assert words in line


def test_without_a_record_the_report_still_names_equations(own_document):
    (line,) = origin_lines("privacy.published.counting.base.scale", own_document, {})
    assert line.startswith("Equation (")


def test_seeds_of_a_scan_stand_at_its_root(own_document):
    record = {"seeds": [0, 1], "labels": [{"l1": 1.5}]}
    assert origin_lines("labels.0.l1", own_document, record) == ["Seed 0, 1"]
    assert origin_lines("seeds", own_document, record) == []


def test_what_is_not_random_is_in_the_record(places):
    assert {name for place in places for name in pattern_of(place)} >= NOT_RANDOM
    for part in INPUTS:
        assert any(matches(part, place) for place in [*places, "page.version"]), part
