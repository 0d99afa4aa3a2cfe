"""Membership inference: audit of what a model's answers reveal of its training data."""
