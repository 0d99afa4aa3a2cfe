import numpy as np
import pytest

from trivet.datasets import ImageSet, load_mnist
from trivet.errors import DataError


def test_the_original_files_in_their_order(mnist_test):
    train = load_mnist("train")
    assert train.pixels.shape == (60_000, 1, 28, 28)
    assert mnist_test.pixels.shape == (10_000, 1, 28, 28)
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist_test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_pixels_are_the_bytes_over_255(mnist_test):
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    assert mnist_test.pixels.dtype == np.float32
    assert np.isin(mnist_test.pixels[::10], levels).all()
    # LeCun's page: 33.31 is the mean grey level of the test images out of 255, 0.1325 of one.
    assert mnist_test.pixels.mean(dtype=np.float64) == pytest.approx(0.1325, abs=5e-5)


def test_the_classes_have_their_known_sizes(mnist_test):
    assert np.bincount(mnist_test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_a_damaged_file_is_said_to_be_damaged(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mnist-test.npz").write_bytes(b"not an archive")
    monkeypatch.setattr("trivet.datasets.images.files", lambda _package: tmp_path)
    with pytest.raises(DataError, match="embedded MNIST test images cannot be read"):
        load_mnist("test")


def test_split_is_disjoint_complete_and_seeded():
    images = ImageSet("toy", np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1), np.arange(10), classes=10)
    first, second = images.split(0.3, seed=1)
    assert len(first) == 3
    assert sorted([*first.labels, *second.labels]) == list(range(10))
    assert np.array_equal(first.pixels.ravel(), first.labels)
    assert np.array_equal(images.split(0.3, seed=1)[0].labels, first.labels)
    assert not np.array_equal(images.split(0.5, seed=2)[0].labels, images.split(0.5, seed=1)[0].labels)
