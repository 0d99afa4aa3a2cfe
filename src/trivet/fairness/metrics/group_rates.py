"""Which rates does each group have? Every rate of the table label x prediction that has a name."""

from trivet.fairness.metrics.group_rate import GroupMean, GroupMetric, GroupRate

__all__ = [
    "GROUP_METRICS",
    "accuracies",
    "balanced_accuracies",
    "base_rates",
    "error_rates",
    "f1_scores",
    "false_discovery_rates",
    "false_negative_rates",
    "false_omission_rates",
    "false_positive_rates",
    "negative_predictive_values",
    "positive_predictive_values",
    "selection_rates",
    "true_negative_rates",
    "true_positive_rates",
]

#: Cells by what they hold, indexed [label][prediction].
_ALL = ((1, 1), (1, 1))
_LABELLED_POSITIVE, _LABELLED_NEGATIVE = ((0, 0), (1, 1)), ((1, 1), (0, 0))
_PREDICTED_POSITIVE, _PREDICTED_NEGATIVE = ((0, 1), (0, 1)), ((1, 0), (1, 0))
_TRUE_NEGATIVE, _FALSE_POSITIVE = ((1, 0), (0, 0)), ((0, 1), (0, 0))
_FALSE_NEGATIVE, _TRUE_POSITIVE = ((0, 0), (1, 0)), ((0, 0), (0, 1))
_RIGHT, _WRONG = ((1, 0), (0, 1)), ((0, 1), (1, 0))

_NO_ROW = "there is no row of {group}"
_NO_POSITIVE, _NO_NEGATIVE = (
    "no row of {group} has a positive label",
    "no row of {group} has a negative label",
)
_NONE_SELECTED, _NONE_REJECTED = (
    "no row of {group} is predicted positive",
    "no row of {group} is predicted negative",
)
_VERMA = "S. Verma, J. Rubin, Fairness definitions explained, FairWare 2018"

selection_rates = GroupRate(
    name="selection_rate",
    title="selection rate",
    formula=r"P(\hat y = 1 \mid s)",
    selects=_PREDICTED_POSITIVE,
    among=_ALL,
    undefined=_NO_ROW,
    source="Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.16 (1978)",
)
"""Share of each group that is predicted positive, P(y_hat = 1 | s)."""

base_rates = GroupRate(
    name="base_rate",
    title="base rate",
    formula=r"P(y = 1 \mid s)",
    selects=_LABELLED_POSITIVE,
    among=_ALL,
    undefined=_NO_ROW,
    source="A. Chouldechova, Big Data 5, 2017 (there: prevalence)",
)
"""Share of each group whose label is positive, P(y = 1 | s)."""

true_positive_rates = GroupRate(
    name="true_positive_rate",
    title="true positive rate",
    formula=r"P(\hat y = 1 \mid y = 1, s)",
    selects=_TRUE_POSITIVE,
    among=_LABELLED_POSITIVE,
    undefined=_NO_POSITIVE,
    source=_VERMA,
)
"""Share of each group's positives that are predicted so (recall); NaN without positives."""

false_positive_rates = GroupRate(
    name="false_positive_rate",
    title="false positive rate",
    formula=r"P(\hat y = 1 \mid y = 0, s)",
    selects=_FALSE_POSITIVE,
    among=_LABELLED_NEGATIVE,
    undefined=_NO_NEGATIVE,
    source=_VERMA,
)
"""Share of each group's negatives predicted positive; NaN without negatives."""

true_negative_rates = GroupRate(
    name="true_negative_rate",
    title="true negative rate",
    formula=r"P(\hat y = 0 \mid y = 0, s)",
    selects=_TRUE_NEGATIVE,
    among=_LABELLED_NEGATIVE,
    undefined=_NO_NEGATIVE,
    source=_VERMA,
)
"""Share of each group's negatives that are predicted so (specificity)."""

false_negative_rates = GroupRate(
    name="false_negative_rate",
    title="false negative rate",
    formula=r"P(\hat y = 0 \mid y = 1, s)",
    selects=_FALSE_NEGATIVE,
    among=_LABELLED_POSITIVE,
    undefined=_NO_POSITIVE,
    source=_VERMA,
)
"""Share of each group's positives predicted negative."""

positive_predictive_values = GroupRate(
    name="positive_predictive_value",
    title="positive predictive value",
    formula=r"P(y = 1 \mid \hat y = 1, s)",
    selects=_TRUE_POSITIVE,
    among=_PREDICTED_POSITIVE,
    undefined=_NONE_SELECTED,
    source=_VERMA,
)
"""Share of each group's selected rows whose label is positive (precision)."""

negative_predictive_values = GroupRate(
    name="negative_predictive_value",
    title="negative predictive value",
    formula=r"P(y = 0 \mid \hat y = 0, s)",
    selects=_TRUE_NEGATIVE,
    among=_PREDICTED_NEGATIVE,
    undefined=_NONE_REJECTED,
    source=_VERMA,
)
"""Share of each group's rejected rows whose label is negative."""

false_discovery_rates = GroupRate(
    name="false_discovery_rate",
    title="false discovery rate",
    formula=r"P(y = 0 \mid \hat y = 1, s)",
    selects=_FALSE_POSITIVE,
    among=_PREDICTED_POSITIVE,
    undefined=_NONE_SELECTED,
    source=_VERMA,
)
"""Share of each group's selected rows whose label is negative."""

false_omission_rates = GroupRate(
    name="false_omission_rate",
    title="false omission rate",
    formula=r"P(y = 1 \mid \hat y = 0, s)",
    selects=_FALSE_NEGATIVE,
    among=_PREDICTED_NEGATIVE,
    undefined=_NONE_REJECTED,
    source=_VERMA,
)
"""Share of each group's rejected rows whose label is positive."""

accuracies = GroupRate(
    name="accuracy",
    title="accuracy",
    formula=r"P(\hat y = y \mid s)",
    selects=_RIGHT,
    among=_ALL,
    undefined=_NO_ROW,
    source=_VERMA,
)
"""Share of each group whose prediction is the label (equation 9, by group)."""

error_rates = GroupRate(
    name="error_rate",
    title="error rate",
    formula=r"P(\hat y \ne y \mid s)",
    selects=_WRONG,
    among=_ALL,
    undefined=_NO_ROW,
    source=_VERMA,
)
"""Share of each group whose prediction is not the label."""

balanced_accuracies = GroupMean(
    name="balanced_accuracy",
    title="balanced accuracy",
    formula=r"\tfrac12 \left(\mathrm{TPR}_s + \mathrm{TNR}_s\right)",
    rates=(true_positive_rates, true_negative_rates),
    undefined="{group} has no positive or no negative label",
    source="K. H. Brodersen et al., The balanced accuracy and its posterior distribution, ICPR 2010",
)
"""Mean of each group's true positive and true negative rate."""

f1_scores = GroupRate(
    name="f1",
    title="F1",
    formula=r"\frac{2\,\mathrm{TP}_s}{2\,\mathrm{TP}_s + \mathrm{FP}_s + \mathrm{FN}_s}",
    selects=((0, 0), (0, 2)),
    among=((0, 1), (1, 2)),
    undefined="no row of {group} is positive, by label or by prediction",
    source="C. J. van Rijsbergen, Information Retrieval, 1979, chapter 7",
)
"""Harmonic mean of each group's precision and recall."""

#: In the order of the reference table.
GROUP_METRICS: tuple[GroupMetric, ...] = (
    selection_rates,
    base_rates,
    true_positive_rates,
    false_positive_rates,
    true_negative_rates,
    false_negative_rates,
    positive_predictive_values,
    negative_predictive_values,
    false_discovery_rates,
    false_omission_rates,
    accuracies,
    error_rates,
    balanced_accuracies,
    f1_scores,
)
