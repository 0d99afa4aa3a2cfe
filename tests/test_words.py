"""The check of words: it finds what it refuses, and leaves names in code alone."""

import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "check_words.py"
SPEC = importlib.util.spec_from_file_location("check_words", TOOL)
check_words = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check_words)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('"""Is it?"""\n', [1]),
        ('"""Which rows are kept."""\n', [1]),
        ('"""Rows are kept.\n\nAre they?\n"""\n', []),
        ('def f():\n    """Does it?\n\n    More.\n    """\n', [2]),
        ('x = 1  # what was asked\nraise ValueError(f"{x} is no number, {told(x)}")\n', [1, 2]),
        ('"""All rows.\n\nThey are\nno rows.\n"""\n', [3]),
        ('asked = told(lots)\nx["asked"]  # there are no rows, and `asked` is code\n', []),
        ('x = "SELECT asked FROM entry"\n', []),
    ],
)
def test_python(source, lines):
    assert sorted(line for line, _ in check_words.hits_of_python(source)) == lines


def test_prose():
    text = "A stranger's file.\n\n```sh\nasked\n```\n\nIt hangs\non `told`. [x]{v=asked} of one's own\n"
    assert [line + 1 for line, _ in check_words.hits_of_prose(text)] == [1, 7, 8]
