"""Does this network hide a backdoor, which one, and can it be repaired?"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
