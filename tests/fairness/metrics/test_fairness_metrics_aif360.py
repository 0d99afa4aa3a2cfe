"""AI Fairness 360 gives what trivet gives, where both have a definition.

The literals are what AI Fairness 360 0.6.1 returned: the rows of a table in a BinaryLabelDataset each for
labels and predictions, group 1 privileged and all others not, and the ClassificationMetric of the two. Its
differences are unprivileged minus privileged, so that signs are turned.
"""

import numpy as np
import pytest

from trivet.fairness import METRICS, Inequality, consistency

SMALL = [[[5, 1], [1, 3]], [[8, 4], [2, 6]]]
#: The baseline of the study on its test rows.
ADULT = [[[4314, 44], [424, 135]], [[6188, 592], [1562, 1394]]]
OTHER = [[[7, 9], [2, 11]], [[13, 3], [8, 5]]]
THREE = [[[3, 2], [4, 1]], [[10, 0], [0, 10]], [[6, 5], [1, 2]]]

TURNED = (
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "average_odds_difference",
    "average_predictive_value_difference",
)
ANSWERS = [
    ("disparate_impact", (0.8, 0.17846544686099422, 2.5)),
    ("demographic_parity_difference", (-0.09999999999999998, -0.16758089795953837, 0.4137931034482759)),
    ("equal_opportunity_difference", (0.0, -0.2300805372051871, 0.4615384615384615)),
    ("average_odds_difference", (-0.08333333333333333, -0.15364989846988403, 0.4182692307692307)),
    ("average_absolute_odds_difference", (0.08333333333333333, 0.15364989846988403, 0.4182692307692307)),
    (
        "average_predictive_value_difference",
        (0.058333333333333334, -0.029891300377223984, -0.11686507936507934),
    ),
    ("predictive_equality_ratio", (0.5, 0.11563077533706262, 3.0)),
    ("error_rate_ratio", (0.6666666666666664, 0.4302100098402278, 1.0)),
    # Of error rates, unprivileged minus privileged: of accuracies, privileged minus unprivileged.
    ("accuracy_difference", (-0.10000000000000009, -0.12606076815983458, 0.0)),
    ("theil_index", (0.15206997278741163, 0.16293254020287903, 0.24335732054829665)),
    ("generalised_entropy", (0.115234375, 0.10340087443954905, 0.17666666666666644)),
    ("between_group_theil_index", (0.0009872274779019273, 6.736654887973622e-05, 0.020135513550688832)),
    (
        "between_group_generalised_entropy",
        (0.000976562499999778, 6.754657845692416e-05, 0.019999999999999955),
    ),
]

FEATURES = np.array(
    [
        *([0.0, 0.1], [0.4, 0.3], [1.1, 0.2], [1.0, 1.3], [2.2, 0.9], [2.0, 2.1]),
        *([3.3, 1.0], [0.7, 2.6], [1.6, 1.7], [2.9, 2.8], [0.2, 1.9], [3.6, 0.1]),
    ]
)
PREDICTIONS = [0, 0, 1, 1, 0, 1, 1, 0, 1, 0, 0, 1]


@pytest.mark.parametrize(("metric", "answers"), ANSWERS)
def test_two_groups(metric, answers):
    sign = -1 if metric in TURNED else 1
    found = [sign * METRICS[metric](np.array(table)) for table in (SMALL, ADULT, OTHER)]
    assert found == pytest.approx(answers, abs=1e-12)


def test_three_groups():
    table = np.array(THREE)
    assert METRICS["theil_index"](table) == pytest.approx(0.16650607499088876, abs=1e-12)
    assert METRICS["generalised_entropy"](table) == pytest.approx(0.12381852551984883, abs=1e-12)
    # Of all groups, through _between_group_generalized_entropy_index with one condition for each.
    assert METRICS["between_group_theil_index"](table) == pytest.approx(0.015081091745310615, abs=1e-12)
    assert METRICS["between_group_generalised_entropy"](table) == pytest.approx(
        0.015095868214961124, abs=1e-12
    )
    cubic = Inequality(title="cubic", formula="", alpha=3, between=False, undefined="", source="")
    assert cubic(table) == pytest.approx(0.12505136845565876, abs=1e-12)


def test_unprivileged_groups_are_pooled_there():
    table = np.array(THREE)
    pooled = np.stack([table[0] + table[2], table[1]])
    assert METRICS["between_group_theil_index"](pooled) == pytest.approx(0.000789767853338869, abs=1e-12)
    assert METRICS["disparate_impact"](pooled) == pytest.approx(0.8333333333333334, abs=1e-12)
    # Where it says infinite, the privileged group has no error.
    assert METRICS["error_rate_ratio"](pooled) == np.inf
    assert METRICS["error_rate_ratio"].reason(pooled, ("A", "B")) == (
        "the error rate of B is 0, and nothing can be divided by it"
    )


# From consistency_score of aif360.sklearn.metrics, where a row is one of its own neighbours.
@pytest.mark.parametrize(("neighbours", "expected"), [(1, 1.0), (3, 0.6111111111111112), (5, 0.55)])
def test_consistency_with_self(neighbours, expected):
    found = consistency(FEATURES, PREDICTIONS, neighbours=neighbours, with_self=True)
    assert found == pytest.approx(expected, abs=1e-12)
