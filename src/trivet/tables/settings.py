"""Settings of how the cells of a CSV file are read; they come from its owner, never from its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final, Literal

from trivet.settings import SettingError, Settings

__all__ = [
    "AS_USUAL",
    "ENCODINGS",
    "CellReading",
    "DateFormat",
    "DecimalMark",
    "Encoding",
    "Reading",
    "Thousands",
]

DecimalMark = Literal["point", "comma"]
Thousands = Literal["comma", "point", "space", "apostrophe"]
Encoding = Literal["utf-8", "latin-1", "utf-16"]
DateFormat = Literal["iso", "dmy", "mdy"]
#: As options they stand behind those of what is done with the table.
_LAST: Final[Mapping[str, bool]] = {"last": True}
#: What to do about a file that is not UTF-8.
ENCODINGS: Final = "give --encoding latin-1 (for Windows-1252 as well) or utf-16, or convert the file"


@dataclass(frozen=True, kw_only=True)
class CellReading(Settings):
    """Reading of the cells of a CSV file where no dates are meant.

    Attributes
    ----------
    decimal : Of a CSV file: the decimal mark of its numbers. With comma, 1.007,50 and 1 007,50 and 1007,50
        are the same number.
    thousands : Of a CSV file: what stands between groups of three digits, such as comma for 1,007.50. Left
        out, a decimal point goes with none, and a decimal comma with a point, a space or an apostrophe.
    encoding : Of a CSV file: its encoding, never guessed from rows. latin-1 is Windows-1252. A file that
        begins with the mark of UTF-16 is read as that.
    """

    decimal: DecimalMark = field(default="point", metadata=_LAST)
    thousands: Thousands | None = field(default=None, metadata=_LAST)
    encoding: Encoding = field(default="utf-8", metadata=_LAST)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.thousands == self.decimal:
            raise SettingError(
                "{decimal} and {thousands} are both {mark}; a number cannot be read so.", mark=self.decimal
            )

    @property
    def reading(self) -> "Reading":
        """These settings alone."""
        known = (each.name for each in fields(Reading) if hasattr(self, each.name))
        return Reading(**{name: getattr(self, name) for name in known})


@dataclass(frozen=True, kw_only=True)
class Reading(CellReading):
    """Reading of the cells of a CSV file; other files have types of their own.

    Attributes
    ----------
    date_format : Of a CSV file: what 01.06.2024, 01/06/2024 and 01-06-2024 mean, day first (dmy) or month
        first (mdy). 2024-06-01 is read always.
    """

    date_format: DateFormat = field(default="iso", metadata=_LAST)

    @property
    def options(self) -> tuple[str, ...]:
        """Options of the command line that say the same; nothing for what is the default."""
        named = (
            (each.name.replace("_", "-"), getattr(self, each.name), each.default) for each in fields(Reading)
        )
        return tuple(
            part for name, value, default in named if value != default for part in (f"--{name}", value)
        )


AS_USUAL: Final = Reading()
