import json

import numpy as np
import pytest
from pydantic import TypeAdapter

from trivet.errors import DataError, UsageError
from trivet.fairness.auditing.mitigations import chosen_mitigations, compare_mitigations
from trivet.fairness.auditing.results import FairnessComparison
from trivet.fairness.auditing.rows import adult_rows, read_rows
from trivet.fairness.mitigation.registry import MITIGATIONS
from trivet.fairness.mitigation.reweighing import Reweighing
from trivet.verdict import DISPARATE

QUICK = ("drop-sensitive", "reweighing", "group-thresholds")


def people(rows=1200, seed=0):
    """A table in which men are hired more often, and a town that tells the sex a little."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], rows)
    skill = rng.normal(size=rows)
    town = np.where(rng.random(rows) < 0.7, np.where(sex == "m", "ulm", "bonn"), "köln")
    hired = skill + 1.2 * (sex == "m") + rng.normal(0, 0.7, rows) > 1
    lines = [
        f"{s},{k:.4f},{t},{'yes' if h else 'no'}" for s, k, t, h in zip(sex, skill, town, hired, strict=True)
    ]
    return "sex,skill,town,hired\n" + "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = tmp_path_factory.mktemp("people") / "people.csv"
    path.write_text(people())
    return read_rows(path, label="hired", sensitive=("sex",), positive="yes")


@pytest.fixture(scope="module")
def compared(rows):
    return compare_mitigations(rows, mitigations=QUICK, repeats=3)


def test_a_table_is_read_as_features_labels_and_groups(rows):
    assert rows.features.names == ("sex", "skill", "town")
    assert (rows.positive, rows.negative, rows.values) == ("yes", "no", (("f",), ("m",)))
    assert len(rows) == 1200
    lines = people().splitlines()[1:]
    assert rows.labels.tolist() == [int(line.endswith("yes")) for line in lines]
    assert rows.groups.tolist() == [int(line.startswith("m")) for line in lines]


def test_what_is_compared_is_measured_on_the_same_rows(compared):
    names = [model.name for model in compared.models]
    assert names == ["baseline", *QUICK]
    assert (compared.train_rows, compared.test_rows) == (840, 360)
    baseline, _, reweighed, thresholds = compared.models
    assert baseline.verdict == compared.baseline.verdict == DISPARATE
    assert baseline.accuracy_change is None
    assert reweighed.parity > baseline.parity
    assert thresholds.parity > baseline.parity
    audited = compared.baseline.attributes[0].groups[0]
    assert audited.disparate_impact == baseline.disparate_impact
    change = thresholds.accuracy_change
    assert change.value == pytest.approx(thresholds.accuracy.value - baseline.accuracy.value)
    assert change.low < change.value < change.high


def test_training_is_repeated_and_told_apart_from_sampling(compared):
    for model in compared.models:
        assert len(model.accuracy_training.values) == 3
        assert len(set(model.accuracy_training.values)) > 1
        assert model.accuracy_training.low <= model.accuracy.value <= model.accuracy_training.high
        assert len(model.groups) == 2
        assert [each.training is None for each in model.groups] == [False, True]


def test_the_same_call_gives_the_same_result_on_any_number_of_processes(rows, compared):
    again = compare_mitigations(rows, mitigations=QUICK, repeats=3, workers=2)
    assert again == compared
    adapter = TypeAdapter(FairnessComparison)
    text = json.dumps(json.loads(adapter.dump_json(compared)), allow_nan=False)
    assert adapter.validate_json(text) == compared


def test_a_mitigation_that_fails_is_told_and_leaves_the_others(rows, monkeypatch):
    def fail(*_arguments, **_settings):
        raise DataError("the sky is blue. Look again.")

    monkeypatch.setattr(Reweighing, "fit", fail)
    found = compare_mitigations(rows, mitigations=("reweighing", "drop-sensitive"), repeats=0)
    failed = found.models[1]
    assert (failed.failed, failed.note, failed.accuracy) == (
        True,
        "no model: the sky is blue. Look again.",
        None,
    )
    assert not found.models[2].failed
    assert found.models[2].accuracy_training.deviation is None
    assert "No model came of reweighing." in found.statement


def test_trees_can_be_compared_as_well(rows):
    found = compare_mitigations(rows, estimator="boosting", mitigations=("massaging",), repeats=0)
    assert [model.failed for model in found.models] == [False, False]


def test_adult_has_the_features_of_the_study():
    rows = adult_rows(("gender", "race"))
    assert len(rows.features.names) == 9
    assert len(rows.values) == 10
    counts = rows.count(rows.labels, np.arange(len(rows)))
    assert counts.over("gender").table[:, 1, 1].tolist() == [1769, 9918]
    with pytest.raises(UsageError, match="Adult has no column 'sex'"):
        adult_rows(("sex",))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"estimator": "forest"}, "estimator is 'forest'; expected logistic, boosting, or package"),
        ({"mitigations": "reweighing,wishing"}, "there is no mitigation 'wishing'; there are all, drop-sens"),
        ({"repeats": -1}, "repeats is -1; expected 0 or more"),
        ({"four_fifths": 0}, "four_fifths is 0; expected 0.01 to 1"),
        ({"privileged": {"sex": "x"}}, "no row has the privileged value 'x'"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_fitted(rows, wrong, message):
    with pytest.raises(UsageError, match=message):
        compare_mitigations(rows, **wrong)


def test_mitigations_are_named_all_or_one_by_one():
    assert chosen_mitigations("all") == tuple(MITIGATIONS)
    assert chosen_mitigations("massaging, reweighing,massaging") == ("massaging", "reweighing")


def test_too_few_rows_are_refused(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("sex,skill,hired\nf,1,1\nm,2,0\nf,3,0\n")
    rows = read_rows(path, label="hired", sensitive=("sex",))
    with pytest.raises(DataError, match="1 of 3 rows have the rarer label"):
        compare_mitigations(rows, mitigations=("reweighing",), repeats=0)


def test_more_cells_than_test_rows_are_no_trouble(tmp_path):
    path = tmp_path / "many.csv"
    rng = np.random.default_rng(0)
    lines = [f"g{i % 301},{rng.normal():.3f},{rng.integers(0, 2)}" for i in range(1500)]
    path.write_text("group,skill,hired\n" + "\n".join(lines) + "\n")
    rows = read_rows(path, label="hired", sensitive=("group",))
    found = compare_mitigations(rows, mitigations=("reweighing",), repeats=0)
    assert found.baseline.attributes[0].reference_why.startswith("it is the largest group")


def test_a_band_asked_for_is_the_one_thresholds_hold_to(rows):
    narrow = compare_mitigations(rows, mitigations=("group-thresholds",), repeats=0, four_fifths=0.98)
    wide = compare_mitigations(rows, mitigations=("group-thresholds",), repeats=0, four_fifths=0.5)
    assert narrow.models[1].parity > wide.models[1].parity


def test_the_reason_for_the_reference_is_the_true_one(rows, compared):
    assert compared.baseline.attributes[0].reference_why.startswith("it has the largest share of positive")
    named = compare_mitigations(rows, mitigations=("reweighing",), repeats=0, privileged={"sex": "f"})
    assert named.reference == "f"
    assert named.baseline.attributes[0].reference_why == "it was named as privileged"


def test_drawn_rows_are_said_to_be_drawn(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(people())
    rows = read_rows(path, label="hired", sensitive=("sex",), positive="yes", limit=300)
    found = compare_mitigations(rows, mitigations=("reweighing",), repeats=0)
    assert found.baseline.cautions[0].message == "Models see 300 of 1,200 rows, drawn at random."


def test_a_baseline_within_the_band_is_not_brought_there(tmp_path):
    path = tmp_path / "fair.csv"
    rng = np.random.default_rng(0)
    skill = rng.normal(size=2000)
    hired = (skill + rng.normal(0, 0.5, 2000) > 0).astype(int)
    lines = [f"{'fm'[i % 2]},{skill[i]:.3f},{hired[i]}" for i in range(2000)]
    path.write_text("sex,skill,hired\n" + "\n".join(lines) + "\n")
    rows = read_rows(path, label="hired", sensitive=("sex",))
    found = compare_mitigations(rows, mitigations=("reweighing",), repeats=0)
    assert "That is within the band from 0.8 to 1.25, before any mitigation." in found.statement
    assert "brings" not in found.statement
