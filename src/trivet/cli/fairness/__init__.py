"""``trivet fairness``: disparities between groups, and the effect of each mitigation."""
