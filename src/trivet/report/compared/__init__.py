"""What a comparison of two audits looks like: the page, its picture, and the same in Markdown."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
