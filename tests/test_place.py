"""Places in a record: their grammar, what they reach, and what they match."""

import pytest

from trivet.place import find, join, leaves, matches, parent, parse, pattern_of, spread

RECORD = {
    "plan": {"rows": [{"method": "pld", "scale": 1.5}, {"method": "v1.2", "scale": 3}]},
    "attributes": [{"groups": [{"rate": 0.1}, {"rate": 0.2}]}, {"groups": None}],
    "nothing": None,
}


def test_a_place_is_read_as_it_is_written():
    place = "plan.rows[method=v1.2].scale"
    assert join(parse(place)) == place
    assert parent(place) == ("plan.rows[method=v1.2]", "scale")
    assert find(RECORD, place) == find(RECORD, "plan.rows.1.scale") == 3
    assert find(RECORD, "") is RECORD
    assert find(RECORD, "nothing.below.it") is None


@pytest.mark.parametrize("text", ["a..b", "a.", "a[b]", "a[b=c]d", "a*", "a b", "a[b=c][d=e]"])
def test_other_text_is_no_place(text):
    with pytest.raises(LookupError, match=r"is not a path: .* found"):
        parse(text)


def test_a_star_stands_for_every_item():
    assert [*spread(RECORD, "attributes.*.groups.*.rate")] == [
        "attributes.0.groups.0.rate",
        "attributes.0.groups.1.rate",
        "attributes.1.groups",
    ]
    assert [*spread(RECORD, "plan.rows.0")] == ["plan.rows.0"]
    with pytest.raises(LookupError, match="“plan” is not a list"):
        [*spread(RECORD, "plan.*")]


def test_leaves_are_what_is_there():
    assert dict(leaves(RECORD, "attributes.*.groups.*.rate")) == {
        "attributes.0.groups.0.rate": 0.1,
        "attributes.0.groups.1.rate": 0.2,
    }
    assert [*leaves(RECORD, "nothing")] == [("nothing", None)]
    assert [*leaves(RECORD, "nothing.below")] == [*leaves(RECORD, "unknown")] == []
    assert dict(leaves(RECORD, "plan"))["plan.rows.0.method"] == "pld"
    assert len([*leaves(RECORD, "")]) == 8


@pytest.mark.parametrize(
    ("pattern", "place", "expected"),
    [
        ("a.*.b", "a.3.b.c", True),
        ("a.*.b", "a[name=x].b", True),
        ("a.b", "a.bc", False),
        ("a.*", "a", False),
        ("", "a", True),
    ],
)
def test_a_pattern_matches_what_is_at_and_below_it(pattern, place, expected):
    assert matches(pattern, place) is expected


def test_the_pattern_of_a_place_has_a_star_for_each_item():
    assert pattern_of("a.0.b[name=x.y].c") == ("a", "*", "b", "*", "c")
