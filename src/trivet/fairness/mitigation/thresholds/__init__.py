"""Group-dependent thresholds that are exactly optimal under a fairness constraint."""
