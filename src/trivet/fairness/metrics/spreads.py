"""How far apart are the rates of all groups? Every named spread, as Fairlearn's metrics are."""

from dataclasses import replace

from trivet.fairness.metrics.group_rates import (
    accuracies,
    balanced_accuracies,
    f1_scores,
    false_positive_rates,
    positive_predictive_values,
    selection_rates,
    true_positive_rates,
)
from trivet.fairness.metrics.spread import Spread

__all__ = [
    "SPREADS",
    "accuracy_spread",
    "accuracy_spread_ratio",
    "average_odds_spread",
    "average_odds_spread_ratio",
    "balanced_accuracy_spread",
    "demographic_parity_spread",
    "demographic_parity_spread_ratio",
    "demographic_parity_spread_to_overall",
    "equal_opportunity_spread",
    "equal_opportunity_spread_ratio",
    "equalized_odds_spread",
    "equalized_odds_spread_ratio",
    "f1_spread",
    "predictive_equality_spread",
    "predictive_equality_spread_ratio",
    "predictive_parity_spread",
    "predictive_parity_spread_ratio",
]

_WEERTS = "H. Weerts et al., Fairlearn, JMLR 24, 2023"
_TOO_FEW = "fewer than two groups have the rate"
_ALL_ZERO = f"{_TOO_FEW}, or it is 0 in every group"

demographic_parity_spread = Spread(
    name="demographic_parity_spread",
    title="demographic parity spread",
    formula=r"\max_s P(\hat y = 1 \mid s) - \min_s P(\hat y = 1 \mid s)",
    rates=(selection_rates,),
    kind="difference",
    undefined=_TOO_FEW,
    source=_WEERTS,
)
"""Largest minus smallest selection rate."""

demographic_parity_spread_ratio = Spread(
    name="demographic_parity_spread_ratio",
    title="demographic parity spread ratio",
    formula=r"\min_s P(\hat y = 1 \mid s) / \max_s P(\hat y = 1 \mid s)",
    rates=(selection_rates,),
    kind="ratio",
    undefined=_ALL_ZERO,
    source=_WEERTS,
)
"""Smallest over largest selection rate."""

demographic_parity_spread_to_overall = replace(
    demographic_parity_spread,
    name="demographic_parity_spread_to_overall",
    title="demographic parity spread to overall",
    formula=r"\max_s \lvert P(\hat y = 1 \mid s) - P(\hat y = 1) \rvert",
    against="overall",
)
"""Largest distance of a group's selection rate from that of all rows."""

equal_opportunity_spread = Spread(
    name="equal_opportunity_spread",
    title="equal opportunity spread",
    formula=r"\max_s \mathrm{TPR}_s - \min_s \mathrm{TPR}_s",
    rates=(true_positive_rates,),
    kind="difference",
    undefined=_TOO_FEW,
    source=_WEERTS,
)
"""Largest minus smallest true positive rate."""

equal_opportunity_spread_ratio = Spread(
    name="equal_opportunity_spread_ratio",
    title="equal opportunity spread ratio",
    formula=r"\min_s \mathrm{TPR}_s / \max_s \mathrm{TPR}_s",
    rates=(true_positive_rates,),
    kind="ratio",
    undefined=_ALL_ZERO,
    source=_WEERTS,
)
"""Smallest over largest true positive rate."""

predictive_equality_spread = Spread(
    name="predictive_equality_spread",
    title="predictive equality spread",
    formula=r"\max_s \mathrm{FPR}_s - \min_s \mathrm{FPR}_s",
    rates=(false_positive_rates,),
    kind="difference",
    undefined=_TOO_FEW,
    source=_WEERTS,
)
"""Largest minus smallest false positive rate."""

predictive_equality_spread_ratio = Spread(
    name="predictive_equality_spread_ratio",
    title="predictive equality spread ratio",
    formula=r"\min_s \mathrm{FPR}_s / \max_s \mathrm{FPR}_s",
    rates=(false_positive_rates,),
    kind="ratio",
    undefined=_ALL_ZERO,
    source=_WEERTS,
)
"""Smallest over largest false positive rate."""

equalized_odds_spread = Spread(
    name="equalized_odds_spread",
    title="equalized odds spread",
    formula=r"\max_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \left(\max_s r_s - \min_s r_s\right)",
    rates=(true_positive_rates, false_positive_rates),
    kind="difference",
    undefined=_TOO_FEW,
    source=_WEERTS,
)
"""The larger of the spreads of true and of false positive rates."""

equalized_odds_spread_ratio = Spread(
    name="equalized_odds_spread_ratio",
    title="equalized odds spread ratio",
    formula=r"\min_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \min_s r_s / \max_s r_s",
    rates=(true_positive_rates, false_positive_rates),
    kind="ratio",
    undefined=_ALL_ZERO,
    source=_WEERTS,
)
"""The smaller of the spread ratios of true and of false positive rates."""

average_odds_spread = replace(
    equalized_odds_spread,
    name="average_odds_spread",
    title="average odds spread",
    formula=r"\tfrac12 \sum_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \left(\max_s r_s - \min_s r_s\right)",
    combine="mean",
)
"""Mean of the spreads of true and of false positive rates."""

average_odds_spread_ratio = replace(
    equalized_odds_spread_ratio,
    name="average_odds_spread_ratio",
    title="average odds spread ratio",
    formula=r"\tfrac12 \sum_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \min_s r_s / \max_s r_s",
    combine="mean",
)
"""Mean of the spread ratios of true and of false positive rates."""

predictive_parity_spread = Spread(
    name="predictive_parity_spread",
    title="predictive parity spread",
    formula=r"\max_s \mathrm{PPV}_s - \min_s \mathrm{PPV}_s",
    rates=(positive_predictive_values,),
    kind="difference",
    undefined=_TOO_FEW,
    source=_WEERTS,
)
"""Largest minus smallest positive predictive value."""

predictive_parity_spread_ratio = Spread(
    name="predictive_parity_spread_ratio",
    title="predictive parity spread ratio",
    formula=r"\min_s \mathrm{PPV}_s / \max_s \mathrm{PPV}_s",
    rates=(positive_predictive_values,),
    kind="ratio",
    undefined=_ALL_ZERO,
    source=_WEERTS,
)
"""Smallest over largest positive predictive value."""

accuracy_spread = Spread(
    name="accuracy_spread",
    title="accuracy spread",
    formula=r"\max_s P(\hat y = y \mid s) - \min_s P(\hat y = y \mid s)",
    rates=(accuracies,),
    kind="difference",
    undefined=_TOO_FEW,
    source=_WEERTS,
)
"""Largest minus smallest accuracy."""

accuracy_spread_ratio = Spread(
    name="accuracy_spread_ratio",
    title="accuracy spread ratio",
    formula=r"\min_s P(\hat y = y \mid s) / \max_s P(\hat y = y \mid s)",
    rates=(accuracies,),
    kind="ratio",
    undefined=_ALL_ZERO,
    source=_WEERTS,
)
"""Smallest over largest accuracy."""

balanced_accuracy_spread = Spread(
    name="balanced_accuracy_spread",
    title="balanced accuracy spread",
    formula=r"\max_s \mathrm{BA}_s - \min_s \mathrm{BA}_s",
    rates=(balanced_accuracies,),
    kind="difference",
    undefined=_TOO_FEW,
    source=_WEERTS,
)
"""Largest minus smallest balanced accuracy."""

f1_spread = Spread(
    name="f1_spread",
    title="F1 spread",
    formula=r"\max_s F_{1,s} - \min_s F_{1,s}",
    rates=(f1_scores,),
    kind="difference",
    undefined=_TOO_FEW,
    source=_WEERTS,
)
"""Largest minus smallest F1."""

#: In the order of the reference table.
SPREADS: tuple[Spread, ...] = (
    demographic_parity_spread,
    demographic_parity_spread_ratio,
    demographic_parity_spread_to_overall,
    equal_opportunity_spread,
    equal_opportunity_spread_ratio,
    predictive_equality_spread,
    predictive_equality_spread_ratio,
    equalized_odds_spread,
    equalized_odds_spread_ratio,
    average_odds_spread,
    average_odds_spread_ratio,
    predictive_parity_spread,
    predictive_parity_spread_ratio,
    accuracy_spread,
    accuracy_spread_ratio,
    balanced_accuracy_spread,
    f1_spread,
)
