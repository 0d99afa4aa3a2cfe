"""How a record reads: figures, macros, the paper and the page, drawn from the record alone."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
