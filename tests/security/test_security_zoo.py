import json
from typing import get_args

import pytest
import torch

from trivet import security
from trivet.errors import UsageError
from trivet.security import Recipe
from trivet.security.settings import ArchitectureName, AttackName
from trivet.security.zoo import FAMILIES

SMALL = {"images": 3_000}


@pytest.mark.slow
def test_a_specimen_is_written_with_its_recipe_and_loads_again(tmp_path):
    recipe = Recipe(attack="badnets", target=5, seed=2, fraction=0.2, **SMALL)
    specimen = security.train_specimen(recipe)
    assert specimen.clean_accuracy > 0.7
    assert 0 <= specimen.attack_success_rate <= 1
    weights, card = security.save_specimen(specimen, tmp_path / "zoo" / "a.safetensors")
    loaded = security.load_checkpoint(weights)
    assert all(
        torch.equal(a, b) for a, b in zip(loaded.model.parameters(), specimen.model.parameters(), strict=True)
    )
    written = json.loads(card.read_text(encoding="utf-8"))
    assert Recipe(**written["recipe"]) == recipe
    assert len(written["trigger_pixels"]) == specimen.attack.mask.sum()
    again = security.train_specimen(recipe)
    assert all(
        torch.equal(a, b) for a, b in zip(again.model.parameters(), specimen.model.parameters(), strict=True)
    )


def test_a_clean_specimen_has_no_attack(tmp_path):
    specimen = security.train_specimen(Recipe(seed=1, **SMALL))
    assert (specimen.attack, specimen.attack_success_rate) == (None, None)
    _, card = security.save_specimen(specimen, tmp_path / "a.safetensors")
    assert json.loads(card.read_text(encoding="utf-8"))["trigger_pixels"] is None


@pytest.mark.parametrize("architecture", FAMILIES)
def test_every_family_has_images_that_its_architecture_takes(architecture):
    images = FAMILIES[architecture].load("test")
    model = security.build_architecture(architecture)
    assert images.pixels.shape[1:] == model.input_shape
    assert images.classes == model.classes
    assert model.eval()(torch.from_numpy(images.pixels[:2])).shape == (2, model.classes)


def test_a_recipe_names_what_the_tables_have():
    assert set(get_args(ArchitectureName)) == set(FAMILIES)
    assert set(get_args(AttackName)) == {*security.ATTACKS, "none"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"architecture": "vgg"}, "architecture is 'vgg'; expected one of: mnist-cnn"),
        ({"fraction": 1.5}, "fraction is 1.5; expected 0 to 1"),
        ({"images": 0}, "images is 0; expected 1 or more"),
        ({"attack": "badnets"}, "give target with badnets"),
    ],
)
def test_a_recipe_that_cannot_be(arguments, words):
    with pytest.raises(UsageError, match=words):
        Recipe(**arguments)
