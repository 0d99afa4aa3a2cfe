"""The counts of one table: group x label x prediction, with the names of each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.fairness.counting.naming import in_order
from trivet.wording import one_line, quoted

__all__ = ["GroupCounts"]


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """How many rows each group, label and prediction has.

    Attributes
    ----------
    columns
        Names of the sensitive columns.
    groups
        For each group its value in each of the columns. Only groups that have a row are there.
    classes
        What a label or a prediction can be; of two classes the positive one is the second.
    table
        Shape (groups, classes, classes), indexed [group, label, prediction].
    """

    columns: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    table: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Rows of all groups."""
        return int(self.table.sum())

    @property
    def names(self) -> tuple[str, ...]:
        """What each group is called: its value, or its values with commas between.

        One of several values that holds a comma stands in quotation marks, so that no two groups are
        called the same.
        """
        return tuple(
            values[0]
            if len(values) == 1
            else ", ".join(f'"{value}"' if "," in value or '"' in value else value for value in values)
            for values in self.groups
        )

    def over(self, *columns: str) -> "GroupCounts":
        """Return the counts by some of the sensitive columns, whatever the others hold.

        Raises
        ------
        UsageError
            If a column is not among those that were counted.
        """
        for name in columns:
            if name not in self.columns:
                raise UsageError(
                    f"the counts have no sensitive column {quoted(name)}; they have "
                    f"{one_line(', '.join(self.columns), limit=200)}."
                )
        places = [self.columns.index(name) for name in columns]
        shorter = [tuple(values[place] for place in places) for values in self.groups]
        groups = in_order(shorter)
        table = np.zeros((len(groups), *self.table.shape[1:]), dtype=np.int64)
        np.add.at(table, [groups.index(values) for values in shorter], self.table)
        return GroupCounts(columns, groups, self.classes, table)

    def one_versus_rest(self, positive: str) -> "GroupCounts":
        """Return the counts with one class as the positive one, and all others together as the negative.

        Raises
        ------
        UsageError
            If no label or prediction is of that class.
        """
        if positive not in self.classes:
            raise UsageError(
                f"no label or prediction is {quoted(positive)}; there are "
                f"{one_line(', '.join(self.classes), limit=200)}."
            )
        place = self.classes.index(positive)
        others = [i for i in range(len(self.classes)) if i != place]
        by_label = np.stack([self.table[:, others].sum(axis=1), self.table[:, place]], axis=1)
        table = np.stack([by_label[:, :, others].sum(axis=2), by_label[:, :, place]], axis=2)
        rest = self.classes[others[0]] if len(others) == 1 else f"not {positive}"
        return GroupCounts(self.columns, self.groups, (rest, positive), table)

    def against(self, reference: int) -> NDArray[np.int64]:
        """Return each other group beside a reference group.

        Parameters
        ----------
        reference
            Place of the reference group, which is the privileged one.

        Returns
        -------
        numpy.ndarray
            Shape (groups - 1, 2, classes, classes), the other group first; in the order of the groups.
        """
        others = np.delete(self.table, reference, axis=0)
        return np.stack([others, np.broadcast_to(self.table[reference], others.shape)], axis=1)
