"""Settings of an audit where the group of a row is only inferred."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import MinLen

from trivet.settings import SettingError, Settings
from trivet.wording import quote

__all__ = ["InferredOptions", "parse_pairs"]


@dataclass(frozen=True, kw_only=True)
class InferredOptions(Settings):
    """Options of an audit where the group of a row is only inferred.

    Attributes
    ----------
    inferred : Columns of the probability that a row is of a group, GROUP=COL,GROUP=COL: bounds of disparities
        in place of an audit. Where they sum to less than 1, the rest is one more group.
    error_rates : How often the sensitive column is wrong, TRUE:INFERRED=RATE and more with commas, such as
        f:m=0.08,m:f=0.05: bounds of disparities between the true groups, in place of an audit.
    """

    inferred: Annotated[str, MinLen(1)] | None = None
    error_rates: Annotated[str, MinLen(1)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inferred is not None and self.error_rates is not None:
            raise SettingError("{inferred} and {error_rates} are two ways to know the groups; give one.")

    @property
    def given(self) -> bool:
        """True if the groups are inferred."""
        return self.inferred is not None or self.error_rates is not None


def parse_pairs(text: str, setting: str, form: str) -> dict[str, str]:
    """Divide ``a=b,c=d`` into names and values."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not (name and equals and value):
            raise SettingError(
                f"{{{setting}}} has {{found}}; expected {{form}}, and more with commas.",
                found=quote(part),
                form=form,
            )
        if name in found:
            raise SettingError(f"{{{setting}}} names {{found}} twice; name it once.", found=quote(name))
        found[name] = value
    return found
