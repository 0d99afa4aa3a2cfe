"""MNIST, embedded: 60,000 training and 10,000 test images of handwritten digits."""

import zipfile
from importlib.resources import as_file, files
from typing import Literal

import numpy as np

from trivet.datasets.images import ImageSet
from trivet.errors import DataError

__all__ = ["load_mnist"]


def load_mnist(split: Literal["train", "test"]) -> ImageSet:
    """Load one part of MNIST in the order of the original files.

    Parameters
    ----------
    split
        ``"train"`` (60,000 images) or ``"test"`` (10,000).

    Returns
    -------
    ImageSet
        Pixels of shape (n, 1, 28, 28), float32 in [0, 1].

    Raises
    ------
    DataError
        If the package's copy is missing or damaged.

    Notes
    -----
    Source: Y. LeCun, C. Cortes, C. Burges, CC BY-SA 3.0; see ``datasets/README.md``.
    """
    resource = files("trivet.datasets") / "data" / f"mnist-{split}.npz"
    try:
        with as_file(resource) as path, np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"the embedded MNIST {split} images cannot be read ({error}). Reinstall trivet, or build the "
            "file again with tools/build_mnist.py."
        ) from error
    pixels = np.divide(images[:, np.newaxis], np.float32(255), dtype=np.float32)
    return ImageSet(f"mnist/{split}", pixels, labels.astype(np.int64), classes=10)
