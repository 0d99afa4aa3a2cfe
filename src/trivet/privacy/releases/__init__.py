"""Noisy answer on a table, charged to a budget before it is computed."""
