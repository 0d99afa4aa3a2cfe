"""Settings of tables in the layout of a law."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from annotated_types import MinLen

from trivet.settings import SettingError, Settings
from trivet.wording import quote

__all__ = ["LawOptions", "Template"]

Template = Literal["ll144"]
_Text = Annotated[str, MinLen(1)]


@dataclass(frozen=True, kw_only=True)
class LawOptions(Settings):
    """Options of a table in the layout of a law.

    Attributes
    ----------
    template : Write the table of a law instead of an audit: ll144, the summary of results of New York City's
        Local Law 144, with --sensitive SEX,RACE. This is not legal advice.
    audit_date : Date of the bias audit, as 2026-11-30; today by default.
    distribution_date : Date from which the audited tool is used, as 2026-11-30.
    data_source : Source and explanation of the data, in words.
    unknown : Values of sex or race that count as unknown, VALUE or VALUE,VALUE, beside empty cells and words
        like "unknown" and "prefer not to say".
    justification : Why categories below two percent are left out of impact ratios; a sentence by default.
    keep_small : Leave no category below two percent out of the calculation of impact ratios.
    """

    template: Template | None = None
    audit_date: _Text | None = None
    distribution_date: _Text | None = None
    data_source: _Text | None = None
    unknown: tuple[_Text, ...] = ()
    justification: _Text | None = None
    keep_small: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("audit_date", "distribution_date"):
            value = getattr(self, name)
            if value is not None:
                _require_date(name, value)
        if self.keep_small and self.justification is not None:
            raise SettingError("{keep_small} leaves no category out; leave {justification} out.")
        given = [name for name, value in vars(self).items() if name != "template" and value]
        if self.template is None and given:
            raise SettingError(
                f"{{{given[0]}}} belongs to a table of a law; give {{template}} ll144 as well."
            )


def _require_date(name: str, value: str) -> None:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise SettingError(
            f"{{{name}}} is {{found}}; expected a date as 2026-11-30.", found=quote(value)
        ) from None
