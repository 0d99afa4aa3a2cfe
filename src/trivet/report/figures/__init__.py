"""The figures: pure functions from a result to a matplotlib figure, and the table of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
