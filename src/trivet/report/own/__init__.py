"""Page and figures of a noise plan, or of an audit of predictions, a mechanism or a model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
