"""How much noise a set of queries needs, by every theorem, and what given noise spends."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
