"""Audits of predictions, and comparisons of mitigations."""
