"""Which values count as positive, which as negative, and what counts of groups can be."""

import numpy as np
import pytest

from trivet.errors import TrivetError, UsageError
from trivet.fairness.auditing.cautions import caution_counts
from trivet.fairness.auditing.predictions import audit_counts
from trivet.fairness.auditing.rows import read_predicted
from trivet.fairness.counting.counts import FoldedValue, GroupCounts
from trivet.fairness.counting.group_counts import group_counts
from trivet.fairness.counting.tabulate import nearest

SEX = ["f", "f", "m", "m"]


def counted(labels, predictions, positive, **settings):
    return group_counts(None, labels, predictions, SEX, positive=positive, **settings)


@pytest.mark.parametrize(
    ("labels", "predictions", "positive", "message"),
    [
        (["yes", "no"] * 2, [1, 0] * 2, "yes", r"no prediction in 'y_pred' is 'yes', while some labels are"),
        (["Y", "N"] * 2, ["y", "n"] * 2, "Y", r"there are 'n', 'y'\. Did you mean 'y'\?"),
        ([">50K.", "<=50K."] * 2, [">50K", "<=50K"] * 2, ">50K", r"Did you mean '>50K\.'\?"),
        ([1, 2] * 2, ["yes", "no"] * 2, "yes", r"no label in 'y_true' is 'yes', while some predictions are"),
        (["yes", "no"] * 2, ["yes", "no"] * 2, "Yes", r"no label or prediction is 'Yes'.*mean 'yes'\?"),
        (["yes", "no"] * 2, ["no", "none"] * 2, "yes", "no prediction in 'y_pred' is 'yes'"),
    ],
)
def test_a_positive_value_that_one_side_never_has_is_refused(labels, predictions, positive, message):
    with pytest.raises(UsageError, match=message):
        counted(labels, predictions, positive)


def test_predictions_that_are_all_a_negative_label_are_those_of_a_model_that_selects_nobody():
    for labels, predictions, positive in (
        (["yes", "no"] * 2, ["no"] * 4, "yes"),
        ([1, 0] * 2, [0] * 4, None),
        ([1, 0] * 2, [0] * 4, 1),
        ([True, False] * 2, [0] * 4, None),
    ):
        found = counted(labels, predictions, positive)
        assert found.table[:, :, 1].sum() == 0
        assert found.table[:, 1].sum() == 2
        assert found.folded == ()
        assert caution_counts(found, ())[0].kind == "nobody selected"


def test_what_counts_as_negative_together_is_named_with_its_rows():
    labels = [">50K"] * 4 + [">50K."] * 3 + ["<=50K"] * 6 + ["NA"]
    predictions = [">50K"] * 7 + ["<=50K"] * 7
    found = group_counts(None, labels, predictions, ["f", "m"] * 7, positive=">50K")
    assert found.classes == ("not >50K", ">50K")
    assert found.folded == (
        FoldedValue("label", "<=50K", 6),
        FoldedValue("label", ">50K.", 3),
        FoldedValue("label", "NA", 1),
        FoldedValue("prediction", "<=50K", 7),
    )
    audit = audit_counts(found)
    assert audit.folded == found.folded
    caution = next(each for each in audit.cautions if each.kind == "spelling")
    assert caution.message == (
        "Counted as not '>50K' are of the label '>50K.' (3 rows, nearly '>50K'), 'NA' (1 row, as a missing "
        "value is often written), '<=50K' (6 rows); of the prediction '<=50K' (7 rows). Check that these are "
        "meant as negative."
    )


def test_one_against_the_rest_says_what_the_rest_is():
    grades = [f"grade {i % 9}" for i in range(90)]
    groups = np.array(["a", "b"] * 45)
    many = group_counts(None, grades, grades, groups, multiclass=True)
    for found in (
        many.one_versus_rest("grade 3"),
        group_counts(None, grades, grades, groups, positive="grade 3"),
    ):
        assert sum(each.rows for each in found.folded if each.side == "label") == 80
        assert {each.value for each in found.folded} == {f"grade {i}" for i in range(9) if i != 3}
        (caution,) = [
            each for each in caution_counts(found, ()) if each.kind in ("folded values", "spelling")
        ]
        assert "3 more (30 rows)" in caution.message
    assert group_counts(None, ["x", "y"] * 2, ["x", "y"] * 2, SEX, positive="x").folded == ()


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("yes", ["Yes", "No"], "Yes"),
        (">50K", ["<=50K.", ">50K."], ">50K."),
        ("approved", ["aproved", "denied"], "aproved"),
        ("1", ["0", "2"], None),
        ("yes", ["yes"], None),
    ],
)
def test_the_nearest_value(name, names, expected):
    assert nearest(name, names) == expected


GOOD = {
    "columns": ("sex",),
    "groups": (("f",), ("m",)),
    "classes": ("0", "1"),
    "table": np.ones((2, 2, 2), dtype=np.int64),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": (("f",), ("f",))}, "is there twice"),
        ({"groups": ((1,), (2,))}, "a group is"),
        ({"groups": ((1.5,), (2.5,))}, "a group is"),
        ({"groups": ("f", "m")}, "tuple of 1 texts"),
        ({"groups": (["f"], ["m"])}, "tuple of 1 texts"),
        ({"groups": [("f",), ("m",)]}, "groups is"),
        ({"groups": (("f", "x"), ("m", "x"))}, "tuple of 1 texts"),
        ({"groups": ()}, r"groups is \(\)"),
        ({"columns": "sex"}, "columns is"),
        ({"columns": ("sex", "sex"), "groups": (("f", "x"), ("m", "x"))}, "a name twice"),
        ({"classes": ("0", "0")}, "a name twice"),
        ({"classes": (0, 1)}, "classes is"),
        ({"table": np.ones((2, 2, 2))}, "holds float64"),
        ({"table": np.ones((2, 2, 2), dtype=object)}, "holds object"),
        ({"table": np.ones((3, 2, 2), dtype=int)}, r"shape \(3, 2, 2\) and not \(2, 2, 2\)"),
        ({"table": [[1, 2], [3]]}, "array"),
        ({"table": -np.ones((2, 2, 2), dtype=int)}, "counts from -1 to -1"),
        ({"table": np.full((2, 2, 2), 2**63, dtype=np.uint64)}, "counts from"),
        ({"table": None}, r"shape \(\)"),
    ],
)
def test_counts_that_are_none_are_one_clear_error(change, message):
    with pytest.raises(UsageError, match=message) as caught:
        GroupCounts(**(GOOD | change))
    assert "\n" not in str(caught.value)


def test_counts_of_any_whole_numbers_are_taken():
    for table in (np.full((2, 2, 2), 200, dtype=np.uint8), np.full((2, 2, 2), 200).tolist()):
        found = GroupCounts(**(GOOD | {"table": table}))
        assert found.table.dtype == np.int64
        assert found.rows == 1600


@pytest.mark.parametrize("privileged", [None, "white", "asian", "black"])
def test_the_order_of_groups_changes_nothing(privileged):
    sizes = {"white": (5003, 3474), "black": (1471, 1017), "asian": (1024, 1018)}
    found = []
    for order in (("white", "black", "asian"), ("asian", "white", "black"), ("black", "asian", "white")):
        table = np.zeros((3, 2, 2), dtype=np.int64)
        for place, name in enumerate(order):
            rows, chosen = sizes[name]
            table[place, 0, 0], table[place, 1, 1] = rows - chosen, chosen
        counts = GroupCounts(("race",), tuple((name,) for name in order), ("0", "1"), table)
        found.append(audit_counts(counts, privileged=privileged))
    assert found[0] == found[1] == found[2]
    assert found[0].attributes[0].reference == (privileged or "asian")


def test_the_order_of_intersections_changes_nothing():
    groups = [("m", "b"), ("f", "b"), ("m", "a"), ("f", "a")]
    tables = {group: [[40 + 7 * i, 5], [9, 30 - 5 * i]] for i, group in enumerate(groups)}
    found = []
    for order in (groups, sorted(groups)):
        table = np.array([tables[group] for group in order])
        counts = GroupCounts(("sex", "town"), tuple(order), ("0", "1"), table)
        found.append(audit_counts(counts, privileged={"sex": "m", "town": "b"}))
    assert found[0] == found[1]
    assert [each.reference for each in found[0].attributes] == ["m", "b", "m, b"]


def test_many_values_in_many_columns_take_no_more_than_the_rows(tmp_path):
    from trivet.fairness.auditing.rows import read_predicted  # noqa: PLC0415 - reads files

    rows = 400
    lines = [f"{i % 2},{(i // 2) % 2}" + "".join(f",{c}{i % 390}" for c in "abcdefgh") for i in range(rows)]
    path = tmp_path / "wide.csv"
    path.write_text("y,p,a,b,c,d,e,f,g,h\n" + "\n".join(lines) + "\n")
    counts = group_counts(path, "y", "p", list("abcdefgh"))
    predicted = read_predicted(path, counts, label="y", prediction="p", cut=None)
    assert len(counts.groups) == 390
    assert [counts.groups[code][0] for code in predicted.rows.groups[:3]] == ["a0", "a1", "a2"]
    path.write_text(path.read_text() + lines[0] + "\n")
    with pytest.raises(UsageError, match=r"the counts are not those of 'wide\.csv'"):
        read_predicted(path, counts, label="y", prediction="p", cut=None)
    with pytest.raises(TrivetError, match="1,000 groups or fewer"):
        group_counts(None, [0, 1] * 600, [0, 1] * 600, {c: np.arange(1200) for c in "abcdefgh"})


def test_several_values_can_be_positive_and_are_named():
    labels, predictions = ["yes", "no", "yes", "no"], [1, 1, 0, 0]
    both = counted(labels, predictions, "yes,1")
    alike = counted([1, 0, 1, 0], predictions, None)
    assert (both.table == alike.table).all()
    assert (both.classes, both.also) == (("not yes", "yes"), ("1",))
    said = [each.message for each in audit_counts(both).cautions if each.kind == "folded values"]
    assert said[0] == "Counted as 'yes' are 'yes', '1'."
    assert said[1].startswith("Counted as not 'yes' are of the label 'no' (2 rows)")
    with pytest.raises(UsageError, match=r"no label or prediction is '2'; there are '0', '1', 'no', 'yes'"):
        counted(labels, predictions, "yes,2")
    with pytest.raises(UsageError, match=r"no label or prediction is 'no'; there are '0', '1'"):
        group_counts(None, None, predictions, SEX, positive="1,no")
    with pytest.raises(UsageError, match="every label and prediction counts as positive by 'yes,no,1,0'"):
        counted(labels, predictions, "yes,no,1,0")
    # A value with a comma is one value; with a cut a label 1 is no prediction of 1.
    commas = ["good, really", "bad"] * 2
    assert counted(commas, commas, "good, really").also == ()
    scored = counted([1, 2, 3, 2], [0.9, 0.1, 0.8, 0.7], "1,3", cut=0.5)
    assert scored.table.sum(axis=0).tolist() == [[1, 1], [0, 2]]


def test_rows_have_the_several_positive_values_that_counts_have(tmp_path):
    rows = [("f", "yes", 1), ("m", "no", 0), ("f", "Yes", 0), ("m", "yes", 1)] * 30
    path = tmp_path / "t.csv"
    path.write_text("sex,y,p\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows), encoding="utf-8")
    counts = group_counts(path, "y", "p", "sex", positive="yes,Yes,1")
    read = read_predicted(path, counts, label="y", prediction="p", cut=None)
    assert read.rows.labels.tolist() == [1, 0, 1, 1] * 30
    assert read.predictions.tolist() == [1, 0, 0, 1] * 30
