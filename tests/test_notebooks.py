"""The notebooks run from top to bottom, give what is stored in them, and are ten lines for each leg."""

import ast
import importlib.util
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
PAGES = sorted((ROOT / "docs").glob("*.md"))
LINES = 12
#: Of the checkpoint a network is scanned and repaired, which takes long.
TO_RUN = [
    pytest.param(path, marks=[pytest.mark.slow] if path.stem == "checkpoint" else []) for path in NOTEBOOKS
]


def hook():
    """The module that sets notebooks into the documentation, and runs them."""
    spec = importlib.util.spec_from_file_location("docs_notebooks", ROOT / "tools" / "docs_notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The kernel's libraries warn of their own defaults; what the cells do runs in a process of its own.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", TO_RUN, ids=lambda path: path.stem)
def test_a_notebook_gives_what_is_stored_in_it(path, tmp_path):
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    expected = hook().given(stored)
    assert all(any(cell) for cell in expected)
    assert hook().given(hook().run(nbformat.read(path, as_version=4), tmp_path)) == expected


def test_there_is_one_for_each_leg():
    assert [path.stem for path in NOTEBOOKS] == ["checkpoint", "loan-model", "release"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_about_ten_statements(path):
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert sum(len(ast.parse(source).body) for source in cells) <= LINES
    assert all(len(line) <= 120 for source in cells for line in source.splitlines())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_documentation_shows_a_notebook_with_its_results(path):
    mark = f"<!-- notebook: {path.name} -->"
    (page,) = [each for each in PAGES if mark in each.read_text(encoding="utf-8")]
    shown = hook().on_page_markdown(page.read_text(encoding="utf-8"))
    assert mark not in shown
    for printed, *displayed in hook().given(nbformat.read(path, as_version=4)):
        assert printed.rstrip() in shown
        assert all(html in shown for html in displayed)
