"""Which families of events an audit looks for; a new one is a function and a row here."""

from dataclasses import dataclass
from typing import Final

from trivet.privacy.auditing.events import Proposer
from trivet.privacy.auditing.forms import form
from trivet.privacy.auditing.intervals import intervals, thresholds
from trivet.privacy.auditing.likelihood import likelihood
from trivet.privacy.auditing.low_bits import grid, significand
from trivet.privacy.auditing.ordering import order
from trivet.privacy.auditing.values import values

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """One row of the table.

    Attributes
    ----------
    key
        As in `EventFinding.family`.
    name
        For people.
    propose
        From a sample of answers to events that may show a difference.
    """

    key: str
    name: str
    propose: Proposer


#: One event of each family is tested at most, and the level is divided among them. Where two show the
#: same, the first is named.
FAMILIES: Final[tuple[Family, ...]] = (
    Family("form", "kind and keys", form),
    Family("thresholds", "tails", thresholds),
    Family("intervals", "intervals", intervals),
    Family("values", "values and sets of them", values),
    Family("order", "order in a vector", order),
    Family("likelihood", "likelihood ratio of all numbers", likelihood),
    Family("grid", "multiples of a power of two", grid),
    Family("significand", "last bits", significand),
)
