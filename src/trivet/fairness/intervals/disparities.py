"""Which intervals does the built-in study show?"""

from trivet.fairness.intervals.bootstrap import bootstrap_interval
from trivet.fairness.intervals.differences import newcombe_interval
from trivet.fairness.intervals.ratios import katz_interval
from trivet.fairness.intervals.shares import wilson_interval

__all__ = ["bootstrap_interval", "katz_interval", "newcombe_interval", "wilson_interval"]
