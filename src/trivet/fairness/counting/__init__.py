"""Counts of rows by group, label and prediction, from any table."""
