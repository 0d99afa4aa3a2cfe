import pytest
import torch

from trivet.security.evaluation import bytes_an_image, images_at_once

IMAGE = torch.zeros(1, 1, 10, 10)
WEIGHT = torch.ones(4, 1, 3, 3)
#: Of one image: four maps of 8x8 numbers, as the convolution and the ReLU give them, and four means.
BYTES = 4 * (2 * 4 * 8 * 8 + 4)


def score(pixels):
    return torch.nn.functional.conv2d(pixels, WEIGHT).relu().mean(dim=(2, 3))


def test_results_count_and_what_is_made_once_does_not():
    assert bytes_an_image(score, IMAGE) == BYTES
    assert bytes_an_image(lambda pixels: score(pixels) + (WEIGHT * 2).sum(), IMAGE) == BYTES + 16


def test_views_and_results_in_place_take_nothing_more():
    assert bytes_an_image(lambda pixels: score(pixels).relu_().view(-1, 2, 2).flatten(1), IMAGE) == BYTES


def test_a_result_that_no_gradient_needs_counts():
    large = bytes_an_image(
        lambda pixels: pixels.expand(-1, 1_000, -1, -1).contiguous().sum(dim=(2, 3)), IMAGE
    )
    assert large == 4 * 1_000 * 101


def test_a_network_of_a_fixed_number_of_images_counts_whole():
    def in_fours(pixels):
        return score(torch.cat([pixels, pixels[-1:].expand(4 - len(pixels), -1, -1, -1)]))[: len(pixels)]

    assert bytes_an_image(in_fours, IMAGE) >= 4 * BYTES


@pytest.mark.parametrize(("budget", "images"), [(1, 1), (10 * BYTES, 10), (10**9, 160)])
def test_a_batch_fits_the_budget(budget, images):
    assert images_at_once(score, IMAGE, at_most=160, budget=budget) == images
