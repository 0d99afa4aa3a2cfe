"""Bounds of a disparity where the group of a row is only inferred."""
