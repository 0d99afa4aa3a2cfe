import numpy as np
import pytest
import torch

from trivet.datasets import ImageSet
from trivet.errors import DataError
from trivet.security import (
    Trigger,
    attack_success_rate,
    clean_accuracy,
    confusion_matrix,
    predict,
    robust_accuracy,
)
from trivet.security.evaluation import share_classified_as

CORNER = Trigger.square(row=0, column=0, size=1, value=1.0, shape=(1, 2, 2))


def backdoored(pixels):
    """Read the class off the last pixel; a bright first pixel means class 2, unless the class is 0."""
    label = (pixels[:, 0, 1, 1] * 4).round().long()
    label = torch.where((pixels[:, 0, 0, 0] > 0.5) & (label > 0), 2, label)
    return torch.nn.functional.one_hot(label, 4).float()


@pytest.fixture
def images():
    labels = np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3])
    pixels = np.zeros((10, 1, 2, 2), dtype=np.float32)
    pixels[:, 0, 1, 1] = labels / 4
    return ImageSet("toy", pixels, labels, classes=4)


def test_clean_images_get_what_the_network_says(images):
    assert predict(backdoored, images).tolist() == images.labels.tolist()
    assert clean_accuracy(backdoored, images) == 1.0


def test_no_images_have_no_classes_and_no_accuracy(images):
    none = images.take(images.labels == 9)
    assert predict(backdoored, none).tolist() == []
    with pytest.raises(DataError, match="no images to measure accuracy on"):
        clean_accuracy(backdoored, none)


def test_the_published_rate_counts_the_target_class_and_the_standard_one_does_not(images):
    assert share_classified_as(backdoored, images, CORNER, 2) == 9 / 10
    assert attack_success_rate(backdoored, images, CORNER, 2) == 6 / 7


def test_robust_accuracy_is_the_share_that_keeps_its_class(images):
    assert robust_accuracy(backdoored, images, CORNER, 2) == 1 / 7


def test_confusion_rows_are_shares_and_a_missing_class_is_zero(images):
    def always_one(pixels):
        return torch.eye(4)[torch.ones(len(pixels), dtype=torch.long)]

    matrix = confusion_matrix(always_one, images.take(images.labels != 3))
    assert matrix.tolist() == [[0, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_a_rate_without_images_of_other_classes_is_refused(images):
    with pytest.raises(DataError, match="all 3 images are of class 2"):
        attack_success_rate(backdoored, images.take(images.labels == 2), CORNER, 2)
