"""Which lines of text does a figure really draw, and where?"""

from matplotlib import style
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.transforms import Bbox


class RecordingRenderer(RendererAgg):
    """Keeps the box of every line of text that would be drawn, and draws nothing."""

    def _nothing(self, *_arguments, **_options):
        pass

    draw_path = draw_markers = draw_path_collection = draw_quad_mesh = draw_image = _nothing

    def draw_text(self, gc, x, y, s, prop, angle, **options):  # noqa: ARG002 - matplotlib's signature
        width, height, descent = self.get_text_width_height_descent(s, prop, options["ismath"])
        base = self.height - y
        box = (
            (x, base - descent, x + width, base - descent + height)
            if angle == 0
            else (x - height + descent, base, x + descent, base + width)
        )
        self.boxes.append((s, Bbox.from_extents(*box)))


def drawn_texts(figure):
    # As `save_figure` does it, whose files these lines stand in.
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)
        layout.execute(figure)
    figure.set_layout_engine("none")
    renderer = RecordingRenderer(figure.bbox.width, figure.bbox.height, figure.dpi)
    renderer.boxes = []
    with style.context("default"):
        figure.draw(renderer)
    return [(text, box) for text, box in renderer.boxes if text.strip()]


def assert_texts_are_legible(figure):
    """Every line of text lies within the figure and on no other."""
    texts = drawn_texts(figure)
    assert texts
    for text, box in texts:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= figure.bbox.width, text
        assert box.y1 <= figure.bbox.height, text
    for i, (text, box) in enumerate(texts):
        for other_text, other in texts[:i]:
            shared = Bbox.intersection(box, other)
            assert shared is None or min(shared.width, shared.height) < 1.5, (text, other_text)
