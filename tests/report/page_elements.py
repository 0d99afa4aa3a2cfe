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

    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


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
