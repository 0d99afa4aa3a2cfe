"""Findings of an audit, why each matters and what to do: for people and for machines."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
