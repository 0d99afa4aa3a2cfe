"""The group that the others are held against where none is named: one rule for audits and mitigations."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["SMALLEST_SHARE", "most_favoured"]

#: Smaller groups are not taken as the reference unless they are named (29 CFR 1607.4(D), and question 11
#: of the Uniform Guidelines' Questions and Answers, leave groups below two percent aside).
SMALLEST_SHARE: Final = 0.02


def most_favoured(rows: ArrayLike, positives: ArrayLike) -> tuple[int, str]:
    """Return the place of the group with the largest share of positive labels, and why it is this one.

    Only groups with at least two percent of the rows are looked at, and the last of equal ones is taken;
    where no group is so large it is the largest.
    """
    sizes, labels = np.asarray(rows), np.asarray(positives)
    large = np.flatnonzero((sizes > 0) & (sizes >= SMALLEST_SHARE * sizes.sum()))
    if not len(large):
        return int(sizes.argmax()), "it is the largest group, and none has two percent of the rows"
    why = (
        "it has the largest share of positive labels among groups with at least "
        f"{SMALLEST_SHARE:.0%} of the rows"
    )
    shares = labels[large] / sizes[large]
    return int(large[len(large) - 1 - np.argmax(shares[::-1])]), why
