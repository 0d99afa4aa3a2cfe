"""Outcomes other than two classes: amounts, several classes, rankings, and any metric by group."""
