"""Suppression of small groups of amounts, against what a reader can compute."""

import numpy as np
import pandas as pd
import pytest

from trivet.errors import UsageError
from trivet.fairness import audit_outcome


def people(seed, sizes, share=0.5):
    rng = np.random.default_rng(seed)
    town = np.repeat(list(sizes), list(sizes.values()))
    sex = rng.choice(["f", "m"], len(town), p=[share, 1 - share])
    return pd.DataFrame({"sex": sex, "town": town, "wage": rng.gamma(3, 900, len(town))})


def published(audit, frame):
    """Return what is published as sums of the cells, and the withheld groups as such sums."""
    cells = list(frame.groupby(["sex", "town"]).groups)
    known, hidden = [np.ones(len(cells))], []

    def sum_of(attribute, name):
        if len(attribute.columns) == 2:
            return np.array([float(", ".join(cell) == name) for cell in cells])
        place = ["sex", "town"].index(attribute.columns[0])
        return np.array([float(cell[place] == name) for cell in cells])

    for attribute in audit.attributes:
        known += [sum_of(attribute, group.group) for group in attribute.groups]
        hidden += [sum_of(attribute, group.group) for group in attribute.withheld]
    return np.array(known), hidden, frame.groupby(["sex", "town"]).size().loc[cells].to_numpy()


@pytest.mark.parametrize("seed", range(4))
def test_no_withheld_number_follows_from_what_is_published(seed):
    frame = people(seed, {"ulm": 80, "jena": 60, "bonn": 14, "kiel": 4}, 0.7)
    audit = audit_outcome(frame, outcome="wage", sensitive=("sex", "town"), suppress=10)
    assert audit.suppressed_below == 10
    known, hidden, sizes = published(audit, frame)
    assert hidden
    for form in hidden:
        with_it = np.linalg.matrix_rank(np.vstack([known, form]))
        assert with_it == np.linalg.matrix_rank(known) + 1
    for attribute in audit.attributes:
        assert min((group.rows for group in attribute.groups), default=10) >= 10
        for group in attribute.groups:
            assert group.p_value is None or group.p_adjusted == min(1.0, 11 * group.p_value)
        small = [each.group for each in attribute.withheld]
        assert len(small) != 1
        told = [audit.reason, attribute.reason]
        assert not any(text.startswith(f"{name} has") for text in told for name in small)
        assert attribute.reference not in small or not attribute.groups
    assert audit.cautions[-1].kind == "suppressed"
    assert int(sizes.sum()) == audit.rows


def test_one_column_withholds_a_second_group_and_notes_tell_no_number():
    frame = people(1, {"ulm": 80, "jena": 60, "bonn": 25, "kiel": 4})
    frame["town"] = frame.town.where(frame.town != "bonn")
    frame.loc[frame.index % 9 == 0, "wage"] = np.nan
    options = {"outcome": "wage", "sensitive": "town", "missing": "group"}
    (attribute,) = audit_outcome(frame, **options, suppress=5).attributes
    assert {each.group for each in attribute.withheld} == {"kiel", "missing"}
    found = audit_outcome(frame, **options, suppress=5)
    told = " ".join(each.message for each in found.cautions)
    assert "25" not in told
    assert "kiel" not in told
    assert "rows without a number are left out of 'wage'." in told


def test_where_the_reference_has_to_be_withheld_so_is_every_group():
    frame = people(2, {"ulm": 40, "kiel": 3})
    options = {"outcome": "wage", "sensitive": "town", "suppress": 5}
    (attribute,) = audit_outcome(frame, **options).attributes
    assert attribute.groups == ()
    assert [each.group for each in attribute.withheld] == ["kiel", "ulm"]
    # Nor is it told which group is the largest one, but for a reference that no count chose.
    assert (attribute.reference, "largest" in attribute.reference_why) == ("(withheld)", False)
    (named,) = audit_outcome(frame, **options, privileged="ulm").attributes
    assert (named.reference, named.groups) == ("ulm", ())


def test_nothing_small_leaves_all_and_rankings_have_no_suppression():
    frame = people(3, {"ulm": 80, "jena": 60})
    plain, same = (
        audit_outcome(frame, outcome="wage", sensitive=("sex", "town"), suppress=each) for each in (None, 5)
    )
    assert plain.attributes == same.attributes
    frame["place"] = range(1, len(frame) + 1)
    with pytest.raises(UsageError, match="suppress"):
        audit_outcome(frame, rank="place", sensitive="sex", suppress=5)


def test_an_interval_beyond_any_use_is_open():
    frame = people(4, {"ulm": 80, "jena": 2})
    frame.loc[frame.town == "jena", "wage"] = [1.0, 9000.0]
    (attribute,) = audit_outcome(frame, outcome="wage", sensitive="town").attributes
    few = next(each for each in attribute.groups if each.group == "jena")
    assert few.mean_ratio.high is None
    assert few.mean_ratio.low < few.mean_ratio.value
    assert "or more at 95%" in attribute.reason
