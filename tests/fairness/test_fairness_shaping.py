"""Tests of groups that are made of a table's columns, and of rows that are left out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from trivet import fairness
from trivet.errors import TrivetError, UsageError
from trivet.fairness.law.suppression import published_note
from trivet.fairness.shaping import Shape


def write(folder, content, name="t.csv"):
    path = folder / name
    path.write_text(content)
    return path


def groups_of(found, column=0):
    return {group.group: group.rows for group in found.attributes[column].groups}


def audited(path, sensitive, **options):
    return fairness.audit(path, sensitive=sensitive, prediction="p", **options)


AGES = "age,p\n" + "".join(f"{age},{i % 2}\n" for i, age in enumerate((18, 24, 25, 44, 44.5, 45, 70, "71.0")))


def test_numbers_are_grouped_by_their_bins(tmp_path):
    found = audited(
        write(tmp_path, AGES.replace("44.5", "44").replace("44,1", "44,0")), "age", bins="age=25,45"
    )
    assert groups_of(found) == {"25 to below 45": 3, "45 or more": 3, "below 25": 2}


def test_bins_keep_the_number_as_a_feature(tmp_path):
    rows = "".join(f"{20 + i},{i % 2},{(i // 2) % 2}\n" for i in range(40))
    path = write(tmp_path, "age,y,p\n" + rows)
    read = fairness.audit(path, label="y", sensitive="age", prediction="p", bins="age=40")
    assert groups_of(read) == {"40 or more": 20, "below 40": 20}


ONE_HOT = "Black,White,Asian,p\n1,0,,1\n0,1.0,,1\n,1,,0\n,,1,1\n1,,1,0\n,,,1\n"


def test_columns_of_marks_are_one_sensitive_column(tmp_path):
    path = write(tmp_path, ONE_HOT)
    with pytest.raises(TrivetError, match="missing in some of the 6 rows: 'race' in 1"):
        audited(path, "race", one_hot="race=Black,White,Asian")
    found = audited(path, "race", one_hot="race=Black,White,Asian", missing="group")
    assert groups_of(found) == {"Asian": 1, "Black": 1, "White": 2, "missing": 1, "several": 1}
    assert any("1 row without 'race' are a group" in each.message for each in found.cautions)


RACES = "race,sex,p\nBlack,f,1\n Unknown,f,0\nWhite,m,1\nWhite,,0\nUnknown,m,1\nBlack,m,0\n"


def test_rows_of_a_value_are_left_out_and_counted(tmp_path):
    path = write(tmp_path, RACES)
    found = audited(path, "race", exclude="Unknown")
    assert groups_of(found) == {"Black": 2, "White": 2}
    assert found.rows == 4
    assert "Left out: 2 rows with 'Unknown'" in found.cautions[0].message
    both = audited(path, ["race", "sex"], exclude="race=Unknown; sex=m", missing="group")
    assert both.rows == 2
    assert groups_of(both) == {"Black": 1, "White": 1}


def test_rows_without_a_sensitive_value_are_refused_named_or_left_out(tmp_path):
    path = write(tmp_path, RACES)
    with pytest.raises(TrivetError, match="'sex' in 1"):
        audited(path, "sex")
    assert groups_of(audited(path, "sex", missing="group")) == {"f": 2, "m": 3, "missing": 1}
    dropped = audited(path, "sex", missing="drop")
    assert groups_of(dropped) == {"f": 2, "m": 3}
    assert "Left out: 1 row without 'sex'" in dropped.cautions[0].message


def test_a_frame_is_shaped_as_its_file_is(tmp_path):
    path = write(tmp_path, RACES)
    frame = pd.read_csv(path, skipinitialspace=True)
    options = {"exclude": "Unknown", "missing": "group"}
    of_file, of_frame = (audited(each, ["race", "sex"], **options) for each in (path, frame))
    assert of_frame.attributes == of_file.attributes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": "age"}, "expected COLUMN=VALUE"),
        ({"bins": "age=a,b"}, "expected numbers"),
        ({"bins": "age=5,5"}, "ascend"),
        ({"bins": "age=nan"}, "ascend"),
        ({"bins": "height=5"}, "not a sensitive column"),
        ({"bins": "p=5"}, "not a sensitive column"),
        ({"exclude": "Nobody"}, "not a value of a sensitive column; there are"),
        ({"exclude": "age=19"}, "not a value of 'age'"),
        ({"exclude": 'age="19'}, "quotation marks"),
        ({"one_hot": "age=age,q", "bins": "age=5"}, "leave one out"),
        ({"one_hot": "age=age"}, "marks the rows of a group; 8 rows"),
        ({"exclude": "age="}, "names no value"),
    ],
)
def test_what_cannot_be_made_is_refused(tmp_path, options, message):
    with pytest.raises(TrivetError, match=message):
        audited(write(tmp_path, AGES), "age", **options)


def test_bins_of_a_text_say_how_many_are_none(tmp_path):
    path = write(tmp_path, "age,p\n20,1\nold,0\n?,1\n40,0\n")
    with pytest.raises(TrivetError, match="2 rows of 'age' hold something else"):
        audited(path, "age", bins="age=30")


def test_names_and_values_can_have_any_mark():
    shape = Shape.typed(
        ["Sex, at birth", "a=b"], exclude='"Sex, at birth"="not known; yet",x; "a=b"=1', missing="drop"
    )
    assert shape.exclude == {"Sex, at birth": ("not known; yet", "x"), "a=b": ("1",)}


def test_every_row_left_out_is_an_error(tmp_path):
    path = write(tmp_path, "race,p\nx,1\nx,0\n")
    with pytest.raises(TrivetError, match=r"no row of 't\.csv' is left"):
        audited(path, "race", exclude="x")


def test_arrays_are_not_shaped():
    with pytest.raises(UsageError, match="leave them out for arrays"):
        fairness.audit(None, sensitive={"s": ["a", "b"]}, prediction=[0, 1], missing="group")


def test_numbers_are_left_out_however_they_are_written(tmp_path):
    path = write(tmp_path, "code,p\n1,1\n1.0,0\n2,1\n3,0\n")
    assert groups_of(audited(path, "code", exclude="1")) == {"2": 1, "3": 1}


def test_a_swallowed_row_is_seen_beside_groups_that_are_made(tmp_path):
    path = write(tmp_path, 'age,x,p\n20,"a,1\n50,b,0\n30,c",1\n60,d,0\n')
    with pytest.raises(TrivetError, match="look like rows"):
        audited(path, "age", bins="age=40")


def test_rows_left_out_are_those_that_the_lines_stand_for(tmp_path):
    path = write(tmp_path, 'race,n,k\nA,40,10\nB,50,20\nX,2,1\nX,1,0\nY,"1,200",30\n')
    options = {"sensitive": "race", "exclude": "X,Y", "thousands": "comma"}
    found = fairness.audit(path, selected="k", total="n", **options)
    told = [each.message for each in found.cautions if each.kind == "rows"]
    assert told == ["Left out: 3 rows with 'X'.", "Left out: 1,200 rows with 'Y'."]
    hidden = fairness.audit(path, selected="k", total="n", suppress=5, **options)
    told = [each.message for each in hidden.cautions if each.kind == "rows"]
    assert told == [
        "Left out: some rows, a number that is withheld, with 'X'.",
        "Left out: 1,200 rows with 'Y'.",
    ]
    counted = fairness.audit(path, prediction="k", count="n", positive="10", **options)
    assert "Left out: 3 rows with 'X'." in [each.message for each in counted.cautions]


SOME = "Some rows, a number that is withheld,"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Left out: 8 rows with '3 rows'.", "Left out: 8 rows with '3 rows'."),
        (
            "1 row without 'a' are a group of their own, 'missing'.",
            "Some rows, a number that is withheld, without 'a' are a group of their own, 'missing'.",
        ),
        (
            "9 rows without 'a' are a group, with 1 row that hold this word, 'missing'.",
            f"{SOME} without 'a' are a group, with some that hold this word, 'missing'.",
        ),
        (
            "Some are several of these: 17 rows are left out in all.",
            "Some are several of these; how many are left out in all is withheld.",
        ),
        ("What it tells is of 3 rows.", None),
        ("Nothing is counted.", "Nothing is counted."),
    ],
)
def test_a_sentence_is_published_without_a_small_number(text, told):
    assert published_note(text, 5, hidden=False) == told


def test_the_size_of_a_group_that_was_made_is_withheld_where_any_group_is():
    text = "12 rows with marks of more than one group of 'a' are a group of their own, 'several'."
    assert published_note(text, 5, hidden=False) == text
    assert "12" not in (published_note(text, 5, hidden=True) or "")


def test_blanks_that_join_rows_with_the_word_missing_are_counted_beside_these(tmp_path):
    path = write(tmp_path, "race,p\nmissing,1\n,0\n,1\na,1\na,0\n")
    found = audited(path, "race", missing="group")
    assert groups_of(found) == {"a": 2, "missing": 3}
    notes = [each.message for each in found.cautions]
    assert "2 rows without 'race' are a group, with 1 row that hold this word, 'missing'." in notes


def test_rows_with_several_marks_are_counted(tmp_path):
    path = write(tmp_path, "b,c,p\n1,,1\n,1,0\n1,1,1\n")
    found = audited(path, "race", one_hot="race=b,b,c")
    assert groups_of(found) == {"b": 1, "c": 1, "several": 1}
    assert any("1 row with marks of more than one group" in each.message for each in found.cautions)
    path = write(tmp_path, "several,c,p\n1,,1\n,1,0\n1,1,1\n")
    with pytest.raises(UsageError, match="name that column otherwise"):
        audited(path, "race", one_hot="race=several,c")


def test_rows_left_out_for_two_reasons_are_counted_once_in_all(tmp_path):
    path = write(tmp_path, "race,sex,p\nU,U,1\na,U,0\na,f,1\nb,m,0\n")
    notes = [each.message for each in audited(path, ["race", "sex"], exclude="race=U; sex=U").cautions]
    assert "Some are several of these: 2 rows are left out in all." in notes


def test_edges_of_bins_that_agree_in_six_digits_stay_apart(tmp_path):
    path = write(tmp_path, "income,p\n1000000,1\n1000001,0\n1000002,1\n1000003,0\n")
    groups = groups_of(audited(path, "income", bins="income=1000001,1000002,1000003"))
    assert set(groups.values()) == {1}
    assert "1000001 to below 1000002" in groups


@pytest.mark.parametrize("options", [{"rows": 3}, {"ignore": ["age"]}])
def test_options_of_single_rows_are_refused_where_none_are_looked_at(tmp_path, options):
    path = write(tmp_path, "race,age,p,y,n\na,1,1,1,2\nb,2,0,0,1\na,3,0,1,1\n")
    with pytest.raises(UsageError, match="other columns are not looked at"):
        audited(path, "race", **options)
    with pytest.raises(UsageError, match="other columns are not looked at"):
        audited(path, "race", label="y", count="n", **options)


def test_lines_that_stand_for_nobody_are_counted(tmp_path):
    path = write(tmp_path, "g,n,of\na,3,10\nb,5,9\nc,0,0\n")
    found = fairness.audit(path, sensitive="g", selected="n", total="of")
    assert found.cautions[0].message == "1 line of the table stands for nobody, with 0 in 'of'."


def test_what_a_group_is_made_of_explains_none_of_it():
    rng = np.random.default_rng(3)
    age, income = rng.integers(20, 80, 900), rng.normal(size=900)
    frame = pd.DataFrame(
        {
            "age": age,
            "income": income,
            "hired": (rng.random(900) < 0.5).astype(int),
            "guess": (rng.normal(size=900) + income + age / 40 > 1.5).astype(int),
        }
    )
    found = fairness.audit(frame, label="hired", prediction="guess", sensitive="age", bins="age=40,60")
    (attribute,) = found.attributes
    assert [part.columns for part in attribute.by_feature.parts] == [("income",), ()]
    assert [each.name for each in attribute.proxies.columns] == ["income"]


@pytest.mark.parametrize("reference", [None, "largest", "most-selected"])
def test_rows_without_a_value_are_no_yardstick(tmp_path, reference):
    path = write(tmp_path, "g,y,p\n" + ",1,1\n" * 90 + "a,1,1\na,0,0\n" * 20 + "b,1,0\nb,0,1\nb,0,0\n" * 10)
    found = fairness.audit(
        path, label="y", prediction="p", sensitive="g", missing="group", reference=reference, counts_only=True
    )
    assert found.attributes[0].reference == "a"
    named = fairness.audit(
        path,
        label="y",
        prediction="p",
        sensitive="g",
        missing="group",
        privileged="missing",
        counts_only=True,
    )
    assert named.attributes[0].reference == "missing"


def test_one_column_to_ignore_can_be_a_text(tmp_path):
    path = write(
        tmp_path, "g,y,p,key\n" + "".join(f"{'ab'[i % 2]},{i % 3 % 2},{i % 5 % 2},{i}\n" for i in range(60))
    )
    options = {"label": "y", "prediction": "p", "sensitive": "g"}
    assert fairness.audit(path, ignore="key", **options) == fairness.audit(path, ignore=["key"], **options)


#: A label, a prediction and a score that are missing in one row, another, and one of nobody's sex.
GAPS = "sex,y,p,s\nf,1,1,0.9\nf,,1,0.8\nf,0,0,0.2\nf,1,,0.7\nm,1,1,0.6\nm,0,0,0.1\nm,0,1,\nm,1,0,0.4\n"


def test_rows_without_a_label_or_a_prediction_are_refused_or_left_out_and_counted_by_group(tmp_path):
    path = write(tmp_path, GAPS)
    asked = {"label": "y", "prediction": "p", "sensitive": "sex"}
    with pytest.raises(TrivetError, match=r"'y' in 1; 'p' in 1.* dropped \(--missing-outcome drop\)"):
        fairness.audit(path, **asked)
    found = fairness.audit(path, **asked, missing_outcome="drop")
    kept = pd.read_csv(path).dropna(subset=["y", "p"])
    same = fairness.audit(kept.astype({"y": int, "p": int}), **asked)
    assert found.attributes[0].groups == same.attributes[0].groups
    (said,) = [each for each in found.cautions if each.kind == "missing outcome"]
    assert said.message == "Left out: 2 rows of 8 without 'y' or 'p'; of 'sex' 'f' 2 of 4."
    assert said.amount == found.left_out == 2


def test_rows_without_a_score_are_left_out_before_the_cut_is_placed(tmp_path):
    path = write(tmp_path, GAPS)
    asked = {"score": "s", "sensitive": "sex", "cut": "median"}
    found = fairness.audit(path, **asked, missing_outcome="drop")
    assert found.rows == 7
    assert found.cut == fairness.audit(pd.read_csv(path).dropna(subset=["s"]), **asked).cut
    assert any("1 row of 8 without 's'; of 'sex' 'm' 1 of 4" in each.message for each in found.cautions)


def test_with_nothing_missing_the_option_changes_nothing(tmp_path):
    path = write(tmp_path, "sex,p\nf,1\nf,0\nm,1\nm,0\n")
    found = audited(path, "sex", missing_outcome="drop")
    assert [each.name for each in found.settings] == ["missing_outcome"]
    assert replace(found, settings=()) == audited(path, "sex")


def test_rows_that_lines_stand_for_are_counted_where_their_outcome_is_missing(tmp_path):
    path = write(tmp_path, "sex,p,n\nf,1,5\nf,0,7\nf,,30\nm,1,6\nm,0,6\n")
    found = audited(path, "sex", count="n", missing_outcome="drop")
    (said,) = [each for each in found.cautions if each.kind == "missing outcome"]
    assert (said.amount, found.rows) == (30, 24)
    assert "30 rows of 54 without 'p'; of 'sex' 'f' 30 of 42" in said.message


def test_how_many_rows_lack_an_outcome_is_withheld_with_small_counts(tmp_path):
    rows = "f,1\nf,0\nf,0\nf,\n" + "m,1\nm,0\n" * 40
    found = audited(write(tmp_path, f"sex,p\n{rows}"), "sex", missing_outcome="drop", suppress=10)
    (said,) = [each for each in found.cautions if each.kind == "missing outcome"]
    assert said.message == "Rows without an outcome are left out; how many is withheld."
    assert said.amount is found.left_out is None


def test_how_many_of_a_group_lack_an_outcome_is_withheld(tmp_path):
    rows = "f,1\nf,0\nm,1\nm,0\n" * 20 + "f,\n" * 3 + "m,\n" * 12
    found = audited(write(tmp_path, f"sex,p\n{rows}"), "sex", missing_outcome="drop", suppress=5)
    (said,) = [each for each in found.cautions if each.kind == "missing outcome"]
    assert (said.amount, found.left_out) == (15, 15)
    assert "15 of all" in said.message
    assert "12" not in said.message
    assert not [each for each in found.cautions if each.kind == "suppressed"]


def test_where_nothing_is_compared_with_outcomes_the_option_is_refused(tmp_path):
    path = write(tmp_path, "sex,k,n\nf,1,2\nm,1,2\n")
    with pytest.raises(UsageError, match="nothing is done with it"):
        fairness.audit(path, sensitive="sex", selected="k", total="n", missing_outcome="drop")
