"""TOML that others wrote, read in a time and to a depth that no file decides."""

import os
import re
import tomllib
from typing import Any, Final

from trivet.wording import reason
from trivet.work.bounded_files import read_bounded

__all__ = ["read_toml"]

#: More than ten thousand requirements take.
MOST_BYTES: Final = 2**20
#: The parser's time grows with the square of a key's parts.
MOST_PARTS: Final = 32
DEEPEST: Final = 32
_STRINGS_AND_COMMENTS: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*+"' r"|'[^'\n]*+'|#[^\n]*",
    re.DOTALL,
)
_LONG_KEY: Final = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{MOST_PARTS}}}")


def read_toml(path: str | os.PathLike[str], *, most: int = MOST_BYTES) -> dict[str, Any]:
    """Return what stands in a TOML file."""
    content = read_bounded(path, most)
    try:
        text = content.decode("utf-8")
        if _LONG_KEY.search(_STRINGS_AND_COMMENTS.sub("x", text)):
            raise ValueError(f"a key has more than {MOST_PARTS} parts")  # noqa: TRY301 - reported like the parser's own
        parsed = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(reason(error)) from error
    if _is_deep(parsed):
        raise ValueError("it is nested too deeply")
    return parsed


def _is_deep(parsed: object) -> bool:
    level = [parsed]
    for _ in range(DEEPEST):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True
