"""The way results show themselves: a few lines, HTML for notebooks, a dictionary, a data frame."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from operator import attrgetter
from textwrap import wrap
from typing import Any, ClassVar, Final

from trivet.errors import import_extra
from trivet.estimate import Estimate
from trivet.markup import TONES, panel, plain, table
from trivet.verdict import rank, sign, tone
from trivet.wording import one_line

__all__ = ["Result", "Table"]

#: Fields that say in words what was found.
SENTENCES: Final = frozenset({"finding", "message", "reason", "statement", "summary", "why"})
LIMITS: Final = "limits"
SHOWN_ROWS: Final = 8
SHOWN_ROWS_HTML: Final = 30
#: Of a printed line, of a text in it, and of one cell.
LINE: Final = 100
TEXT: Final = 1_000
CELL: Final = 40


class Result:
    """A frozen dataclass that shows the fields named in `head`, the first of them in its title.

    A class that wraps another result beside arrays or a network names it with `of`, and shows that one.
    """

    shown_head: ClassVar[tuple[str, ...]] = ()
    shown_of: ClassVar[str | None] = None

    def __init_subclass__(cls, *, head: Sequence[str] = (), of: str | None = None) -> None:
        cls.shown_head, cls.shown_of = tuple(head), of

    def to_dict(self) -> dict[str, Any]:
        """Return the plain values, field by field, as ``--json`` prints them."""
        return asdict(self._shown())  # pyright: ignore[reportArgumentType] - each is a dataclass

    def __repr__(self) -> str:
        title, facts = self._facts()
        lines = [title]
        for name, value in facts:
            lines += wrap(f"{name}: {value}", LINE, initial_indent="  ", subsequent_indent="    ")
        return "\n".join(lines + [f"  {line}" for line in self._printed()])

    def _repr_html_(self) -> str:
        """Return the verdict, the sentences, a table of the first rows, the limits and the other facts."""
        title, facts = self._facts()
        shown = self._shown()
        word = attrgetter(shown.shown_head[0])(shown) if shown.shown_head else None
        colour, subject = TONES["note"], ""
        if isinstance(word, str) and rank(word) is not None:
            colour = TONES[tone(word)]
            title, subject = f"{sign(tone(word), 'page')} {word}", type(self).__name__
        said = [value for name, value in facts if name in SENTENCES]
        rest = [f"{_heading(name)}: {value}" for name, value in facts if name not in SENTENCES]
        limits = _text(getattr(shown, LIMITS, None) or "", TEXT)
        parts = [f"<p>{plain(sentence)}</p>" for sentence in said]
        parts += self._tabulated()
        parts += [f"<p><small>{plain(text)}</small></p>" for text in (limits, "; ".join(rest)) if text]
        return panel(colour, title, subject, parts)

    def _shown(self) -> "Result":
        return self if self.shown_of is None else getattr(self, self.shown_of)

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        shown = self._shown()
        values = [(path.rpartition(".")[2], attrgetter(path)(shown)) for path in shown.shown_head]
        said = [(name, _text(value, TEXT)) for name, value in values if value is not None]
        title = f"{type(self).__name__}: {said[0][1]}" if said else type(self).__name__
        return title, said[1:]

    def _cells(self, most: int) -> tuple[tuple[str, ...], list[list[str]], int]:  # noqa: ARG002 - of tables
        """Return names of columns, the first rows of texts, and how many rows are left; here none."""
        return (), [], 0

    def _printed(self) -> list[str]:
        names, cells, left = self._cells(SHOWN_ROWS)
        if not cells:
            return []
        widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (names, *cells)
        ]
        return [*lines, *([f"{left} more rows"] if left else [])]

    def _tabulated(self) -> list[str]:
        names, cells, left = self._cells(SHOWN_ROWS_HTML)
        if not cells:
            return []
        return [
            table([*map(_heading, names)], cells),
            *([f"<p><small>{left} more rows</small></p>"] if left else []),
        ]


class Table(Result):
    """A result with rows: the entries of the field `rows`, of which `columns` are shown.

    ``rows = "attributes.groups"`` means the groups of every attribute, one attribute after the other.
    """

    shown_rows: ClassVar[tuple[str, ...]] = ()
    shown_columns: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(
        cls,
        *,
        head: Sequence[str] = (),
        of: str | None = None,
        rows: str = "",
        columns: Sequence[str] = (),
    ) -> None:
        super().__init_subclass__(head=head, of=of)
        cls.shown_rows, cls.shown_columns = tuple(rows.split(".")), tuple(columns)

    def to_frame(self) -> Any:
        """Return the rows as a pandas.DataFrame, a value within a value as ``outer.inner``.

        Raises
        ------
        UsageError
            If pandas is not installed.
        """
        pandas = import_extra("pandas", "to_frame")
        return pandas.json_normalize([{**context, **asdict(row)} for context, row in self._entries()])

    def _entries(self) -> list[tuple[dict[str, Any], Any]]:
        """Return the rows, each with the names of what it is in."""
        shown = self._shown()
        assert isinstance(shown, Table)
        return list(_walk(shown, shown.shown_rows, {}))

    def _cells(self, most: int) -> tuple[tuple[str, ...], list[list[str]], int]:
        """Return names of columns, the first rows of texts, and how many rows are left."""
        shown, entries = self._shown(), self._entries()
        assert isinstance(shown, Table)
        outer = tuple(entries[0][0]) if entries else ()
        cells = [
            [
                *(_text(context[name], CELL) for name in outer),
                *(_text(attrgetter(name)(row), CELL) for name in shown.shown_columns),
            ]
            for context, row in entries[:most]
        ]
        return (*outer, *shown.shown_columns), cells, len(entries) - len(cells)


def _heading(name: str) -> str:
    """Write the name of a field for people; ``attributes.name`` as ``attributes``."""
    return name.removesuffix(".name").replace("_", " ")


def _walk(inside: Any, path: Sequence[str], context: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    for entry in getattr(inside, path[0]):
        if len(path) == 1:
            yield context, entry
        else:
            yield from _walk(entry, path[1:], {**context, f"{path[0]}.name": entry.name})


def _text(value: object, most: int) -> str:
    """Write a value for people: an estimate with its interval, a rate before and after."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        value = ", ".join(f"{name} {_text(each, most)}" for name, each in value.items())
    elif isinstance(value, tuple):
        value = ", ".join(_text(each, most) for each in value)
    elif isinstance(value, Estimate):
        bounds = [_text(each, most) for each in (value.value, value.low, value.high)]
        value = bounds[0] if bounds[1:] == ["-", "-"] else "{} ({} to {})".format(*bounds)
    elif is_dataclass(value) and hasattr(value, "before"):
        value = " to ".join(_text(getattr(value, name, None), most) for name in ("before", "after"))
    return one_line(value, limit=most)
