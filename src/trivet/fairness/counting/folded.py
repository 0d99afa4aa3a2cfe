"""Values of the label or the prediction that are counted as negative together with others."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["FoldedValue"]


@dataclass(frozen=True)
class FoldedValue:
    """A value of the label or the prediction that is counted as negative together with others.

    Attributes
    ----------
    side
        ``label`` or ``prediction``.
    value
        What it is called.
    rows
        Rows that have it.
    """

    side: Literal["label", "prediction"]
    value: str
    rows: int
