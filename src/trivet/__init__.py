"""Audit a machine-learning system on three legs: security, privacy and fairness."""
