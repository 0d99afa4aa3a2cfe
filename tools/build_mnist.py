"""Build the embedded MNIST files from the four original IDX files.

Usage: python tools/build_mnist.py FOLDER

FOLDER holds train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and
t10k-labels-idx1-ubyte.gz as published. Each is checked before anything is written.
"""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parent.parent / "src" / "trivet" / "datasets" / "data"
MD5_OF_UNPACKED = {
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
}
SPLITS = {"train": "train", "test": "t10k"}


def read_idx(folder: Path, name: str) -> np.ndarray:
    """Return the array of one IDX file after checking its digest."""
    raw = gzip.decompress((folder / f"{name}.gz").read_bytes())
    digest = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    if digest != MD5_OF_UNPACKED[name]:
        raise SystemExit(
            f"{name}: expected MD5 {MD5_OF_UNPACKED[name]}, found {digest}; nothing was written."
        )
    dimensions = raw[3]
    shape = np.frombuffer(raw, ">u4", count=dimensions, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def main(folder: Path) -> None:
    arrays = {name: read_idx(folder, name) for name in MD5_OF_UNPACKED}
    TARGET.mkdir(exist_ok=True)
    for split, prefix in SPLITS.items():
        path = TARGET / f"mnist-{split}.npz"
        np.savez_compressed(
            path, images=arrays[f"{prefix}-images-idx3-ubyte"], labels=arrays[f"{prefix}-labels-idx1-ubyte"]
        )
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path.name}: {path.stat().st_size:,} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
