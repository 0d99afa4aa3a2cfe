"""Names of metrics that a verdict can be about."""

import numpy as np
import pytest

from trivet.errors import UsageError
from trivet.fairness.measures.registry import ALIASES, MEASURES, SELECTION, measures_named
from trivet.fairness.metrics.group_rates import GROUP_METRICS
from trivet.fairness.metrics.measure import METRICS


def test_every_rate_of_a_group_is_one_and_equalized_odds():
    assert set(MEASURES) == {*(metric.name for metric in GROUP_METRICS), "equalized_odds"}
    assert all(name == measure.name for name, measure in MEASURES.items())


def test_every_other_name_is_of_one_of_them():
    assert set(ALIASES.values()) <= set(MEASURES)
    assert not set(ALIASES) & set(MEASURES)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((), (SELECTION,)),
        (("equal_opportunity", "TPR", "Predictive Equality"), ("true_positive_rate", "false_positive_rate")),
        (("false-negative-rate", "f1"), ("false_negative_rate", "f1")),
        (("predictive_parity",), ("positive_predictive_value",)),
    ],
)
def test_names_are_found_in_every_spelling_and_each_once(names, found):
    assert tuple(measure.name for measure in measures_named(names)) == found


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="no metric 'acuracy': did you mean accuracy"):
        measures_named(["acuracy"])
    with pytest.raises(UsageError, match=r"no metric 'xyzzy'\. There are selection_rate"):
        measures_named(["xyzzy"])


def test_what_a_metric_is_made_of_gives_its_value():
    tables = np.random.default_rng(0).integers(0, 40, (50, 3, 2, 2))
    for name, measure in MEASURES.items():
        if name == "equalized_odds":
            continue
        change = measure.change or (lambda share: share)
        with np.errstate(invalid="ignore"):
            made = np.mean([change(rate(tables)) for rate in measure.rates], axis=0)
        np.testing.assert_allclose(made, METRICS[name](tables), rtol=1e-13)


def test_only_what_compares_with_labels_needs_them():
    assert [name for name, measure in MEASURES.items() if not measure.needs_labels] == [SELECTION]
