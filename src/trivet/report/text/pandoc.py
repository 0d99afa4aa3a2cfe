"""Interface to pandoc; the only module that calls it."""

import json
from collections.abc import Sequence
from typing import Any

from trivet.errors import ReportError

#: Pandoc's Markdown; columns so wide that the source's line lengths never become table widths.
_READER = ("--columns=100000",)


def read_markdown(text: str) -> dict[str, Any]:
    """Parse Markdown into pandoc's tree (its JSON form)."""
    return json.loads(_convert(text, source="markdown", target="json", options=_READER))


def write(tree: dict[str, Any], target: str, *options: str) -> str:
    """Write a pandoc tree as `target` (latex, typst, html5, plain)."""
    return _convert(json.dumps(tree), source="json", target=target, options=("--wrap=none", *options))


def _convert(text: str, *, source: str, target: str, options: Sequence[str]) -> str:
    import pypandoc  # noqa: PLC0415 (heavy, and only a report needs it)

    strict = ["--sandbox", "--fail-if-warnings", *options]
    try:
        return pypandoc.convert_text(text, to=target, format=source, extra_args=strict, verify_format=False)
    except (RuntimeError, OSError) as error:
        raise ReportError(f"pandoc could not turn the report's {source} into {target}: {error}") from error
