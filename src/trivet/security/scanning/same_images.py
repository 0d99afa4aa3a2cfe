"""Two scans of the same images: which of them each network classifies rightly, and how often both do."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from trivet.security.scanning.results import SameImages

if TYPE_CHECKING:
    from trivet.security.networks import Classifier
    from trivet.security.scanning.scan import Scan
    from trivet.security.settings import ScanProfileName

__all__ = ["joined", "right_of"]

_RIGHT, _IMAGES, _DIGEST = "network.right", "network.images", "network.sha256"


def right_of(found: "Scan", network: "Classifier") -> dict[str, NDArray[Any]]:
    """Return which of the images of the clean accuracy a network classifies rightly, a bit each."""
    from trivet.security.evaluation import predict  # noqa: PLC0415 - PyTorch is heavy
    from trivet.security.frozen import freeze  # noqa: PLC0415 - as above
    from trivet.security.scanning.many import images_sha256  # noqa: PLC0415 - as above
    from trivet.security.scanning.scan import probed  # noqa: PLC0415 - as above

    images = probed(found.held_out, cast("ScanProfileName", found.result.profile))
    right = predict(found.contract.bind(freeze(network)), images) == images.labels
    return {
        _RIGHT: np.packbits(right),
        _IMAGES: np.array([len(images)], dtype=np.int64),
        _DIGEST: np.frombuffer(bytes.fromhex(images_sha256(images)), dtype=np.uint8),
    }


def joined(
    baseline: str, before: Mapping[str, NDArray[Any]], after: Mapping[str, NDArray[Any]]
) -> SameImages | None:
    """Count images by what both networks make of them; None where the two are not of the same images."""
    if not {_RIGHT, _IMAGES, _DIGEST} <= before.keys():
        return None
    if any(not np.array_equal(before[name], after[name]) for name in (_IMAGES, _DIGEST)):
        return None
    (images,) = after[_IMAGES].tolist()
    if before[_RIGHT].dtype != np.uint8 or before[_RIGHT].shape != after[_RIGHT].shape:
        return None
    old, new = (np.unpackbits(each[_RIGHT], count=images).astype(bool) for each in (before, after))
    counts = tuple(int(each.sum()) for each in (old & new, old & ~new, ~old & new, ~old & ~new))
    return SameImages(baseline, images, counts)  # pyright: ignore[reportArgumentType] - four of them
