"""How much noise private answers need, how one is released, and what a mechanism or a model betrays."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
