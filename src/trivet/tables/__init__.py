"""Strangers' tables: which columns they have, and how their rows are read, and no other file."""
