"""Settings that determine a result, as plain values for a cache key."""

from dataclasses import fields
from typing import Any

__all__ = ["plain_settings"]


def plain_settings(kind: type[Any], settings: Any) -> dict[str, Any]:
    """Return the settings that `kind` names, as plain JSON values."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - the types alone should cost nothing

    return {
        each.name: TypeAdapter(Any).dump_python(getattr(settings, each.name), mode="json")
        for each in fields(kind)
    }
