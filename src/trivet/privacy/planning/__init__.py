"""Noise plan of a set of queries by every theorem, and the privacy loss of given noise."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
