"""Mitigations of a disparity: before, while and after a model is fitted."""
