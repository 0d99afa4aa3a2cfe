"""Registry of the repair methods, from cheap to costly."""

from dataclasses import dataclass
from typing import Final

from trivet.errors import UsageError
from trivet.security.repairs import methods
from trivet.security.repairs.case import Method

__all__ = ["AUTO", "REPAIRS", "RepairMethod", "register", "repair_method"]

#: Stands for all methods.
AUTO: Final = "auto"


@dataclass(frozen=True)
class RepairMethod:
    """A way to remove a backdoor.

    Attributes
    ----------
    name
        Name on the command line.
    cost
        Its place among the others: ``auto`` tries small ones first.
    run
        The method.
    """

    name: str
    cost: int
    run: Method


#: Filled by `register`; always from cheap to costly.
REPAIRS: Final[dict[str, RepairMethod]] = {}


def register(method: RepairMethod) -> RepairMethod:
    """Make a method known by its name, and to ``auto``.

    Raises
    ------
    UsageError
        If the name is taken.
    """
    if method.name in REPAIRS or method.name == AUTO:
        raise UsageError(f"there is a repair called {method.name!r} already; give the new one another name")
    known = sorted([*REPAIRS.values(), method], key=lambda entry: entry.cost)
    REPAIRS.clear()
    REPAIRS.update({entry.name: entry for entry in known})
    return method


def repair_method(name: str) -> RepairMethod:
    """Return the method called `name`.

    Raises
    ------
    UsageError
        If there is none.
    """
    if name not in REPAIRS:
        raise UsageError(f"no repair is called {name!r}; expected one of: {AUTO}, {', '.join(REPAIRS)}")
    return REPAIRS[name]


# In the order of the image-steps that they take.
register(RepairMethod("clp", 0, methods.clp))
register(RepairMethod("unlearn", 1, methods.unlearning))
register(RepairMethod("fine-tune", 2, methods.fine_tuning))
register(RepairMethod("fine-prune", 3, methods.fine_pruning))
register(RepairMethod("ft-sam", 4, methods.ft_sam))
