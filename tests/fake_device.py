"""A device that computes nothing, for machines without an accelerator."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class FakeDevice(TorchDispatchMode):
    """PyTorch's meta device, from which drawn numbers come back: operators refuse tensors of two devices."""

    def __init__(self):
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        returning = torch.device("cpu") in (*args[1:2], kwargs.get("device"))
        if returning and args and getattr(args[0], "device", None) == torch.device("meta"):
            return torch.rand(args[0].shape, generator=self.generator)
        return func(*args, **kwargs)
