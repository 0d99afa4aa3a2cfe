import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from trivet.errors import DataError, UsageError
from trivet.estimate import Estimate
from trivet.fairness.auditing.band import judged
from trivet.fairness.auditing.predictions import audit_counts, audit_predictions
from trivet.fairness.auditing.results import REFERENCE, FairnessAudit
from trivet.fairness.auditing.rows import AuditRows, Predicted
from trivet.fairness.counting.counts import GroupCounts
from trivet.tables.features import Features
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED


def counts_of(*rows, columns=("sex",), groups=(("f",), ("m",))):
    """Counts of groups, each of true negatives, false positives, false negatives and true positives."""
    return GroupCounts(columns, groups, ("0", "1"), np.array(rows, dtype=np.int64).reshape(-1, 2, 2))


def group(audit, name, attribute=-1):
    return next(each for each in audit.attributes[attribute].groups if each.group == name)


def test_a_known_table_is_measured_and_judged():
    audit = audit_counts(counts_of((700, 100, 100, 100), (300, 200, 100, 400)))
    women, men = group(audit, "f"), group(audit, "m")
    assert (women.rows, women.positives, women.selected) == (1000, 200, 200)
    assert women.selection_rate.value == 0.2
    assert women.true_positive_rate.value == 0.5
    assert women.false_positive_rate.value == 0.125
    assert women.positive_predictive_value.value == 0.5
    assert women.accuracy.value == 0.8
    assert women.disparate_impact.value == pytest.approx(0.2 / 0.6, abs=1e-15)
    spread = 1.959963984540054 * math.sqrt(1 / 200 - 1 / 1000 + 1 / 600 - 1 / 1000)
    assert women.disparate_impact.low == pytest.approx(math.exp(math.log(1 / 3) - spread), rel=1e-12)
    assert women.difference.value == pytest.approx(0.4)
    assert (women.simultaneous_low, women.simultaneous_high) == (
        women.disparate_impact.low,
        women.disparate_impact.high,
    )
    assert women.p_value == women.p_adjusted < 1e-60
    assert (women.verdict, men.verdict, audit.verdict) == (DISPARATE, REFERENCE, DISPARATE)
    assert men.disparate_impact is men.difference is men.p_value is None
    assert audit.attributes[0].reference == "m"
    assert audit.reason == (
        "f is selected 0.333 times as often as m (0.292 to 0.381 at 95%), which lies outside the band from "
        "0.8 to 1.25."
    )
    assert audit.attributes[0].by_class.whole.value == pytest.approx(0.4)


def test_the_reason_names_every_attribute_that_is_disparate():
    people = ("f", "a"), ("f", "b"), ("m", "a"), ("m", "b")
    rows = [(2000 - selected, selected, 0, 0) for selected in (100, 600, 600, 1900)]
    found = audit_counts(counts_of(*rows, columns=("sex", "town"), groups=people))
    assert [each.verdict for each in found.attributes] == [DISPARATE] * 3
    assert found.reason == f"{found.attributes[0].reason} Also disparate by town and sex x town."


@pytest.mark.parametrize(
    ("protected", "verdict"),
    [((0, 5000, 0, 5000), IN_BAND), ((75, 25, 0, 0), UNSETTLED), ((9000, 1000, 0, 0), DISPARATE)],
)
def test_the_interval_decides_not_the_estimate(protected, verdict):
    audit = audit_counts(
        counts_of(protected, (1500, 500, 1500, 500) if verdict != IN_BAND else (0, 5000, 0, 5000))
    )
    assert audit.verdict == verdict


def test_several_groups_hold_at_once_and_holm_adjusts():
    groups = (("a",), ("b",), ("c",), ("d",))
    audit = audit_counts(
        counts_of((80, 20, 0, 0), (80, 20, 0, 0), (70, 30, 0, 0), (35, 25, 0, 40), groups=groups)
    )
    others = [each for each in audit.attributes[0].groups if each.verdict != REFERENCE]
    assert audit.attributes[0].reference == "d"
    for each in others:
        assert each.simultaneous_low < each.disparate_impact.low
        assert each.simultaneous_high > each.disparate_impact.high
        assert each.p_adjusted >= each.p_value
    assert max(each.p_adjusted / each.p_value for each in others) == pytest.approx(3)
    assert "for all 3 comparisons at once" in audit.reason


def test_several_columns_are_looked_at_alone_and_together():
    groups = (("f", "x"), ("f", "y"), ("m", "x"), ("m", "y"))
    audit = audit_counts(
        counts_of(
            (5, 1, 2, 3), (9, 1, 1, 1), (4, 2, 1, 5), (3, 3, 3, 3), columns=("sex", "town"), groups=groups
        )
    )
    assert [each.name for each in audit.attributes] == ["sex", "town", "sex x town"]
    assert group(audit, "f", 0).rows == 23
    assert group(audit, "y", 1).rows == 24
    assert group(audit, "m, x").rows == 12


def test_a_column_with_one_value_makes_no_groups_and_is_named():
    counts = counts_of((5, 1, 2, 3), (9, 1, 1, 1), columns=("sex", "town"), groups=(("f", "x"), ("m", "x")))
    audit = audit_counts(counts, privileged="f,x")
    assert audit.attributes == audit_counts(counts.over("sex"), privileged="f").attributes
    assert audit.cautions[0].message == "'town' is 'x' in every row, so that there are no groups by it."
    with pytest.raises(UsageError, match="no row has the privileged value 'y' in town; there is x"):
        audit_counts(counts, privileged="f,y")


def test_values_that_differ_in_spelling_alone_are_named():
    composed, marked = "M\u00fcller", "Mu\u0308ller"
    names = ("Female", "female", "N/A", composed, marked)
    counts = counts_of(*[(40, 10, 10, 40)] * 5, groups=tuple((name,) for name in names))
    kinds = {each.kind: each.message for each in audit_counts(counts).cautions}
    for name in ("'Female'", "'female'", f"'{composed}'", "'Mu\\u0308ller'"):
        assert name in kinds["spelling"]
    assert "N/A" not in kinds["spelling"]
    assert "'N/A'" in kinds["missing groups"]
    # Numbers that differ by a dot or a sign are other numbers, and a group that was asked for is no mistake.
    names = ("under 25", "25-45", "2545", "1.5", "15", "-15", "missing", "A", "A-")
    plain = counts_of(*[(40, 10, 10, 40)] * 9, groups=tuple((name,) for name in names))
    assert not {"spelling", "missing groups"} & {each.kind for each in audit_counts(plain).cautions}


def test_a_column_of_a_group_for_nearly_every_row_is_named():
    def kinds(groups):
        counts = counts_of(*[(4, 1, 1, 4)] * groups, groups=tuple((f"{0.5 * n}",) for n in range(groups)))
        return {each.kind: each.message for each in audit_counts(counts).cautions}

    assert "has 51 groups, so that each rests on few rows" in kinds(51)["many groups"]
    assert "many groups" not in kinds(50)


def test_the_label_and_the_prediction_are_no_groups_without_a_word():
    counts = counts_of((5, 0, 2, 0), (0, 9, 0, 1), columns=("guess",), groups=(("0",), ("1",)))
    said = [each.message for each in audit_counts(counts, prediction="guess").cautions]
    assert "The prediction, 'guess', is a sensitive column as well." in said


def test_counts_of_no_row_are_refused():
    with pytest.raises(DataError, match="the counts are all 0"):
        audit_counts(counts_of((0, 0, 0, 0), (0, 0, 0, 0)))


def test_the_reference_is_the_one_named_or_that_with_the_highest_base_rate():
    counts = counts_of((70, 10, 10, 10), (50, 10, 20, 20))
    assert audit_counts(counts).attributes[0].reference == "m"
    assert audit_counts(counts, privileged="f").attributes[0].reference == "f"
    with pytest.raises(UsageError, match=r"no row has the privileged value 'x' in sex; there are f; m"):
        audit_counts(counts, privileged="x")
    with pytest.raises(UsageError, match=r"needs a value for each sensitive column"):
        audit_counts(
            counts_of((5, 1, 2, 3), (9, 1, 1, 1), columns=("sex", "town"), groups=(("f", "x"), ("m", "y"))),
            privileged="f",
        )


def test_a_tiny_group_is_no_reference_unless_named():
    groups = (("big",), ("tiny",))
    counts = counts_of((7000, 1000, 1000, 1000), (0, 0, 0, 10), groups=groups)
    assert audit_counts(counts).attributes[0].reference == "big"
    assert audit_counts(counts, privileged="tiny").attributes[0].reference == "tiny"


def test_nobody_selected_is_no_parity():
    audit = audit_counts(counts_of((10, 0, 5, 0), (10, 0, 6, 0)))
    assert audit.verdict == UNSETTLED
    women = group(audit, "f")
    assert women.positive_predictive_value.value is None
    assert women.positive_predictive_value.reason == "no row of f is predicted positive"
    assert women.smallest_detectable is None
    assert women.simultaneous_high is None


def test_predictions_that_are_the_labels_are_suspicious_and_small_groups_are_named():
    audit = audit_counts(counts_of((100, 0, 0, 20), (100, 0, 0, 80)))
    kinds = {caution.kind: caution.message for caution in audit.cautions}
    assert "Every prediction is the label" in kinds["leakage"]
    assert "'f'" in kinds["small group"]
    assert "'m'" not in kinds["small group"]


@pytest.mark.parametrize("wrong", [{"four_fifths": 0}, {"four_fifths": 1.1}, {"level": 1}, {"level": 0}])
def test_bounds_out_of_range_are_refused(wrong):
    (name, found), *_ = wrong.items()
    with pytest.raises(UsageError, match=f"^{name} is {found}; expected "):
        audit_counts(counts_of((1, 1, 1, 1), (1, 1, 1, 1)), **wrong)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.79, DISPARATE),
        (1.26, None, DISPARATE),
        (0.8, 1.25, IN_BAND),
        (0.79, 0.81, UNSETTLED),
        (0.9, None, UNSETTLED),
        (0.8, 0.8, IN_BAND),
    ],
)
def test_verdicts_at_the_ends_of_the_band(low, high, verdict):
    assert judged(Estimate(1.0, low, high, 0.95, "known"), four_fifths=0.8) == verdict


def test_the_farthest_is_what_the_rows_show_not_what_a_handful_suggests():
    groups = (("crowd",), ("few",), ("many",))
    counts = counts_of((900, 60, 20, 20), (9, 0, 1, 0), (700, 100, 100, 100), groups=groups)
    audit = audit_counts(counts, privileged="many").attributes[0]
    assert group_named(audit, "few").disparate_impact.value == 0
    assert audit.most_disparate == "crowd"


def test_where_nothing_is_shown_a_large_group_is_named_before_a_tiny_one():
    groups = (("few",), ("half",), ("many",))
    counts = counts_of((3, 0, 0, 0), (70, 10, 10, 10), (680, 110, 100, 110), groups=groups)
    assert audit_counts(counts, privileged="many").attributes[0].most_disparate == "half"


def group_named(attribute, name):
    return next(each for each in attribute.groups if each.group == name)


@given(st.lists(st.lists(st.integers(0, 60), min_size=4, max_size=4), min_size=2, max_size=5))
@settings(max_examples=12)
def test_any_counts_give_an_audit_that_json_can_hold(tables):
    tables[0][0] += 1
    groups = tuple((f"g{i}",) for i in range(len(tables)))
    audit = audit_counts(counts_of(*tables, groups=groups))
    adapter = TypeAdapter(FairnessAudit)
    text = json.dumps(json.loads(adapter.dump_json(audit)), allow_nan=False)
    assert adapter.validate_json(text) == audit


def test_arrays_frames_and_files_give_the_same_audit(tmp_path):
    rng = np.random.default_rng(0)
    sex, label = rng.choice(["f", "m"], 500), rng.integers(0, 2, 500)
    prediction = (rng.random(500) < 0.3 + 0.3 * label).astype(int)
    path = tmp_path / "t.csv"
    lines = [f"{s},{y},{p}" for s, y, p in zip(sex, label, prediction, strict=True)]
    path.write_text("sex,hired,guess\n" + "\n".join(lines) + "\n")
    from_file = audit_predictions(path, "hired", "guess", "sex")
    from_arrays = audit_predictions(None, label, prediction, {"sex": sex})
    assert from_file.attributes == from_arrays.attributes
    with pytest.raises(DataError):
        audit_predictions(None, label, prediction[:-1], {"sex": sex})


def predicted(rows=600, *, scores=True, seed=0):
    """Rows in which the town tells the sex, a column is the label, and scores follow the label."""
    rng = np.random.default_rng(seed)
    sex = np.arange(rows) % 2
    label = rng.integers(0, 2, rows)
    score = np.clip(0.25 + 0.4 * label + 0.3 * rng.random(rows), 0, 1)
    features = Features(
        ("sex", "town", "outcome"),
        np.column_stack([sex, np.where(rng.random(rows) < 0.95, sex, 1 - sex), label * 2.5]).astype(float),
        (("f", "m"), ("ulm", "bonn"), None),
    )
    table = AuditRows("people", features, label, "hired", "1", "0", sex, ("sex",), (("f",), ("m",)), rows)
    places = np.arange(rows)
    given = score if scores else None
    return Predicted(table, places, (score >= 0.5).astype(int), given, np.array([], dtype=int))


def audit_of(rows):
    return audit_counts(rows.rows.count(rows.predictions, rows.places), predicted=rows)


def test_columns_tell_of_leaks_and_proxies():
    audit = audit_of(predicted())
    messages = {caution.kind: caution.message for caution in audit.cautions}
    assert messages["leakage"].startswith("'outcome' alone tells")
    assert messages["proxies"].startswith("sex: ")
    proxies = audit.attributes[0].proxies
    assert proxies.columns[0].name == "town"
    assert proxies.auc > 0.9
    parts = audit.attributes[0].by_feature.parts
    assert sum(part.value for part in parts) == pytest.approx(
        audit.attributes[0].by_feature.whole.value, abs=1e-12
    )


def test_scores_are_measured_within_groups():
    rows = predicted()
    audit = audit_of(rows)
    for place, each in enumerate(audit.attributes[0].groups):
        own = rows.rows.groups == place
        assert each.scores.auc.value == 1.0
        assert each.scores.calibration.rows == own.sum()
    assert all(each.scores is None for each in audit_of(predicted(scores=False)).attributes[0].groups)


@pytest.mark.parametrize("copied", [False, True])
def test_copied_people_are_told_and_people_who_happen_to_be_alike_are_not(copied):
    rows = predicted()
    values = rows.rows.features.values.copy()
    values[:, 1] = np.random.default_rng(1).normal(size=len(values))
    if copied:
        values[300:] = values[:300]
    labels = np.tile(rows.rows.labels[:300], 2) if copied else rows.rows.labels
    features = replace(rows.rows.features, values=values, categories=(("f", "m"), None, None))
    table = replace(rows.rows, features=features, labels=labels)
    seen = Predicted(table, rows.places[:300], rows.predictions[:300], None, rows.places[300:])
    coarse = Predicted(rows.rows, rows.places[:300], rows.predictions[:300], None, rows.places[300:])
    for audited, told in ((seen, copied), (coarse, False)):
        messages = [caution.message for caution in audit_of(audited).cautions]
        assert any("equal to a training row" in message for message in messages) is told
