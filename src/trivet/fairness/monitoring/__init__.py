"""Intervals and alarms that hold however often the rows are looked at."""
