"""scikit-learn's own checks of an estimator, on the code of `GroupThresholds`."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import _num_samples

from trivet.fairness.mitigation.thresholds.classifier import GroupThresholds

AFTER_GROUPS = "predictions follow the thresholds of the groups, not the sign of the decision function"
EXPECTED = {
    "check_classifiers_train": AFTER_GROUPS,
    "check_classifiers_one_label_sample_weights": "rows that weigh nothing leave no two labels, or no group",
}
OF_ONE = {
    "ratio": {"check_classifiers_classes": AFTER_GROUPS},
    "equalized_odds": {
        "check_estimators_dtypes": "its 20 rows have one label too seldom for two groups",
    },
}


class Grouped(GroupThresholds):
    """The same for checks, which give no groups: rows are in two by turns, and predicted as in the first."""

    def fit(self, X, y, *, sensitive_features=None, **fit_params):
        if sensitive_features is None:
            sensitive_features = np.arange(_num_samples(X)) % 2
        return super().fit(X, y, sensitive_features=sensitive_features, **fit_params)

    def predict(self, X, *, sensitive_features=None):
        if sensitive_features is None:
            sensitive_features = np.zeros(_num_samples(X), dtype=int)
        return super().predict(X, sensitive_features=sensitive_features)


def contract_of(estimator):
    return parametrize_with_checks(
        [estimator],
        expected_failed_checks=lambda each: EXPECTED | OF_ONE[each.constraint],
        xfail_strict=True,
    )


# scikit-learn casts labels to whole numbers before it says that infinity is none.
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@contract_of(Grouped(LogisticRegression()))
def test_the_contract_of_an_estimator_is_kept(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@contract_of(Grouped(LogisticRegression(), constraint="equalized_odds", validation=0.5))
def test_the_contract_of_an_estimator_is_kept_for_equalized_odds(estimator, check):
    check(estimator)
