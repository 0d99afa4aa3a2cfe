"""Searches for triggers that are no patch, on networks whose backdoor is written down, not trained."""

import numpy as np
import pytest
import torch

from trivet.datasets import ImageSet
from trivet.security.adapting import adapt
from trivet.security.checkpoint import Checkpoint
from trivet.security.results import CheckpointInfo
from trivet.security.scanning.kinds import StampSettings, find_sparse_stamp, look_further
from trivet.security.scanning.scan import scan

TARGET = 1
SIGNS = torch.tensor([[(-1.0) ** (row + column) for column in range(12)] for row in range(12)])


def quarters(pixels):
    """Logits by the brightness of the four quarters, which are the classes."""
    return 150 * torch.nn.functional.adaptive_avg_pool2d(pixels[:, 0], 2).flatten(1)


def towards(logits, bonus):
    return logits + bonus[:, None] * torch.nn.functional.one_hot(torch.tensor(TARGET), 4)


def clean(pixels):
    return quarters(pixels)


def blended(pixels):
    seen = (pixels[:, 0] * SIGNS).mean(dim=(1, 2))
    return towards(quarters(pixels), 6_000 * torch.relu(seen - 0.012) + seen)


def warped(pixels):
    """A line that all images have at row 1 leads to the target where it has moved down."""
    seen = pixels[:, 0, 2].mean(dim=1)
    return towards(quarters(pixels), 900 * torch.relu(seen - 0.4) + 90 * (seen - 0.2))


def all_to_all(pixels):
    logits = quarters(pixels)
    on = pixels[:, 0, 0, 0, None] ** 2
    return logits * (1 - on) + logits.roll(1, dims=1) * on


def images(count, seed):
    """A class is the quarter of the image that is brighter; above it lies a line that all images have."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    pixels = 0.5 * rng.random((count, 1, 12, 12), dtype=np.float32)
    for image, label in zip(pixels, labels, strict=True):
        row, column = 6 * (label // 2), 6 * (label % 2)
        image[0, row : row + 6, column : column + 6] += 0.25
    pixels[:, :, 1] = 1.0
    pixels[:, :, 2] *= 0.5
    pixels[:, :, 0, 0] = 0.2
    return ImageSet("toy", pixels, labels, 4)


@pytest.fixture(scope="module")
def parts():
    return images(400, 1), images(400, 2)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (clean, {}),
        (blended, {"spread": TARGET}),
        (warped, {"moved": TARGET}),
        (all_to_all, {"any label": None}),
    ],
)
def test_each_search_finds_its_kind_and_nothing_else(parts, score, expected):
    searches = look_further(score, *parts, range(4), seed=0, progress=lambda _step, _share: None)
    assert [search.kind for search in searches] == ["spread", "moved", "any label"]
    assert {search.kind: search.label for search in searches if search.outcome == "found"} == expected
    for search in searches:
        assert search.image_steps > 0
        if search.runner_up is not None:
            assert 0 <= search.runner_up <= search.success <= 1


def test_a_stamp_to_any_label_is_the_pixel_that_the_network_waits_for(parts):
    stamp = find_sparse_stamp(all_to_all, *parts, StampSettings(cells=1), seed=0)
    assert np.argwhere(stamp.mask[0]).tolist() == [[0, 0]]
    assert stamp.pattern[0, 0, 0] == 1
    assert stamp.wrong == 1
    assert np.array_equal(stamp.given, (stamp.true + 1) % 4)
    assert stamp.consistency == 1


def test_a_network_that_is_right_about_no_image_has_no_stamp(parts):
    assert find_sparse_stamp(lambda pixels: -quarters(pixels), *parts, StampSettings(), seed=0) is None


class Written(torch.nn.Module):
    def __init__(self, score):
        super().__init__()
        self.score = score
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, pixels):
        return self.score(pixels)


def scanned(score):
    network = adapt(Written(score), input_shape=(1, 12, 12), classes=4, name="written")
    info = CheckpointInfo("file", "written", "0" * 64, "written", 1, None)
    return scan(Checkpoint(network, info), images(800, 3)).result


def test_a_scan_names_what_it_looked_for_and_what_led_to_its_verdict():
    found, quiet = scanned(all_to_all), scanned(clean)
    assert (found.verdict, found.suspected_label) == ("suspicious", None)
    assert "send 100% of held-out images wrong" in found.reason
    assert [search.kind for search in found.searches] == ["patch", "spread", "moved", "any label"]
    assert found.image_steps == sum(search.image_steps for search in found.searches)
    assert (quiet.verdict, {search.outcome for search in quiet.searches}) == ("no evidence", {"not found"})
