"""Additions of a page to its prose: sources of numbers, findings, data of figures, a strict policy."""
