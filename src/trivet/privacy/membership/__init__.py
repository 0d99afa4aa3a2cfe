"""Whether a model gives away who was in its training data, seen from its answers."""
