"""Set what the benchmarks measured, as it was committed, into the documentation.

mkdocs.yml names this file as a hook.
"""

import json
from pathlib import Path
from typing import Any

MARK = "<!-- the table of speeds -->"
DATA = Path(__file__).parent.parent / "docs" / "data" / "speed.json"
HEAD = "| What | Seconds | Against | Seconds | Times as fast | Benchmark |\n|---|--:|---|--:|--:|---|"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the table in the place of the mark."""
    return markdown.replace(MARK, speeds_markdown()) if MARK in markdown else markdown


def speeds_markdown() -> str:
    """Return the committed measurements as a table."""
    rows = [
        f"| {row['what']} | {row['seconds']:.2g} | {row['against']} | {row['against_seconds']:.2g} | "
        f"{row['against_seconds'] / row['seconds']:,.0f} | `{row['benchmark']}` |"
        for row in json.loads(DATA.read_text(encoding="utf-8"))
    ]
    return "\n".join([HEAD, *rows])
