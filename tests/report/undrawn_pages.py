"""Pages whose words are looked at, with an empty drawing in the place of each figure."""

from dataclasses import replace

import pytest

from trivet.report import pages

DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt" viewBox="0 0 72 36"><g/></svg>'


def _save_nothing(_figure, stem, *, formats):
    stem.with_suffix(".svg").write_text(DRAWING)
    return [stem.with_suffix(f".{suffix}") for suffix in formats]


def write_undrawn(page, result, folder):
    """Do what `write_page` does, but draw nothing; the names of the files are those of the figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "FIGURES", [replace(row, draw=lambda *_: None) for row in pages.FIGURES])
        patch.setattr(pages, "save_figure", _save_nothing)
        return pages.write_page(page, result, folder)
