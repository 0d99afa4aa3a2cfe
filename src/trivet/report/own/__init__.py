"""What does a plan or an audit of the user's own look like: its page and its pictures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
