"""Arrays that come back out of ``.npz`` and IDX files as they went in."""

import gzip
import string
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from image_sources import GREY, LABELS, idx, idx_pair, save, saved

from trivet.datasets.arrays import BLOCK_BYTES
from trivet.datasets.source import load_images, read_images
from trivet.errors import DataError

SIDE = st.integers(1, 7).filter(lambda side: side != 3)
PIXELS = {
    np.dtype(np.uint8): (np.uint8, 255),
    np.dtype(">u2"): (np.uint16, 65535),
    np.dtype(np.uint16): (np.uint16, 65535),
}


@st.composite
def image_arrays(draw, dtypes=(np.uint8, np.uint16, ">u2", np.float16, np.float32, np.float64)):
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    shape = (draw(st.integers(4, 9)), draw(st.integers(4, 8)), draw(st.integers(4, 8)))
    elements = st.floats(0, 1, width=8 * dtype.itemsize) if dtype.kind == "f" else None
    channels = draw(st.sampled_from([None, 1, 3]))
    axis = draw(st.sampled_from([1, 3]))
    if channels is not None:
        shape = (*shape[:axis], channels, *shape[axis:])
    return draw(hnp.arrays(dtype, shape, elements=elements)), channels, axis


@given(drawn=image_arrays(), packed=st.booleans(), one_hot=st.booleans(), upper=st.booleans())
def test_an_npz_gives_back_the_pixels_and_labels(tmp_path_factory, drawn, packed, one_hot, upper):
    array, channels, axis = drawn
    path = tmp_path_factory.mktemp("npz") / "toy.NPZ"
    labels = np.arange(len(array)) % 2
    stored = np.eye(3)[labels] if one_hot else labels.astype(np.uint8)
    with path.open("wb") as stream:
        write = np.savez_compressed if packed else np.savez
        write(stream, **{"X_TEST" if upper else "x": array, "Y_test": stored})
    images = read_images(path)
    expected = array if channels is None else np.moveaxis(array, axis, 1)
    expected = expected.reshape(len(array), channels or 1, *expected.shape[-2:])
    full_scale = {"u1": 255, "u2": 65535}.get(f"{array.dtype.kind}{array.dtype.itemsize}", 1)
    assert images.unit().dtype == np.float32
    assert np.array_equal(images.unit(), (expected / np.float64(full_scale)).astype(np.float32))
    assert images.labels.dtype == np.int64
    assert images.labels.tolist() == labels.tolist()
    assert (images.name, images.classes) == ("toy.NPZ", 2)


@given(array=hnp.arrays(np.uint8, st.tuples(st.integers(4, 9), SIDE, SIDE)), packed=st.booleans())
def test_an_idx_pair_gives_back_the_pixels_and_labels(tmp_path_factory, array, packed):
    labels = (np.arange(len(array)) % 2 * 7).astype(np.uint8)
    path = idx_pair(idx(array.shape, array.tobytes()), idx(labels.shape, labels.tobytes()), packed=packed)(
        tmp_path_factory.mktemp("idx")
    )
    images = read_images(path)
    assert np.array_equal(images.unit(), np.divide(array[:, np.newaxis], np.float32(255), dtype=np.float32))
    assert images.labels.tolist() == labels.tolist()
    assert images.classes == 8


def test_mnist_as_npz_has_the_bits_of_the_embedded_set(tmp_path, mnist_test):
    levels = np.rint(mnist_test.unit()[:, 0] * 255).astype(np.uint8)
    assert levels.nbytes > BLOCK_BYTES  # so that it takes more than one block
    path = saved(levels, mnist_test.labels)(tmp_path)
    assert np.array_equal(read_images(path).unit(), mnist_test.unit())
    few, same = read_images(path, limit=300), load_images("mnist", limit=300)
    assert np.array_equal(few.unit(), same.unit())
    assert np.array_equal(few.labels, same.labels)


def test_an_image_larger_than_a_block(tmp_path):
    array = np.random.default_rng(0).random((4, 1, 1024, 1200), dtype=np.float32)
    assert array[0].nbytes > BLOCK_BYTES
    assert np.array_equal(read_images(saved(array, [0, 1, 1, 0])(tmp_path)).unit(), array)


def test_class_names_say_how_many_classes_there_are(tmp_path):
    images = read_images(saved(GREY, class_names=np.array(["ant", "b\x1bee", "cat"]))(tmp_path))
    assert (images.classes, images.class_names) == (3, ("ant", r"b\x1bee", "cat"))
    assert images.take([0, 1]).class_names == images.split(0.5, seed=0)[1].class_names == images.class_names
    assert read_images(saved(GREY)(tmp_path)).class_names is None


@pytest.mark.parametrize(
    "labels", [LABELS[:, np.newaxis], LABELS.astype(np.uint64), np.eye(2, dtype=bool)[LABELS]]
)
def test_labels_of_other_shapes_and_types(tmp_path, labels):
    assert read_images(saved(GREY, labels)(tmp_path)).labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("images", "labels"),
    [("image", "label"), ("test_images", "test_labels"), ("data", "target"), ("arr_0", "arr_1")],
)
def test_arrays_go_by_the_names_that_data_sets_have(tmp_path, images, labels):
    beside = (
        {"train_images": np.zeros((1, 2, 2)), "train_labels": np.zeros(1)} if images == "test_images" else {}
    )
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 2, 2)
    np.savez(tmp_path / "a.npz", **{images: pixels, labels: np.array([0, 1, 0, 1])}, **beside)
    found = read_images(tmp_path / "a.npz")
    assert np.array_equal(found.pixels[:, 0], pixels)
    assert found.labels.tolist() == [0, 1, 0, 1]


def test_other_arrays_beside_them_are_left_alone(tmp_path):
    path = save(x_train=np.zeros(3), y_train=np.array([{}], object), x_test=GREY, y_test=LABELS)(tmp_path)
    assert len(read_images(path)) == len(GREY)


def test_one_file_of_a_pair_may_be_packed_and_the_name_have_a_full_stop(tmp_path):
    path = idx_pair()(tmp_path)
    (tmp_path / "x-images.idx3-ubyte").write_bytes(path.read_bytes())
    labels = tmp_path / "t10k-labels-idx1-ubyte"
    (tmp_path / "x-labels.idx1-ubyte.gz").write_bytes(gzip.compress(labels.read_bytes()))
    assert read_images(tmp_path / "x-images.idx3-ubyte").labels.tolist() == LABELS.tolist()


@given(data=st.data())
def test_damage_anywhere_is_read_or_refused_and_nothing_else(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damage")
    build = data.draw(
        st.sampled_from([saved(GREY, class_names=np.array(list(string.ascii_letters))), idx_pair()])
    )
    path = build(folder)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(DataError):
        pixels = read_images(path).unit()
        assert pixels.min() >= 0
        assert pixels.max() <= 1
