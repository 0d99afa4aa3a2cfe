"""Readers of untrusted checkpoints and archives, which execute nothing of them."""
