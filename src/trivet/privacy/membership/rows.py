"""Rows, labels, groups, units and members as an audit of a model can work with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from trivet.errors import DataError
from trivet.privacy.membership.kinds import is_network, kind
from trivet.wording import one_line, quoted, told

__all__ = ["Relabelled", "checked_groups", "checked_members", "checked_rows", "checked_units"]

#: Fewer rows, in all or of a class, say nothing about anything.
FEWEST_ROWS: Final = 40
FEWEST_OF_CLASS: Final = 10
#: Fewer units, in all or of a class, cannot be divided into those inside and those outside.
FEWEST_UNITS: Final = 20
FEWEST_UNITS_OF_CLASS: Final = 2


def checked_rows(X: Any, y: ArrayLike) -> tuple[Any, NDArray[np.int64], NDArray[Any]]:
    """Return features and labels as arrays of numbers, and the classes that the labels stand for."""
    try:
        features: Any = sparse.csr_matrix(X) if sparse.issparse(X) else np.asarray(X)
        values: Any = features.data if sparse.issparse(X) else features
        finite = values.dtype.kind in "biuf" and bool(np.isfinite(values).all())
    except (TypeError, ValueError) as error:
        raise DataError(f"the features are not numbers ({told(error)}); encode them first.") from error
    if not finite:
        raise DataError(
            "the features should be finite numbers, found other values; encode text and fill what is missing "
            "first."
        )
    column = np.asarray(y)
    if features.ndim < 2 or column.shape != features.shape[:1]:  # noqa: PLR2004 - rows and features
        raise DataError(
            f"expected features of shape (rows, ...) and one label a row, found shapes {features.shape} and "
            f"{column.shape}."
        )
    classes, labels = np.unique(column, return_inverse=True)
    if len(classes) < 2:  # noqa: PLR2004 - two classes
        found = one_line(column[0]) if len(column) else "missing"
        raise DataError(f"all labels are {found}; expected two classes or more.")
    if len(column) < FEWEST_ROWS:
        raise DataError(f"there are {len(column)} rows; expected {FEWEST_ROWS} or more.")
    counts = np.bincount(labels)
    if counts.min() < FEWEST_OF_CLASS:
        rare = one_line(classes[counts.argmin()])
        raise DataError(
            f"the class {rare} has {counts.min()} rows; expected {FEWEST_OF_CLASS} or more of each. Leave "
            "such rows out, or join classes."
        )
    return features, labels.astype(np.int64), classes


def checked_groups(groups: Mapping[str, ArrayLike], rows: int) -> dict[str, NDArray[np.str_]]:
    """Return each protected attribute as texts, one a row."""
    columns = {name: np.asarray(values).astype(str) for name, values in groups.items()}
    for name, values in columns.items():
        if values.shape != (rows,):
            raise DataError(
                f"the groups {quoted(name)} should have one entry for each of the {rows} rows, found shape "
                f"{values.shape}."
            )
    return columns


def checked_units(unit: Any, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the unit that each row belongs to, from 0 in the order of their first rows."""
    column = np.asarray(unit)
    if column.shape != labels.shape:
        raise DataError(
            f"the units should have one entry for each of the {len(labels)} rows, found shape {column.shape}."
        )
    values = column.tolist()
    missing = np.ma.getmaskarray(unit) if isinstance(unit, np.ma.MaskedArray) else False
    without = int(np.sum(np.fromiter(map(_is_missing, values), dtype=np.bool_, count=len(values)) | missing))
    if without:
        raise DataError(
            f"{without} of {len(values)} rows have no unit; one is needed in each, since rows of an unknown "
            "person may be on both sides. Leave such rows out, or give each a unit of its own."
        )
    numbers: dict[Any, int] = {}
    try:
        units = np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)
    except TypeError as error:
        raise DataError("the units should be numbers or texts, found other values.") from error
    if len(numbers) < FEWEST_UNITS:
        raise DataError(
            f"there are {len(numbers)} units; expected {FEWEST_UNITS} or more, since all rows of one are "
            "inside or outside together."
        )
    for label in range(int(labels.max()) + 1):
        count = len(np.unique(units[labels == label]))
        if count < FEWEST_UNITS_OF_CLASS:
            raise DataError(
                f"all rows of a class belong to {count} unit; expected {FEWEST_UNITS_OF_CLASS} or more. "
                "Leave such rows out, or join classes."
            )
    return units


def _is_missing(value: Any) -> bool:
    """Return whether a cell is None, not a number or time, or a blank text."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or type(value).__name__ in {"NAType", "NaTType"} or value != value  # noqa: PLR0124


def checked_members(members: ArrayLike, units: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return who is a member, one boolean a row."""
    rows = len(units)
    mask = np.asarray(members)
    if mask.shape != (rows,) or mask.dtype != np.bool_:
        raise DataError(
            f"members should be one boolean for each of the {rows} rows, found shape {mask.shape} of "
            f"{mask.dtype}."
        )
    inside, outside = np.unique(units[mask]), np.unique(units[~mask])
    divided = len(np.intersect1d(inside, outside, assume_unique=True))
    if divided:
        raise DataError(
            f"members should hold all rows of a unit or none, found {divided} units with rows on both sides; "
            "a row's twins on the other side hide it."
        )
    few = min(len(inside), len(outside))
    if few < FEWEST_OF_CLASS:
        raise DataError(
            f"members and others are compared, and there are {few} of one kind; expected {FEWEST_OF_CLASS} "
            "or more."
        )
    return mask


@dataclass(frozen=True, eq=False)
class Relabelled:
    """A fitted model whose classes are called by their places among those of the data."""

    model: Any
    classes_: NDArray[np.int64]

    @classmethod
    def of(cls, model: Any, classes: NDArray[Any]) -> Self:
        """Wrap a model whose classes are among `classes`; a trained network has a logit for each of them."""
        try:
            if is_network(model):
                from trivet.privacy.membership.torch_classifier import trained_network  # noqa: PLC0415 - PyTorch

                return cls(trained_network(model, classes), np.arange(len(classes)))
            known = np.asarray(model.classes_)
            fits = known.ndim == 1 and callable(model.predict_proba)
            among = fits and bool(np.isin(known, classes).all())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the user's code can fail in any way, and exit
            raise DataError(
                "the target should be a fitted classifier with predict_proba and classes_, or a trained "
                f"torch.nn.Module; found a {kind(model)} ({told(error)})."
            ) from error
        if not among:
            raise DataError(
                f"the target knows the classes {one_line(known.tolist())}, the data "
                f"{one_line(classes.tolist())}."
            )
        return cls(model, np.searchsorted(classes, known).astype(np.int64))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the model's probabilities."""
        return self.model.predict_proba(X)
