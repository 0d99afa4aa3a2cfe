from pathlib import Path

import numpy as np
import pytest
from hostile_images import CASES, SIGN
from image_sources import idx_pair, picture_folder, saved, write_png

from trivet.datasets.pictures import read_picture
from trivet.datasets.source import EMBEDDED, load_images, read_images
from trivet.errors import DataError, UsageError
from trivet.work.confined import Confined, Limits


@pytest.fixture(scope="module")
def child():
    """One process for all cases, in which none of them may take more than half a gigabyte."""
    with Confined(Limits(memory_mib=768, seconds=5)) as confined:
        yield confined


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_or_hostile_source_costs_one_clear_line(tmp_path, capfd, child, case):
    source = case.build(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError) as caught:
        child.ask(
            "trivet.datasets.source:read", {"path": str(source), "limit": None, "seed": 0}, name=source.name
        )
    message = str(caught.value)
    assert case.message in message
    assert message.isprintable()  # one line, and nothing that a terminal would obey
    assert sorted(tmp_path.rglob("*")) == before
    assert not (tmp_path / SIGN).exists()
    assert capfd.readouterr() == ("", "")


def test_the_corpus_has_no_row_twice():
    assert len({case.name for case in CASES}) == len(CASES) > 25


def test_embedded_names(mnist_test):
    images = load_images("mnist")
    assert images.name == load_images("mnist/test").name == "mnist/test"
    assert np.array_equal(images.unit(), mnist_test.unit())
    assert len(load_images("mnist/train", limit=50)) == 50
    assert set(EMBEDDED) >= {"mnist", "mnist/test", "mnist/train"}


def test_a_limit_takes_the_same_number_of_each_class_by_the_seed(mnist_test):
    images = load_images("mnist", limit=205, seed=1)
    counts = np.bincount(images.labels)
    assert counts.sum() == 205
    assert set(counts) == {20, 21}
    again, other = (load_images("mnist", limit=205, seed=seed) for seed in (1, 2))
    assert np.array_equal(images.unit(), again.unit())
    assert not np.array_equal(images.unit(), other.unit())
    assert len(load_images("mnist", limit=10**6)) == len(mnist_test)


def test_a_limit_below_two_a_class_is_refused():
    with pytest.raises(
        UsageError, match="19 images are too few for the 10 classes of 'mnist/test'; take at least 20"
    ):
        load_images("mnist", limit=19)


def test_a_folder_may_hold_an_idx_pair_or_be_called_like_an_embedded_set(tmp_path, monkeypatch):
    path = idx_pair()(tmp_path)
    assert load_images(tmp_path).name == load_images(str(path)).name == "t10k-images-idx3-ubyte"
    monkeypatch.chdir(tmp_path)
    picture_folder(tmp_path).rename(tmp_path / "mnist")
    assert load_images("mnist").classes == 10
    assert load_images("./mnist").class_names == load_images(Path("mnist")).class_names == ("cat", "dog")


def test_every_kind_of_source_takes_a_limit(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 4, 4), dtype=np.uint8)
    labels = np.arange(40) % 4
    folder = tmp_path / "folder"
    for row, (picture, label) in enumerate(zip(pixels, labels, strict=True)):
        write_png(folder / str(label) / f"{row:02}.png", picture)
    for source in (saved(pixels, labels)(tmp_path), folder):
        images = load_images(source, limit=12, seed=3)
        assert np.bincount(images.labels).tolist() == [3, 3, 3, 3]
        for picture, label in zip(images.unit(), images.labels, strict=True):
            row = np.flatnonzero((picture[0] == pixels / np.float32(255)).all(axis=(1, 2)))
            assert labels[row].tolist() == [label]


def test_pictures_that_a_limit_leaves_out_are_not_opened(tmp_path, monkeypatch):
    root = picture_folder(tmp_path, each=300)
    opened = []

    def read(path, name, *more, **named):
        opened.append(name)
        return read_picture(path, name, *more, **named)

    monkeypatch.setattr("trivet.datasets.pictures.read_picture", read)
    assert len(read_images(root, limit=8)) == 8
    assert sorted(name[:4] for name in opened) == ["cat/"] * 4 + ["dog/"] * 4


def test_a_path_that_no_system_takes():
    with pytest.raises(DataError, match="expected one of mnist"):
        load_images("a\0b")


def test_a_source_is_read_in_another_process(tmp_path, monkeypatch):
    """The parent opens none of the files; the arrays are those that a reader in this process returns."""
    root = picture_folder(tmp_path)
    here = read_images(root)

    def refuse(*_arguments, **_settings):
        raise AssertionError("opened")

    monkeypatch.setattr("trivet.datasets.pictures.Image.open", refuse)
    monkeypatch.setattr("trivet.datasets.pictures.read_picture", refuse)
    for source in (root, str(root)):
        images = load_images(source)
        assert np.array_equal(images.unit(), here.unit())
        assert np.array_equal(images.labels, here.labels)
        assert (images.name, images.classes, images.class_names) == (
            here.name,
            here.classes,
            here.class_names,
        )


def test_a_name_too_long_is_one_line():
    with pytest.raises(DataError, match="File name too long"):
        load_images("a" * 300 + ".npz")
