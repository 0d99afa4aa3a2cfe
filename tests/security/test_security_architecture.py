import pytest
import torch

from trivet.errors import UsageError
from trivet.security import build_architecture
from trivet.security.networks import MnistCNN


def test_layers_have_the_names_of_the_attacked_checkpoints():
    shapes = {
        name: tuple(tensor.shape) for name, tensor in build_architecture("mnist-cnn").state_dict().items()
    }
    assert shapes == {
        "conv1.0.weight": (16, 1, 5, 5),
        "conv1.0.bias": (16,),
        "conv2.0.weight": (32, 16, 5, 5),
        "conv2.0.bias": (32,),
        "fc1.0.weight": (512, 512),
        "fc1.0.bias": (512,),
        "fc2.0.weight": (10, 512),
        "fc2.0.bias": (10,),
    }


def test_forward_is_the_softmax_of_the_logits():
    model = build_architecture("mnist-cnn").eval()
    inputs = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(inputs), torch.softmax(model.logits(inputs), dim=-1))


def test_building_is_seeded_and_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    first, second = build_architecture("mnist-cnn", seed=3), build_architecture("mnist-cnn", seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert isinstance(first, MnistCNN)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="no architecture is called 'resnet'; expected one of: mnist-cnn"):
        build_architecture("resnet")
