"""From configuration to record: the straight line, which goes on where it was killed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
