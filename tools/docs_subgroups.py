"""Set what benchmarks/subgroups.py measured of the search for subgroups into the documentation.

mkdocs.yml names this file as a hook.
"""

import json
from pathlib import Path
from typing import Any

MARK = "<!-- the table of searches -->"
DATA = Path(__file__).parent.parent / "docs" / "data" / "subgroups.json"
COLUMNS = ("found", "bonferroni", "split", "normal")
NOTHING = "no difference"
PLANTED = "3 points in 1 % of the rows, three conditions"
HEAD = (
    "| What is there | Rows | Selected | Subgroups | Tables | Found in | By Bonferroni | By split halves | "
    "By the normal tail |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)
TIMES = "| Subgroups of a million rows | Rates | Seconds of processor time |\n|--:|--:|--:|"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the tables in the place of the mark."""
    return markdown.replace(MARK, searches_markdown()) if MARK in markdown else markdown


def searches_markdown() -> str:
    """Return the committed measurements as tables."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    rows = [_row(row) for row in data["searches"]]
    parts = ["\n".join([HEAD, *rows])]
    if data["times"]:
        lines = [
            f"| {row['subgroups']:,} | {row['rates']} | {row['processor']:.1f} |" for row in data["times"]
        ]
        parts.append("\n".join([TIMES, *lines]))
    if other := data.get("divexplorer"):
        parts.append(
            "DivExplorer, which takes conjunctions of any length and gives a t-value without a correction "
            f"for their number, takes {other['processor']:.1f} seconds of processor time for "
            f"{other['subgroups']:,} subgroups of {other['columns']} of the columns; the search takes "
            f"{other['own_processor']:.1f} for {other['own_subgroups']:,} of up to three conditions."
        )
    return "\n\n".join(parts)


def _row(row: dict[str, Any]) -> str:
    cells = (
        PLANTED if row["kind"] == "planted" else NOTHING,
        f"{row['rows']:,}",
        f"{row['rate']:.0%}",
        f"{row['subgroups']:,}",
        f"{row['runs']:,}",
        *(_share(row[name], row["runs"]) if name in row else "" for name in COLUMNS),
    )
    return f"| {' | '.join(cells)} |"


def _share(count: int, runs: int) -> str:
    return f"{100 * count / runs:.1f} %"
