"""Choice of the reference group."""

from collections.abc import Mapping

from trivet.errors import UsageError
from trivet.fairness.counting.counts import GroupCounts, most_favoured
from trivet.fairness.counting.naming import name_of
from trivet.wording import one_line, quoted

__all__ = ["find_reference", "named_values"]


def named_values(columns: tuple[str, ...], privileged: str | None) -> Mapping[str, str]:
    """Return the privileged value of each sensitive column, as typed: ``V`` or ``V,V``."""
    if privileged is None:
        return {}
    text = str(privileged)
    values = (text,) if len(columns) == 1 else tuple(part.strip() for part in text.split(","))
    if len(values) != len(columns):
        raise UsageError(
            f"the privileged group needs a value for each sensitive column, {one_line(', '.join(columns))}; "
            f"found {len(values)}: {quoted(text)}. Give them in that order, with commas between."
        )
    return dict(zip(columns, values, strict=True))


def find_reference(counts: GroupCounts, privileged: Mapping[str, str]) -> tuple[int, str]:
    """Return the place of the reference group, and why it is this one."""
    if privileged:
        missing = [column for column in counts.columns if column not in privileged]
        if missing:
            raise UsageError(
                "the privileged group needs a value for each sensitive column; "
                f"{quoted(missing[0])} has none."
            )
        wanted = tuple(name_of(privileged[column]) or "" for column in counts.columns)
        if wanted not in counts.groups:
            known = one_line("; ".join(counts.names), limit=200)
            raise UsageError(
                f"no row has the privileged value {quoted(', '.join(wanted))} in "
                f"{one_line(', '.join(counts.columns))}; there are {known}."
            )
        return counts.groups.index(wanted), "it was named as privileged"
    return most_favoured(counts.table.sum(axis=(1, 2)), counts.table[:, 1].sum(axis=1))
