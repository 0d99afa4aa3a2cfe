"""Values pair by name and items by what tells them apart; what one record lacks is there once."""

from trivet.comparison.pairs import ABSENT, pairs


def places(before, after):
    return {pair.place: (pair.before, pair.after) for pair in pairs(before, after)}


def test_values_pair_by_name_in_any_depth():
    found = places({"a": 1, "b": {"c": [1, 2], "d": None}}, {"b": {"d": 3, "c": [2, 1]}, "a": 1})
    assert found == {"a": (1, 1), "b.c": ([1, 2], [2, 1]), "b.d": (None, 3)}


def test_items_pair_by_their_name_and_not_by_their_position():
    before = {"methods": [{"name": "x", "scale": 1.0}, {"name": "y", "scale": 2.0}]}
    after = {
        "methods": [{"name": "new", "scale": 9.0}, {"name": "y", "scale": 2.0}, {"name": "x", "scale": 1.5}]
    }
    found = places(before, after)
    assert found["methods[name=x].scale"] == (1.0, 1.5)
    assert found["methods[name=y].scale"] == (2.0, 2.0)
    assert found["methods[name=new]"] == (ABSENT, {"name": "new", "scale": 9.0})


def test_one_field_is_taken_where_it_is_enough_and_more_where_it_is_not():
    rows = [{"mechanism": "laplace", "method": m, "scale": 1} for m in ("basic", "pld")]
    rows += [{"mechanism": "gaussian", "method": "pld", "scale": 2}]
    found = places({"rows": rows}, {"rows": rows[1:]})
    assert "rows[mechanism=laplace,method=pld].scale" in found
    assert found["rows[mechanism=laplace,method=basic]"][1] is ABSENT
    labels = [{"label": n, "method": "same"} for n in range(3)]
    assert "labels[label=2].method" in places({"labels": labels}, {"labels": labels})


def test_names_that_are_shown_alike_stay_two():
    long = "x" * 100
    for one, other in ((f"{long}1", f"{long}2"), ("a\n", "a\\n")):
        found = places({"groups": [{"group": one, "rows": 1}]}, {"groups": [{"group": other, "rows": 1}]})
        assert len(found) == 2
        assert all(ABSENT in sides for sides in found.values())
        assert all(place.isprintable() and len(place) < 120 for place in found)


def test_items_that_nothing_tells_apart_pair_by_their_order():
    same = {"name": "noisy", "epsilon": 1.0, "shown": 0.5}
    found = places({"audits": [same, {**same, "shown": 2.0}]}, {"audits": [same, {**same, "shown": 3.0}]})
    assert found["audits[name=noisy].shown"] == (0.5, 0.5)
    assert found["audits[name=noisy #1].shown"] == (2.0, 3.0)
    numbered = places({"rows": [{"shown": 1}, {"shown": 2}]}, {"rows": [{"shown": 1}]})
    assert numbered["rows[0].shown"] == (1, 1)
    assert numbered["rows[1]"] == ({"shown": 2}, ABSENT)


def test_a_part_of_plain_values_is_taken_apart_where_one_record_lacks_it_and_a_leg_is_not():
    rates = {"asr": {"before": 1.0, "after": 0.1}}
    assert places(rates, {"asr": None}) == {"asr.before": (1.0, ABSENT), "asr.after": (0.1, ABSENT)}
    leg = {"privacy": {"counting": {"scale": 1.0}}}
    assert places(leg, {"privacy": None}) == {"privacy": (leg["privacy"], None)}


def test_names_of_strangers_are_short_and_on_one_line():
    rows = [{"name": "a\nb\x1b[31m" + "x" * 500}]
    (place,) = [pair.place for pair in pairs({"rows": rows}, {"rows": []})]
    assert place.isprintable()
    assert len(place) < 120


def test_lists_that_are_empty_on_one_side_are_added_item_by_item():
    found = places({"rows": []}, {"rows": [{"name": "x"}]})
    assert found == {"rows[name=x]": (ABSENT, {"name": "x"})}
    assert places({"rows": []}, {"rows": []}) == {"rows": ([], [])}
