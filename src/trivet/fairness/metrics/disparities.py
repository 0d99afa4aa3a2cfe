"""How differently are two groups treated? Every named ratio and difference of their rates."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.fairness.metrics.disparity import Disparity
from trivet.fairness.metrics.group_rates import (
    accuracies,
    balanced_accuracies,
    error_rates,
    f1_scores,
    false_omission_rates,
    false_positive_rates,
    positive_predictive_values,
    selection_rates,
    true_positive_rates,
)

__all__ = [
    "DISPARITIES",
    "ROUNDING",
    "accuracy_difference",
    "accuracy_ratio",
    "average_absolute_odds_difference",
    "average_odds_difference",
    "average_odds_ratio",
    "average_predictive_value_difference",
    "balanced_accuracy_difference",
    "demographic_parity_difference",
    "disparate_impact",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "error_rate_ratio",
    "f1_difference",
    "predictive_equality_difference",
    "predictive_equality_ratio",
    "predictive_parity_difference",
    "predictive_parity_ratio",
    "within_band",
]

#: Relative slack of a comparison with the ends of a band: rounding must not decide 4/5 against 0.8.
ROUNDING = 1e-12

_HARDT = "M. Hardt, E. Price, N. Srebro, Equality of opportunity in supervised learning, NIPS 2016"
_CHOULDECHOVA = "A. Chouldechova, Fair prediction with disparate impact, Big Data 5, 2017"
_CORBETT = "S. Corbett-Davies et al., Algorithmic decision making and the cost of fairness, KDD 2017"
_BERK = "R. Berk et al., Fairness in criminal justice risk assessments, 2018 (overall accuracy equality)"
_BELLAMY = "R. K. E. Bellamy et al., AI Fairness 360, 2018"
_WEERTS = "H. Weerts et al., Fairlearn, JMLR 24, 2023"

_NO_ROW = "a group has no row"
_NO_POSITIVE = "a group has no positive label"
_NO_NEGATIVE = "a group has no negative label"
_ONE_LABEL = "a group has no positive or no negative label"
_NONE_SELECTED = "a group has no row predicted positive"


def _over_zero(otherwise: str, rate: str) -> str:
    return f"{otherwise}, or the privileged group's {rate} is 0"


disparate_impact = Disparity(
    name="disparate_impact",
    title="disparate impact",
    formula=r"\frac{P(\hat y = 1 \mid \mathrm{protected})}{P(\hat y = 1 \mid \mathrm{privileged})}",
    rates=(selection_rates,),
    kind="ratio",
    undefined=_over_zero(_NO_ROW, "selection rate"),
    source="M. Feldman et al., Certifying and removing disparate impact, KDD 2015; band: 29 CFR 1607.4 D",
)
"""The protected group's selection rate over the privileged group's (equation 10).

Unlike the smaller rate over the larger, this keeps the direction: above 1 the protected group is
selected more often. It is infinite where only protected rows are selected, and NaN where nobody is
selected in either group or a group has no row.
"""

demographic_parity_difference = Disparity(
    name="demographic_parity_difference",
    title="demographic parity difference",
    formula=r"P(\hat y = 1 \mid \mathrm{privileged}) - P(\hat y = 1 \mid \mathrm{protected})",
    rates=(selection_rates,),
    kind="difference",
    undefined=_NO_ROW,
    source="T. Calders, S. Verwer, Data Mining and Knowledge Discovery 21, 2010 (discrimination score)",
)
"""The privileged group's selection rate minus the protected group's."""

equal_opportunity_difference = Disparity(
    name="equal_opportunity_difference",
    title="equal opportunity difference",
    formula=r"\mathrm{TPR}_{\mathrm{privileged}} - \mathrm{TPR}_{\mathrm{protected}}",
    rates=(true_positive_rates,),
    kind="difference",
    undefined=_NO_POSITIVE,
    source=_HARDT,
)
"""The privileged group's true positive rate minus the protected group's."""

equal_opportunity_ratio = Disparity(
    name="equal_opportunity_ratio",
    title="equal opportunity ratio",
    formula=r"\mathrm{TPR}_{\mathrm{protected}} / \mathrm{TPR}_{\mathrm{privileged}}",
    rates=(true_positive_rates,),
    kind="ratio",
    undefined=_over_zero(_NO_POSITIVE, "true positive rate"),
    source=_HARDT,
)
"""The protected group's true positive rate over the privileged group's."""

predictive_equality_difference = Disparity(
    name="predictive_equality_difference",
    title="predictive equality difference",
    formula=r"\mathrm{FPR}_{\mathrm{privileged}} - \mathrm{FPR}_{\mathrm{protected}}",
    rates=(false_positive_rates,),
    kind="difference",
    undefined=_NO_NEGATIVE,
    source=_CORBETT,
)
"""The privileged group's false positive rate minus the protected group's."""

predictive_equality_ratio = Disparity(
    name="predictive_equality_ratio",
    title="predictive equality ratio",
    formula=r"\mathrm{FPR}_{\mathrm{protected}} / \mathrm{FPR}_{\mathrm{privileged}}",
    rates=(false_positive_rates,),
    kind="ratio",
    undefined=_over_zero(_NO_NEGATIVE, "false positive rate"),
    source=_CORBETT,
)
"""The protected group's false positive rate over the privileged group's."""

equalized_odds_difference = Disparity(
    name="equalized_odds_difference",
    title="equalized odds difference",
    formula=r"\max\left(\lvert\Delta\mathrm{TPR}\rvert, \lvert\Delta\mathrm{FPR}\rvert\right)",
    rates=(true_positive_rates, false_positive_rates),
    kind="difference",
    undefined=_ONE_LABEL,
    source=f"{_HARDT}; as a number: {_WEERTS}",
    directional=False,
    combine="worst",
)
"""The larger of the absolute differences of true and of false positive rates."""

equalized_odds_ratio = Disparity(
    name="equalized_odds_ratio",
    title="equalized odds ratio",
    formula=r"\min_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \min_s r_s / \max_s r_s",
    rates=(true_positive_rates, false_positive_rates),
    kind="ratio",
    undefined=f"{_ONE_LABEL}, or a rate is 0 in both groups",
    source=f"{_HARDT}; as a number: {_WEERTS}",
    directional=False,
    combine="worst",
)
"""The smaller of the ratios of true and of false positive rates, each the smaller over the larger."""

average_odds_difference = Disparity(
    name="average_odds_difference",
    title="average odds difference",
    formula=r"\tfrac12 \left(\Delta\mathrm{TPR} + \Delta\mathrm{FPR}\right)",
    rates=(true_positive_rates, false_positive_rates),
    kind="difference",
    undefined=_ONE_LABEL,
    source=_BELLAMY,
)
"""Mean of the differences of true and of false positive rates; opposite ones cancel."""

average_absolute_odds_difference = Disparity(
    name="average_absolute_odds_difference",
    title="average absolute odds difference",
    formula=r"\tfrac12 \left(\lvert\Delta\mathrm{TPR}\rvert + \lvert\Delta\mathrm{FPR}\rvert\right)",
    rates=(true_positive_rates, false_positive_rates),
    kind="difference",
    undefined=_ONE_LABEL,
    source=_BELLAMY,
    directional=False,
)
"""Mean of the absolute differences of true and of false positive rates."""

average_odds_ratio = Disparity(
    name="average_odds_ratio",
    title="average odds ratio",
    formula=r"\tfrac12 \sum_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \min_s r_s / \max_s r_s",
    rates=(true_positive_rates, false_positive_rates),
    kind="ratio",
    undefined=f"{_ONE_LABEL}, or a rate is 0 in both groups",
    source=_WEERTS,
    directional=False,
)
"""Mean of the ratios of true and of false positive rates, each the smaller over the larger."""

predictive_parity_difference = Disparity(
    name="predictive_parity_difference",
    title="predictive parity difference",
    formula=r"\mathrm{PPV}_{\mathrm{privileged}} - \mathrm{PPV}_{\mathrm{protected}}",
    rates=(positive_predictive_values,),
    kind="difference",
    undefined=_NONE_SELECTED,
    source=_CHOULDECHOVA,
)
"""The privileged group's positive predictive value minus the protected group's."""

predictive_parity_ratio = Disparity(
    name="predictive_parity_ratio",
    title="predictive parity ratio",
    formula=r"\mathrm{PPV}_{\mathrm{protected}} / \mathrm{PPV}_{\mathrm{privileged}}",
    rates=(positive_predictive_values,),
    kind="ratio",
    undefined=_over_zero(_NONE_SELECTED, "positive predictive value"),
    source=_CHOULDECHOVA,
)
"""The protected group's positive predictive value over the privileged group's."""

average_predictive_value_difference = Disparity(
    name="average_predictive_value_difference",
    title="average predictive value difference",
    formula=r"\tfrac12 \left(\Delta\mathrm{PPV} + \Delta\mathrm{FOR}\right)",
    rates=(positive_predictive_values, false_omission_rates),
    kind="difference",
    undefined="a group has no row predicted positive, or none predicted negative",
    source="AI Fairness 360 0.6, conditional use accuracy",
)
"""Mean of the differences of positive predictive values and of false omission rates."""

accuracy_difference = Disparity(
    name="accuracy_difference",
    title="accuracy difference",
    formula=r"P(\hat y = y \mid \mathrm{privileged}) - P(\hat y = y \mid \mathrm{protected})",
    rates=(accuracies,),
    kind="difference",
    undefined=_NO_ROW,
    source=_BERK,
)
"""The privileged group's accuracy minus the protected group's."""

accuracy_ratio = Disparity(
    name="accuracy_ratio",
    title="accuracy ratio",
    formula=r"\frac{P(\hat y = y \mid \mathrm{protected})}{P(\hat y = y \mid \mathrm{privileged})}",
    rates=(accuracies,),
    kind="ratio",
    undefined=_over_zero(_NO_ROW, "accuracy"),
    source=_BERK,
)
"""The protected group's accuracy over the privileged group's."""

error_rate_ratio = Disparity(
    name="error_rate_ratio",
    title="error rate ratio",
    formula=r"\frac{P(\hat y \ne y \mid \mathrm{protected})}{P(\hat y \ne y \mid \mathrm{privileged})}",
    rates=(error_rates,),
    kind="ratio",
    undefined=_over_zero(_NO_ROW, "error rate"),
    source=_BELLAMY,
)
"""The protected group's error rate over the privileged group's."""

balanced_accuracy_difference = Disparity(
    name="balanced_accuracy_difference",
    title="balanced accuracy difference",
    formula=r"\mathrm{BA}_{\mathrm{privileged}} - \mathrm{BA}_{\mathrm{protected}}",
    rates=(balanced_accuracies,),
    kind="difference",
    undefined=_ONE_LABEL,
    source=_WEERTS,
)
"""The privileged group's balanced accuracy minus the protected group's."""

f1_difference = Disparity(
    name="f1_difference",
    title="F1 difference",
    formula=r"F_{1,\mathrm{privileged}} - F_{1,\mathrm{protected}}",
    rates=(f1_scores,),
    kind="difference",
    undefined="a group has no row that is positive, by label or by prediction",
    source=_WEERTS,
)
"""The privileged group's F1 minus the protected group's."""

#: In the order of the reference table.
DISPARITIES: tuple[Disparity, ...] = (
    disparate_impact,
    demographic_parity_difference,
    equal_opportunity_difference,
    equal_opportunity_ratio,
    predictive_equality_difference,
    predictive_equality_ratio,
    equalized_odds_difference,
    equalized_odds_ratio,
    average_odds_difference,
    average_absolute_odds_difference,
    average_odds_ratio,
    predictive_parity_difference,
    predictive_parity_ratio,
    average_predictive_value_difference,
    accuracy_difference,
    accuracy_ratio,
    error_rate_ratio,
    balanced_accuracy_difference,
    f1_difference,
)


def within_band(ratio: ArrayLike, *, four_fifths: float = 0.8) -> NDArray[np.bool_]:
    """Whether a disparate impact lies in [t, 1/t], the four-fifths band for t = 0.8.

    Parameters
    ----------
    ratio
        One disparate impact or an array of them.
    four_fifths
        t, in (0, 1].

    Returns
    -------
    numpy.ndarray
        Of the shape of `ratio`.
    """
    values = np.asarray(ratio)
    return (values >= four_fifths * (1 - ROUNDING)) & (values <= (1 + ROUNDING) / four_fifths)
