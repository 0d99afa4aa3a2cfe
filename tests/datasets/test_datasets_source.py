import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hostile_images import CASES, SIGN
from image_sources import idx_pair, picture_folder, saved, write_png

from trivet.datasets.picture import read_picture
from trivet.datasets.source import EMBEDDED, load_images
from trivet.errors import DataError, UsageError

# The peak of the process itself: getrusage would count that of the process that started it as well.
MEASURE = r"""
import re, sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from hostile_images import CASES
from trivet.datasets.source import load_images
from trivet.errors import DataError
for case in CASES:
    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as folder:
        try:
            load_images(case.build(Path(folder)))
        except DataError:
            continue
        sys.exit(case.name)
print(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_or_hostile_source_costs_one_clear_line(tmp_path, capfd, case):
    source = case.build(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError) as caught:
        load_images(source)
    message = str(caught.value)
    assert case.message in message
    assert message.isprintable()  # one line, and nothing that a terminal would obey
    assert sorted(tmp_path.rglob("*")) == before
    assert not (tmp_path / SIGN).exists()
    assert capfd.readouterr() == ("", "")


def test_the_corpus_has_no_row_twice():
    assert len({case.name for case in CASES}) == len(CASES) > 25


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of memory is read from /proc")
def test_the_corpus_stays_small_in_memory(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(Path(__file__).parent), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 512 * 1024  # KiB


def test_embedded_names(mnist_test):
    images = load_images("mnist")
    assert images.name == load_images("mnist/test").name == "mnist/test"
    assert np.array_equal(images.pixels, mnist_test.pixels)
    assert len(load_images("mnist/train", limit=50)) == 50
    assert set(EMBEDDED) >= {"mnist", "mnist/test", "mnist/train"}


def test_a_limit_takes_the_same_number_of_each_class_by_the_seed(mnist_test):
    images = load_images("mnist", limit=205, seed=1)
    counts = np.bincount(images.labels)
    assert counts.sum() == 205
    assert set(counts) == {20, 21}
    again, other = (load_images("mnist", limit=205, seed=seed) for seed in (1, 2))
    assert np.array_equal(images.pixels, again.pixels)
    assert not np.array_equal(images.pixels, other.pixels)
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
        for picture, label in zip(images.pixels, images.labels, strict=True):
            row = np.flatnonzero((picture[0] == pixels / np.float32(255)).all(axis=(1, 2)))
            assert labels[row].tolist() == [label]


def test_pictures_that_a_limit_leaves_out_are_not_opened(tmp_path, monkeypatch):
    root = picture_folder(tmp_path, each=300)
    opened = []

    def read(path, name, like=None):
        opened.append(name)
        return read_picture(path, name, like)

    monkeypatch.setattr("trivet.datasets.folder.read_picture", read)
    assert len(load_images(root, limit=8)) == 8
    assert sorted(name[:4] for name in opened) == ["cat/"] * 4 + ["dog/"] * 4


def test_a_path_that_no_system_takes():
    with pytest.raises(DataError, match="expected one of mnist"):
        load_images("a\0b")
