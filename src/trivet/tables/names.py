"""Names of columns as files have them: unnamed ones, repeated ones, years, and blanks around a name.

Everything here follows from the header line alone; rows decide nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from trivet.errors import DataError
from trivet.wording import listed, quote

__all__ = ["MOST_COLUMNS", "Named", "is_number", "numbered", "tidy_names"]

MOST_COLUMNS: Final = 10_000
_YEARS: Final = range(1800, 2200)
#: So many numbers in a row of names may be a count; a row of cells has 0 and 1 often.
_COUNTING: Final = 3
#: Columns that a sentence lists.
_SHOWN: Final = 8


@dataclass(frozen=True)
class Named:
    """Names of columns, which differ, the places of those that had none, and places that share a name."""

    names: tuple[str, ...]
    unnamed: tuple[int, ...] = ()
    repeated: tuple[tuple[int, ...], ...] = ()

    def apart(self, different: Sequence[tuple[int, ...]]) -> "Named":
        """Return names of which the first of a repeated one is numbered as well, where values differ."""
        names = list(self.names)
        taken = set(names)
        for first, *_ in different:
            names[first] = _free([f"{names[first]}.0"], taken)
        return Named(tuple(names), self.unnamed, self.repeated)

    def notes(self, different: Sequence[tuple[int, ...]] = ()) -> tuple[str, ...]:
        """Return a sentence for each kind of name that the file does not have as it is called here."""
        said: list[str] = []
        if self.unnamed:
            one = len(self.unnamed) == 1
            said.append(
                f"{'A column without a name is' if one else 'Columns without names are'} called by "
                f"{'its place' if one else 'their places'}: {self._quoted(self.unnamed)}."
            )
        for places in self.repeated:
            numbered = self._quoted(places)
            if places in different:
                said.append(
                    f"The header has one name for {len(places)} columns whose values differ; they are called "
                    f"{numbered}."
                )
            else:
                said.append(
                    f"The header has the name {quote(self.names[places[0]])} {len(places)} times, for "
                    "columns with the same values; it is read once."
                )
        return tuple(said)

    def _quoted(self, places: Sequence[int]) -> str:
        shown = [quote(self.names[place]) for place in places[:_SHOWN]]
        more = [f"{len(places) - _SHOWN} more"] if len(places) > _SHOWN else []
        return listed([*shown, *more])


def tidy_names(written: Sequence[str], file: str) -> Named:
    """Return a name for each column: trimmed, by its place where it has none, and numbered where it repeats.

    A repeated name is numbered as pandas does (``age``, ``age.1``). Numbers are names where they are years,
    or count up by one, beside others that are none; a line with any other number may be a row: it is refused.
    """
    trimmed = [" ".join(name.split()) if "\n" in name else name.strip() for name in written]
    texts = [name for name in trimmed if name and not is_number(name)]
    numbers = [name for name in trimmed if is_number(name)]
    if numbers and not (texts and _are_names(numbers)):
        # Without quoting it: a file without a header begins with a row.
        raise DataError(
            f"the first line of {file} has a number where the name of a column is expected; it may be a row. "
            "Add a line with the names of the columns; only years, or 0, 1, 2 and so on, may be numbers."
        )
    if not texts:
        raise DataError(
            f"the first line of {file} is not a header; expected the names of the columns, of which some may "
            "be empty."
        )
    if any(re.match(r'\s+"', name) for name in written):
        raise DataError(
            f"the first line of {file} has a blank before a quotation mark, which is then part of the name; "
            "remove these blanks."
        )
    return numbered(trimmed)


def numbered(written: Sequence[str]) -> Named:
    """Return names that differ: empty ones are places, and repeated ones are numbered."""
    names, unnamed = list(written), [place for place, name in enumerate(written) if not name]
    taken = set(names)
    for place in unnamed:
        names[place] = _free([f"column {place + 1}", f"unnamed column {place + 1}"], taken)
    places_of: defaultdict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        places_of[name].append(place)
    repeated = [tuple(places) for places in places_of.values() if len(places) > 1]
    for places in repeated:
        for number, place in enumerate(places[1:], start=1):
            names[place] = _free((f"{names[place]}.{i}" for i in count(number)), taken)
    return Named(tuple(names), tuple(unnamed), tuple(repeated))


def _are_names(numbers: Sequence[str]) -> bool:
    """Return True for years that differ, and for 0, 1, 2 and so on, as a table that was turned has them."""
    if not all(name.isascii() and name.isdigit() and len(name) <= len(str(MOST_COLUMNS)) for name in numbers):
        return False
    whole = [int(name) for name in numbers]
    counting = (
        len(whole) >= _COUNTING and whole[0] <= 1 and whole == list(range(whole[0], whole[0] + len(whole)))
    )
    return counting or (len(set(whole)) == len(whole) and all(number in _YEARS for number in whole))


def is_number(name: str) -> bool:
    """Return True if a name is a number, with a decimal point or comma."""
    try:
        float(name.replace(",", "."))
    except ValueError:
        return False
    return True


def _free(names: Iterable[str], taken: set[str]) -> str:
    """Return the first name that no column has, which is then taken."""
    last = ""
    for last in names:
        if last not in taken:
            break
    while last in taken:
        last += "'"
    taken.add(last)
    return last
