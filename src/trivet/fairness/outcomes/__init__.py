"""Outcomes other than two classes: amounts, several classes, rankings, and metrics of one's own."""
