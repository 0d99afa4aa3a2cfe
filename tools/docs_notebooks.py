"""Set notebooks, with what their cells gave, into the documentation.

mkdocs.yml names this file as a hook. A page asks for a notebook by a line ``<!-- notebook: NAME.ipynb -->``.
Run as a program, it runs the notebooks from top to bottom and stores what they give:

    python tools/docs_notebooks.py [NAME ...]
"""

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

MARK = re.compile(r"^<!-- notebook: ([\w-]+\.ipynb) -->$", re.MULTILINE)
NOTEBOOKS = Path(__file__).parent.parent / "docs" / "notebooks"
MOST_SECONDS = 300


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put each notebook in the place of its mark."""
    return MARK.sub(lambda match: notebook_markdown(NOTEBOOKS / match[1]), markdown)


def notebook_markdown(path: Path) -> str:
    """Return a notebook as Markdown: prose, code, and what the code printed or showed."""
    parts: list[str] = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            # The page has a title of its own.
            parts.append(re.sub(r"\A# .*\n+", "", source).replace("](../", "]("))
            continue
        parts.append(f"```python\n{source}\n```")
        printed = "".join("".join(output.get("text", "")) for output in cell["outputs"])
        if printed:
            parts.append(f"```text\n{printed.rstrip()}\n```")
        parts += ["".join(output["data"]["text/html"]) for output in cell["outputs"] if "data" in output]
    return "\n\n".join(parts)


def given(notebook: Any) -> list[list[str]]:
    """Return what each cell of code printed, and the HTML of what it showed."""
    found: list[list[str]] = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            printed = [each.text for each in cell.outputs if each.get("name") == "stdout"]
            shown = [each.data["text/html"] for each in cell.outputs if "data" in each]
            found.append(["".join(printed), *shown])
    return found


def run(notebook: Any, folder: Path) -> Any:
    """Run a notebook in a folder from top to bottom."""
    from nbclient import NotebookClient  # noqa: PLC0415 - the hook needs none of it

    NotebookClient(notebook, timeout=MOST_SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def main(names: list[str]) -> None:
    """Run notebooks, and keep the outputs that the documentation shows."""
    import nbformat  # noqa: PLC0415 - as above

    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            notebook = run(nbformat.read(path, as_version=4), Path(folder))
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # times
            if cell.cell_type == "code":
                for output in cell.outputs:
                    if "data" in output:
                        output.data = {"text/html": output.data["text/html"]}
        path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
