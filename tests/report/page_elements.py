"""Which elements and which text does a page of HTML have?"""

import re
from html.parser import HTMLParser

from matplotlib.image import imread


class Page(HTMLParser):
    """Every element of a page, with its attributes, and its text."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def drawings(self):
        """Attributes of every figure; the card's small ones are hidden, and the link around each speaks."""
        return [
            attributes
            for tag, attributes in self.elements
            if tag == "svg" and "aria-hidden" not in attributes
        ]

    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


#: What begins and ends a sentence's room.
_ROOMS = frozenset({"p", "li", "dd", "dt", "div", "section", "summary", "h1", "h2", "h3", "h4", "ul", "dl"})
#: Formulas, drawings, tables, captions, sources and entries are no sentences; contents repeat headings.
_NO_SENTENCES = frozenset(
    {"script", "style", "title", "svg", "math", "nav", "table", "figcaption", "cite", "ol"}
)


class _Sentences(HTMLParser):
    def __init__(self, source):
        super().__init__()
        self.text, self.left_out = "", 0
        self.feed(source)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - as the parser calls it
        self.left_out += tag in _NO_SENTENCES
        self.text += "\n" if tag in _ROOMS else ""

    def handle_endtag(self, tag):
        self.left_out -= tag in _NO_SENTENCES
        self.text += "\n" if tag in _ROOMS else ""

    def handle_data(self, data):
        self.text += "" if self.left_out else data.replace("\n", " ")


def sentences_of(source):
    """Sentences of a page, of seven words or more."""
    rooms = (" ".join(room.split()) for room in _Sentences(source).text.split("\n"))
    found = [each for room in rooms for each in re.split(r"(?<=[.?!])\s+(?=[A-Z“])", room)]
    return [each for each in found if len(each.split()) > 6 and each[-1] in ".?!"]


def rows_of(source, identifier):
    """Cells of the body of a table, as text, by row."""
    table = source[source.index(f'id="{identifier}"') :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    return [
        [" ".join(Page(cell).text.split()) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    ]


def assert_is_drawn_within_its_edges(png):
    """A picture is not blank, and nothing in it is cut off."""
    pixels = imread(png)[..., :3]
    assert pixels.std() > 0.05, png
    edges = (pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:])
    assert all((edge == 1.0).all() for edge in edges), png
