"""Set how often intervals held, as it was simulated and committed, into the documentation.

mkdocs.yml names this file as a hook.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

MARK = "<!-- the tables of coverage -->"
DATA = Path(__file__).parent.parent / "docs" / "data" / "fairness-coverage.json"
Row = dict[str, Any]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the tables in the place of the mark."""
    return markdown.replace(MARK, coverage_markdown()) if MARK in markdown else markdown


def coverage_markdown() -> str:
    """Return a table of each kind of metric: for each kind of sample the lowest and the highest coverage."""
    found = json.loads(DATA.read_text(encoding="utf-8"))
    kinds = list(dict.fromkeys(row["kind"] for row in found["rows"]))
    return "\n\n".join(
        "\n".join(_table(kind, [row for row in found["rows"] if row["kind"] == kind])) for kind in kinds
    )


def _table(kind: str, rows: Sequence[Row]) -> Iterator[str]:
    samples = list(dict.fromkeys(row["sample"] for row in rows))
    yield f"| {kind.capitalize()} | {' | '.join(samples)} |"
    yield f"|---|{'--:|' * len(samples)}"
    for metric in dict.fromkeys(row["metric"] for row in rows):
        cells = (
            [row["covered"] for row in rows if (row["metric"], row["sample"]) == (metric, sample)]
            for sample in samples
        )
        yield f"| {metric.replace('_', ' ')} | {' | '.join(map(_cell, cells))} |"


def _cell(covered: Sequence[float]) -> str:
    if not covered:
        return ""
    low, high = (f"{100 * end:.1f}" for end in (min(covered), max(covered)))
    return low if low == high else f"{low} to {high}"
