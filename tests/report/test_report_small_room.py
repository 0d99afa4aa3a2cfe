"""A picture in a page of the PDF that has less room than it is high."""

from importlib.resources import files

import pytest
import typst

TALL = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 300"><rect width="100" height="300"/></svg>'


@pytest.mark.parametrize(("room", "cut"), [("picture", False), ('image("tall.svg", width: 100%)', True)])
def test_a_picture_is_made_smaller_and_not_cut_off(tmp_path, room, cut):
    paper = (files("trivet.report") / "assets" / "paper.typ").read_text(encoding="utf-8")
    function = paper[paper.index("#let picture(") :].split("\n\n")[0]
    shown = '#picture("tall.svg", 1, [A picture])' if room == "picture" else f"#{room}"
    source = f"#set page(width: 4in, height: 3in, margin: 0.2in)\n{function}\n{shown}\n"
    (tmp_path / "tall.svg").write_text(TALL, encoding="utf-8")
    (tmp_path / "page.typ").write_text(source, encoding="utf-8")
    drawn = typst.compile(tmp_path / "page.typ", root=tmp_path, format="svg")
    pages = drawn if isinstance(drawn, list) else [drawn]
    assert len(pages) == 1
    # What is cut off has a path to be clipped by.
    assert (b"clip-path" in pages[0]) == cut
