import inspect
import pickle
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from mitigated_classifiers import unequal_rows
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from trivet.fairness.mitigation import registry as descriptions
from trivet.fairness.mitigation.registry import MITIGATIONS
from trivet.fairness.mitigation.thresholds.randomised import MixedThreshold

DESCRIBED = {
    "drop-sensitive": r"the other features tell the group with an AUC of 0\.\d{3}",
    "reweighing": r"weights from 0\.\d{3} to [12]\.\d{3}",
    "massaging": r"promoted (\d+) and demoted \1 training labels",
    "exponentiated-gradient": r"draws one of \d+ classifiers for each row",
    "group-thresholds": r"thresholds m: [01]\.\d{3}, w: [01]\.\d{3}, fitted on \d+ validation rows",
    "equalized-odds": r"thresholds m: nobody or [01]\.\d{3}.*, w: [01]\.\d{3}, fitted on \d+ validation rows",
}


def built(name, **options):
    standard = {"sensitive_columns": (0,), "privileged": "m", "random_state": 3}
    return MITIGATIONS[name].build(LogisticRegression(), **{**standard, **options})


@pytest.mark.parametrize("name", MITIGATIONS)
def test_each_mitigation_is_fitted_predicts_and_says_what_it_did(name):
    rows = unequal_rows(600)
    mitigation = MITIGATIONS[name]
    model = clone(built(name)).fit(rows.X, rows.y, sensitive_features=rows.groups)
    asked = {"sensitive_features": rows.groups} if mitigation.needs_group_at_prediction else {}
    predictions = pickle.loads(pickle.dumps(model)).predict(rows.X, **asked)
    assert (predictions == rows.y).mean() > 0.6
    plain = LogisticRegression().fit(rows.X, rows.y).predict(rows.X)
    gaps = [p[rows.groups == "m"].mean() - p[rows.groups == "w"].mean() for p in (plain, predictions)]
    assert abs(gaps[1]) < gaps[0]
    assert re.fullmatch(DESCRIBED[name], mitigation.describe(model))


@pytest.mark.parametrize("name", MITIGATIONS)
def test_the_row_tells_the_truth_about_its_class(name):
    mitigation, model = MITIGATIONS[name], built(name)
    assert mitigation.name == name
    takes_groups = "sensitive_features" in inspect.signature(model.predict).parameters
    assert takes_groups == mitigation.needs_group_at_prediction == (mitigation.kind == "after")
    parameters = model.get_params(deep=False)
    assert parameters.get("privileged", "m") == "m"
    assert parameters.get("random_state", 3) == 3
    assert mitigation.drops_sensitive == ("columns" in parameters)
    assert all((mitigation.title, mitigation.source, mitigation.note.endswith(".")))


def test_the_places_of_the_dropped_columns_are_passed_on():
    rows = unequal_rows()
    model = built("drop-sensitive", sensitive_columns=(2, 0))
    model.fit(rows.X, rows.y, sensitive_features=rows.groups)
    assert model.dropped_ == (0, 2)
    assert np.isfinite(model.proxy_auc_)


def test_names_and_notes_cost_no_scikit_learn():
    code = (
        "import sys\nfrom trivet.fairness.mitigation.registry import MITIGATIONS\n"
        "print(len(MITIGATIONS), [m for m in ('sklearn', 'fairlearn', 'pandas') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "6 []"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((np.inf, -np.inf), "thresholds m: nobody, w: everybody, fitted on 2 validation rows"),
        (
            (MixedThreshold((np.inf, 0.5, -np.inf), (0.2, 0.3, 0.5)), 0.25),
            "thresholds m: nobody or 0.500 or everybody, w: 0.250, fitted on 2 validation rows",
        ),
    ],
)
def test_selecting_nobody_or_everybody_is_said_in_words(found, said):
    model = SimpleNamespace(thresholds_=dict(zip("mw", found, strict=True)), validation_rows_=(0, 1))
    assert descriptions.thresholds(model) == said


def test_groups_of_several_columns_are_called_as_everywhere():
    found = SimpleNamespace(thresholds_={("f", "x, y"): 0.25, ("m", 3): 0.5}, validation_rows_=[1, 2])
    assert (
        descriptions.thresholds(found)
        == 'thresholds f, "x, y": 0.250; m, 3: 0.500, fitted on 2 validation rows'
    )
