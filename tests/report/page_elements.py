"""Which elements and which text does a page of HTML have?"""

from html.parser import HTMLParser


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
